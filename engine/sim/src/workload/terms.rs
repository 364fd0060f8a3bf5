//! The home and deadline of recorded workflows, which records do not contain.

use crate::draft::RunDraft;

/// Terms for recorded workflows, which are numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The homes (zones, regions or pools) that workflows get in rotation; none if empty.
    pub homes: Vec<String>,
    /// The deadline in thousandths of the critical path, without transfers.
    pub deadline_permille: u64,
    /// Energy that moves one gigabyte between regions, in milliwatt-hours.
    pub transfer_milliwatt_hours_per_gb: u64,
}

impl Terms {
    /// Applies these terms to the workflow of this number.
    #[must_use]
    pub fn apply(&self, number: usize, draft: &RunDraft) -> RunDraft {
        let turn = number.checked_rem(self.homes.len());
        let path_ms = u128::from(draft.critical_path_ms());
        let deadline_ms = (path_ms * u128::from(self.deadline_permille)).div_ceil(1000);
        RunDraft {
            home: turn.and_then(|turn| self.homes.get(turn)).cloned(),
            deadline_ms: Some(u64::try_from(deadline_ms).unwrap_or(u64::MAX)),
            transfer_milliwatt_hours_per_gb: self.transfer_milliwatt_hours_per_gb,
            ..draft.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Terms;
    use crate::draft::{RunDraft, StageDraft};

    #[test]
    fn homes_come_in_turn_and_deadlines_follow_the_longest_path() {
        let stage = |name: &str, reads: &[&str], task_ms| StageDraft {
            name: name.into(),
            tasks: 1,
            task_ms,
            reads: reads.iter().map(|one| (*one).to_owned()).collect(),
            ..StageDraft::default()
        };
        let mut pair = stage("pair", &["a"], 1000);
        (pair.tasks, pair.width) = (3, Some(2));
        let draft = RunDraft {
            stages: vec![stage("a", &[], 500), stage("b", &[], 700), pair],
            ..RunDraft::default()
        };
        let terms = Terms {
            homes: vec!["DE".into(), "NO".into()],
            deadline_permille: 1200,
            transfer_milliwatt_hours_per_gb: 7,
        };
        let told = [0, 1, 2].map(|number| {
            let run = terms.apply(number, &draft);
            (run.home.unwrap(), run.deadline_ms)
        });
        // 500 ms, then two rounds of a second.
        let of = |home: &str| (home.to_owned(), Some(3000));
        assert_eq!(told, [of("DE"), of("NO"), of("DE")]);
    }
}
