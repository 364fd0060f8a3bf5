//! The status of a task and its transition table.

use serde::{Deserialize, Serialize};

/// The status of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// Its key is not looked up yet.
    #[default]
    Waiting,
    /// It may be leased.
    Ready,
    /// It waits for another attempt, or for a task with the same key.
    Deferred,
    /// It is leased.
    Active,
    /// It ran and has a result.
    Succeeded,
    /// Its result was known, from the cache or from a task with the same key.
    Cached,
    /// It failed and is not retried.
    Failed,
    /// It does not run, because its stage was given up.
    Skipped,
    /// A user stopped it.
    Cancelled,
    /// It is held because the run exceeded its budget.
    Held,
}

/// An event in the life of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEvent {
    /// No result is known under its key, so it may run.
    Open,
    /// It has to wait.
    Defer,
    /// A worker got a lease on it.
    Lease,
    /// It produced a result.
    Succeed,
    /// Its result was known.
    Hit,
    /// It failed for good.
    Fail,
    /// Its lease ended without an outcome.
    Lose,
    /// Its stage was given up.
    Skip,
    /// A user stopped it.
    Cancel,
    /// It is held.
    Hold,
    /// It is no longer held.
    Release,
    /// It runs again although it had ended.
    Reopen,
}

impl TaskStatus {
    /// All statuses, in the order of [`Counts`].
    pub const ALL: [Self; 10] = [
        Self::Waiting,
        Self::Ready,
        Self::Deferred,
        Self::Active,
        Self::Succeeded,
        Self::Cached,
        Self::Failed,
        Self::Skipped,
        Self::Cancelled,
        Self::Held,
    ];

    /// The next status; `None` if the event is not possible here.
    #[must_use]
    pub const fn next(self, event: TaskEvent) -> Option<Self> {
        use TaskEvent as E;
        match self {
            Self::Waiting => match event {
                E::Open => Some(Self::Ready),
                E::Defer => Some(Self::Deferred),
                E::Hit => Some(Self::Cached),
                E::Skip => Some(Self::Skipped),
                E::Cancel => Some(Self::Cancelled),
                E::Hold => Some(Self::Held),
                E::Lease | E::Succeed | E::Fail | E::Lose | E::Release | E::Reopen => None,
            },
            Self::Ready => match event {
                E::Lease => Some(Self::Active),
                E::Defer => Some(Self::Deferred),
                E::Hit => Some(Self::Cached),
                E::Skip => Some(Self::Skipped),
                E::Cancel => Some(Self::Cancelled),
                E::Hold => Some(Self::Held),
                E::Open | E::Succeed | E::Fail | E::Lose | E::Release | E::Reopen => None,
            },
            Self::Deferred => match event {
                E::Open => Some(Self::Ready),
                E::Hit => Some(Self::Cached),
                E::Skip => Some(Self::Skipped),
                E::Cancel => Some(Self::Cancelled),
                E::Hold => Some(Self::Held),
                E::Defer | E::Lease | E::Succeed | E::Fail | E::Lose | E::Release | E::Reopen => {
                    None
                }
            },
            Self::Active => match event {
                E::Succeed => Some(Self::Succeeded),
                E::Fail => Some(Self::Failed),
                E::Defer => Some(Self::Deferred),
                E::Lose => Some(Self::Ready),
                E::Cancel => Some(Self::Cancelled),
                E::Open | E::Lease | E::Hit | E::Skip | E::Hold | E::Release | E::Reopen => None,
            },
            Self::Held => match event {
                E::Release => Some(Self::Ready),
                E::Skip => Some(Self::Skipped),
                E::Cancel => Some(Self::Cancelled),
                E::Open
                | E::Defer
                | E::Lease
                | E::Succeed
                | E::Hit
                | E::Fail
                | E::Lose
                | E::Hold
                | E::Reopen => None,
            },
            Self::Failed | Self::Skipped | Self::Cancelled => match event {
                E::Reopen => Some(Self::Waiting),
                E::Open
                | E::Defer
                | E::Lease
                | E::Succeed
                | E::Hit
                | E::Fail
                | E::Lose
                | E::Skip
                | E::Cancel
                | E::Hold
                | E::Release => None,
            },
            Self::Succeeded | Self::Cached => match event {
                E::Open
                | E::Defer
                | E::Lease
                | E::Succeed
                | E::Hit
                | E::Fail
                | E::Lose
                | E::Skip
                | E::Cancel
                | E::Hold
                | E::Release
                | E::Reopen => None,
            },
        }
    }

