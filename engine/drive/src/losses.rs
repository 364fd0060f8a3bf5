//! Lost parts that attempts missed, until the stages concerned are restarted.

use std::collections::{BTreeMap, BTreeSet};

use sunward_core::{
    Dataset, Digest, Failure, FailureKind, Outcome, RunId, StageId, State, TaskEnd,
};

use crate::view;

/// How often the inputs of one stage may be lost in an engine's life. A store that repeatedly loses
/// what was just written cannot be used.
const LIMIT: u32 = 3;

/// Missed parts, by the stage that missed them.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    waiting: BTreeMap<StageId, BTreeSet<Digest>>,
    begun_again: BTreeMap<StageId, u32>,
}

impl Losses {
    /// Whether anything is lost.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Records that a stage missed a part. Its failure becomes permanent if that happened too
    /// often.
    pub(crate) fn miss(&mut self, stage: StageId, failure: &mut Failure) -> bool {
        if failure.kind != FailureKind::InputLost {
            return false;
        }
        if self.begun_again.get(&stage).copied().unwrap_or(0) >= LIMIT {
            failure.kind = FailureKind::Permanent;
            failure.message.push_str(&format!(
                "; computing it again {LIMIT} times did not help: check the disk of the store, or keep the state elsewhere with `--home`"
            ));
            return false;
        }
        self.waiting.entry(stage).or_default();
        true
    }

    /// Records that parts of a stage's output are lost. An empty list changes nothing.
    pub(crate) fn found(&mut self, stage: StageId, parts: impl Iterator<Item = Digest>) {
        let parts: BTreeSet<Digest> = parts.collect();
        if !parts.is_empty() {
            self.waiting.entry(stage).or_default().extend(parts);
        }
    }

    /// Finds lost inputs among the ends of attempts.
    pub(crate) fn among(&mut self, run: RunId, ends: &mut [TaskEnd]) {
        for end in ends {
            if let Outcome::Failed(failure) = &mut end.outcome
                && end.task.run == run
            {
                self.miss(end.task.stage, failure);
            }
        }
    }

    /// The waiting stages, each with those of its inputs' parts for which `lacks` is true.
    pub(crate) fn missed(
        &mut self,
        state: &State,
        run: RunId,
        lacks: &dyn Fn(&Dataset) -> Vec<Digest>,
    ) -> Vec<(StageId, BTreeSet<Digest>)> {
        for (stage, parts) in &mut self.waiting {
            if parts.is_empty() {
                let datasets = view::read_by(state, run, *stage);
                parts.extend(datasets.iter().flat_map(lacks));
            }
        }
        let waiting = self.waiting.iter();
        waiting
            .map(|(stage, parts)| (*stage, parts.clone()))
            .collect()
    }

    /// Forgets the losses of a stage that was restarted.
    pub(crate) fn mended(&mut self, missed_by: StageId, stages: &[StageId]) {
        self.waiting.retain(|stage, _| !stages.contains(stage));
        *self.begun_again.entry(missed_by).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Failure {
        Failure {
            kind: FailureKind::InputLost,
            message: "input x: part y is gone".into(),
            log_tail: String::new(),
            ran_on: None,
        }
    }

    #[test]
    fn a_store_that_loses_everything_again_is_given_up() {
        let mut losses = Losses::default();
        let stage = StageId(3);
        for _ in 0..LIMIT {
            assert!(losses.miss(stage, &mut lost()));
            losses.mended(stage, &[StageId(1), stage]);
            assert!(losses.is_empty());
        }
        let mut last = lost();
        assert!(!losses.miss(stage, &mut last) && losses.is_empty());
        assert_eq!(last.kind, FailureKind::Permanent);
        assert!(last.message.contains("--home"), "{}", last.message);
    }

    #[test]
    fn other_failures_are_no_losses() {
        let mut other = lost();
        other.kind = FailureKind::Exit(1);
        let mut losses = Losses::default();
        assert!(!losses.miss(StageId(0), &mut other) && losses.is_empty());
    }
}
