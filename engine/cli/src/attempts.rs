//! Every attempt of a run, gathered from its facts: when, how long, at what cost, with what end.

use sunward_core::{Energy, Fact, Failure, RanOn, RunId, StageId};

/// One attempt that ended.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// Its stage.
    pub(crate) stage: StageId,
    /// Its task in the stage.
    pub(crate) index: u32,
    /// Which lease of the task it was, from 1: its log is named by it.
    pub(crate) generation: u32,
    /// When it began, milliseconds since the epoch.
    pub(crate) started_ms: u64,
    /// How long it took, in microseconds.
    pub(crate) wall_us: u64,
    /// Processor time, in microseconds.
    pub(crate) cpu_us: u64,
    /// What it used.
    pub(crate) energy: Energy,
    /// On what it ran; nothing where it did not come so far.
    pub(crate) ran_on: Option<RanOn>,
    /// Why it failed, if it did, and whether it was tried again.
    pub(crate) failure: Option<(Failure, bool)>,
}

impl Attempt {
    /// How long it took.
    pub(crate) fn wall_seconds(&self) -> f64 {
        crate::render::units::float(self.wall_us) / 1e6
    }

    /// Processor time.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        crate::render::units::float(self.cpu_us) / 1e6
    }

    /// When it ended, milliseconds since the epoch.
    pub(crate) const fn ended_ms(&self) -> u64 {
        self.started_ms.saturating_add(self.wall_us / 1000)
    }
}

/// Adds the attempts that a fact of this run tells of.
pub(crate) fn collect(run: RunId, fact: &Fact, attempts: &mut Vec<Attempt>) {
    match fact {
        Fact::Finished {
            run: of,
            stage,
            successes,
        } if *of == run => attempts.extend(successes.iter().map(|success| Attempt {
            stage: *stage,
            index: success.index,
            generation: success.generation.0,
            started_ms: success.started_ms,
            wall_us: success.wall_us,
            cpu_us: success.cpu_us,
            energy: success.energy,
            ran_on: Some(success.result.ran_on.clone()),
            failure: None,
        })),
        Fact::Failed {
            run: of,
            stage,
            index,
            generation,
            started_ms,
            wall_us,
            cpu_us,
            energy,
            failure,
            retry_at,
        } if *of == run => attempts.push(Attempt {
            stage: *stage,
            index: *index,
            generation: generation.0,
            started_ms: *started_ms,
            wall_us: *wall_us,
            cpu_us: *cpu_us,
            energy: *energy,
            ran_on: failure.ran_on.clone(),
            failure: Some((failure.clone(), retry_at.is_some())),
        }),
        _ => {}
    }
}
