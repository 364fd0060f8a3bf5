//! Leases: the rights of workers to attempts.

use serde::{Deserialize, Serialize};

use crate::ids::{Generation, RunId, StageId};

/// A worker's right to attempts: a range of tasks of one stage under one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The run that the stage belongs to.
    pub run: RunId,
    /// The stage, by its place in the run's plan.
    pub stage: StageId,
    /// The index of the first task.
    pub first: u32,
    /// The number of tasks.
    pub count: u32,
    /// The generation of every task in the lease.
    pub generation: Generation,
    /// The number of the attempt, from 1. Attempts that the infrastructure lost do not count.
    pub attempt: u32,
}

/// Adjacent tasks of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The run that the stage belongs to.
    pub run: RunId,
    /// The stage, by its place in the run's plan.
    pub stage: StageId,
    /// The index of the first task.
    pub first: u32,
    /// The number of tasks.
    pub count: u32,
}

impl Span {
    /// Whether a task of its stage is one of these.
    #[must_use]
    pub const fn holds(&self, index: u32) -> bool {
        self.first <= index && index - self.first < self.count
    }
}
