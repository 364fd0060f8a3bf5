//! What policies are told of the lengths of jobs.

use std::sync::Arc;

use sunward_core::RunSpec;

/// What policies are told of the lengths of jobs. The world always runs the true ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lengths {
    /// Each job's length, exactly.
    #[default]
    Known,
    /// How long earlier jobs of the same user and name took, once some have ended; before, an hour.
    /// This is what the core does for any stage without `expect.time`: it expects the mean of the
    /// ended attempts of the same command, and keeps the margin of their spread. Without attempts it
    /// assumes an hour, and log-normal times around it.
    History,
}

impl Lengths {
    /// What policies are told of a run: its spec, where it has a known length. Else a spec without
    /// times. A deadline that is the length and some slack would tell the length. Such a run may
    /// start as late as its slack allows, and has no deadline (`slack_ms`).
    pub(crate) fn told(self, spec: &Arc<RunSpec>, slack_ms: Option<u64>) -> Arc<RunSpec> {
        if self == Self::Known {
            return Arc::clone(spec);
        }
        let mut told = RunSpec::clone(spec);
        told.placing.times_are_exact = false;
        if slack_ms.is_some() {
            told.workflow.place.deadline_ms = None;
            told.workflow.place.max_delay_ms = slack_ms;
        }
        for stage in told.workflow.stages.values_mut() {
            stage.expect.time_ms = None;
        }
        for planned in &mut told.plan.stages {
            planned.stage.expect.time_ms = None;
        }
        Arc::new(told)
    }
}
