//! How the stages of a run ended, in numbers that add up to the number of stages.

use serde::Serialize;
use sunward_core::{RunState, StageEnd};

use crate::render::units::{count, plural};

/// How many stages ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    /// All stages. It is the sum of the others.
    pub(crate) stages: u64,
    pub(crate) succeeded: u64,
    /// Stages that began and failed.
    pub(crate) failed: u64,
    /// Stages that could not start, for example because a file of theirs is missing.
    pub(crate) not_started: u64,
    pub(crate) skipped: u64,
    pub(crate) cancelled: u64,
    /// Stages that have not ended.
    pub(crate) open: u64,
}

impl Summary {
    /// The numbers of a run.
    pub(crate) fn of(run: &RunState) -> Self {
        let mut summary = Self::default();
        for stage in run.stages() {
            summary.stages += 1;
            let number = match stage.end() {
                None => &mut summary.open,
                Some(StageEnd::Succeeded) => &mut summary.succeeded,
                Some(StageEnd::Failed) if stage.unresolvable().is_some() => {
                    &mut summary.not_started
                }
                Some(StageEnd::Failed) => &mut summary.failed,
                Some(StageEnd::Skipped(_)) => &mut summary.skipped,
                Some(StageEnd::Cancelled) => &mut summary.cancelled,
            };
            *number += 1;
        }
        summary
    }

    /// `3 stages: 1 succeeded, 1 could not start, 1 skipped`; `None` if all succeeded.
    pub(crate) fn text(&self) -> Option<String> {
        let numbers = [
            (self.succeeded, "succeeded"),
            (self.failed, "failed"),
            (self.not_started, "could not start"),
            (self.skipped, "skipped"),
            (self.cancelled, "cancelled"),
            (self.open, "unfinished"),
        ];
        let told = numbers.iter().filter(|(number, _)| *number > 0);
        let told: Vec<String> = told
            .map(|(number, word)| format!("{} {word}", count(*number)))
            .collect();
        (self.succeeded < self.stages)
            .then(|| format!("{}: {}", plural(self.stages, "stage"), told.join(", ")))
    }
}
