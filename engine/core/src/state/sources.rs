//! Which sources a stage reads: of alternatives, the first whose stage was not skipped.

use sunward_workflows::{Input, Reference};

use super::run::RunState;
use super::stage::{Phase, StageEnd};
use crate::fact::SkipReason;

impl RunState {
    /// The sources of an input that are read. Without `first` these are all.
    #[must_use]
    pub fn sources<'i>(&self, input: &'i Input) -> &'i [Reference] {
        input.sources(|stage| self.was_skipped(stage))
    }

    /// Whether a stage was skipped by a condition: its own, or one of a stage before it. A stage
    /// that did not run because another failed was not skipped in this sense, so that no alternative
    /// hides the failure.
    #[must_use]
    pub fn was_skipped(&self, name: &str) -> bool {
        let mut next = self.spec.plan.find(name);
        while let Some((_, stage)) = next.and_then(|id| self.get(id)) {
            let Phase::Ended(StageEnd::Skipped(reason)) = &stage.phase else {
                return false;
            };
            match reason {
                SkipReason::Condition | SkipReason::NotSelected => return true,
                SkipReason::UpstreamFailed(_) | SkipReason::Cancelled => return false,
                SkipReason::UpstreamSkipped(before) => next = Some(*before),
            }
        }
        false
    }
}