    /// Whether the task has ended.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Succeeded | Self::Cached | Self::Failed | Self::Skipped | Self::Cancelled => true,
            Self::Waiting | Self::Ready | Self::Deferred | Self::Active | Self::Held => false,
        }
    }

    /// Whether it has a result.
    #[must_use]
    pub const fn has_result(self) -> bool {
        match self {
            Self::Succeeded | Self::Cached => true,
            Self::Waiting
            | Self::Ready
            | Self::Deferred
            | Self::Active
            | Self::Failed
            | Self::Skipped
            | Self::Cancelled
            | Self::Held => false,
        }
    }

    /// The index in [`Self::ALL`].
    const fn place(self) -> usize {
        match self {
            Self::Waiting => 0,
            Self::Ready => 1,
            Self::Deferred => 2,
            Self::Active => 3,
            Self::Succeeded => 4,
            Self::Cached => 5,
            Self::Failed => 6,
            Self::Skipped => 7,
            Self::Cancelled => 8,
            Self::Held => 9,
        }
    }
}

/// The number of tasks in each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts([u32; 10]);

impl Counts {
    /// Counts for `count` tasks that all wait.
    pub(crate) fn waiting(count: u32) -> Self {
        let mut counts = Self::default();
        counts.0[TaskStatus::Waiting.place()] = count;
        counts
    }

    /// The number of tasks in a status.
    #[must_use]
    pub fn of(&self, status: TaskStatus) -> u32 {
        self.0[status.place()]
    }

    /// The number of all tasks.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// The number of tasks that have ended.
    #[must_use]
    pub fn ended(&self) -> u32 {
        TaskStatus::ALL
            .into_iter()
            .filter(|status| status.is_final())
            .map(|status| self.of(status))
            .sum()
    }

    /// Moves `count` tasks from one status to another.
    pub(crate) fn shift(&mut self, from: TaskStatus, to: TaskStatus, count: u32) {
        self.0[from.place()] -= count;
        self.0[to.place()] += count;
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, TaskEvent, TaskStatus};

    const EVENTS: [TaskEvent; 12] = [
        TaskEvent::Open,
        TaskEvent::Defer,
        TaskEvent::Lease,
        TaskEvent::Succeed,
        TaskEvent::Hit,
        TaskEvent::Fail,
        TaskEvent::Lose,
        TaskEvent::Skip,
        TaskEvent::Cancel,
        TaskEvent::Hold,
        TaskEvent::Release,
        TaskEvent::Reopen,
    ];

    #[test]
    fn only_a_leased_task_can_succeed_or_fail() {
        for status in TaskStatus::ALL {
            for event in [TaskEvent::Succeed, TaskEvent::Fail] {
                assert_eq!(
                    status.next(event).is_some(),
                    status == TaskStatus::Active,
                    "{status:?} {event:?}"
                );
            }
        }
    }

    #[test]
    fn a_result_is_final_and_what_ended_without_one_can_only_be_reopened() {
        for status in TaskStatus::ALL
            .into_iter()
            .filter(|status| status.is_final())
        {
            let ways: Vec<TaskEvent> = EVENTS
                .into_iter()
                .filter(|event| status.next(*event).is_some())
                .collect();
            if status.has_result() {
                assert!(ways.is_empty(), "{status:?}");
            } else {
                assert_eq!(ways, [TaskEvent::Reopen], "{status:?}");
            }
        }
    }

    #[test]
    fn every_task_that_has_not_ended_can_be_cancelled() {
        for status in TaskStatus::ALL
            .into_iter()
            .filter(|status| !status.is_final())
        {
            assert_eq!(status.next(TaskEvent::Cancel), Some(TaskStatus::Cancelled));
        }
    }

    #[test]
    fn counts_follow_each_move() {
        let mut counts = Counts::waiting(5);
        counts.shift(TaskStatus::Waiting, TaskStatus::Cached, 2);
        assert_eq!(counts.of(TaskStatus::Waiting), 3);
        assert_eq!((counts.ended(), counts.total()), (2, 5));
    }
}
