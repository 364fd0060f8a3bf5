//! The types of ids, and of moments in time.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One execution of a workflow. Runs of a state are numbered from 1, and written as `r7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub u64);

/// A stage by its place in the plan's topological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StageId(pub u32);

/// One unit of a stage. Users see `STAGE/INDEX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    /// The run that the task belongs to.
    pub run: RunId,
    /// The stage, by its place in the run's plan.
    pub stage: StageId,
    /// The index of the task in its stage, from 0.
    pub index: u32,
}

/// The number of a task's lease, from 1. It rises with each lease, and only a result of the current
/// one is accepted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Generation(pub u32);

/// One attempt of a task: the task and the generation of its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The task.
    pub task: TaskId,
    /// The generation of its lease.
    pub generation: Generation,
}

/// A worker. The coordinator numbers workers as they join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkerId(pub u32);

/// Milliseconds since 1970-01-01T00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The moment `ms` milliseconds later.
    #[must_use]
    pub const fn after_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The end of what begins now and takes `us` microseconds: the first moment at which it is over.
    #[must_use]
    pub const fn after_us(self, us: u64) -> Self {
        self.after_ms(us.div_ceil(1000))
    }

    /// Milliseconds since `earlier`, or 0.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl StageId {
    /// The index in lists of the plan's stages.
    #[must_use]
    pub const fn place(self) -> usize {
        place(self.0)
    }
}

/// Converts an index. Indices are `u32` to save memory for millions of tasks. All supported
/// platforms have at least 32-bit addresses, so nothing is lost.
#[must_use]
pub const fn place(index: u32) -> usize {
    index as usize
}

/// The length of a list as an index. A plan limits tasks and stages to far fewer than `u32::MAX`,
/// so the limit is never reached.
#[must_use]
pub fn index_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl std::str::FromStr for RunId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix('r')
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a run id; run ids are written r1, r2, …"))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    /// All that tells when an attempt ended rounds alike, so no two of them differ by a millisecond.
    #[test]
    fn what_takes_a_part_of_a_millisecond_is_over_at_the_next_one() {
        for (us, ended_ms) in [(0, 5), (1, 6), (999, 6), (1000, 6), (1001, 7)] {
            assert_eq!(Timestamp(5).after_us(us), Timestamp(ended_ms), "{us}");
        }
        assert_eq!(Timestamp(u64::MAX).after_us(1), Timestamp(u64::MAX));
    }
}
