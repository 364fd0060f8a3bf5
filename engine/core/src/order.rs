//! What the brain wants done.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::fact::{Fact, RunStatus};
use crate::ids::{Generation, RunId, StageId, WorkerId};
use crate::place::Problem;

/// The answer to one input: facts first; the orders leave once the facts are durable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What is now true.
    pub facts: Vec<Fact>,
    /// What is to be done.
    pub orders: Vec<Order>,
}

/// One thing to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Find a stage's inputs (files read, gathered ports digested) and its tasks; answered by
    /// [`crate::Input::Resolved`].
    Resolve {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
    },
    /// See whether results with these keys are known; answered by [`crate::Input::LookedUp`].
    Lookup {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// The first key's task; the others follow.
        first: u32,
        /// Task keys.
        keys: Vec<Digest>,
    },
    /// Find where and when stages go; answered by [`crate::Input::Solved`]. One is asked at a time.
    Solve {
        /// All that it is decided on. Whoever answers drops it first: what is promised is changed
        /// in place then, and copied otherwise.
        problem: Arc<Problem>,
    },
    /// Give a lease to a worker.
    Dispatch {
        /// To whom.
        worker: WorkerId,
        /// What.
        lease: Lease,
    },
    /// Take leases back: end what runs, drop what waits. Answered by `Ended` with `Cancelled`.
    Revoke {
        /// From whom.
        worker: WorkerId,
        /// Whose tasks.
        run: RunId,
    },
    /// The run has ended; nothing of it is in flight any more.
    Close {
        /// Which.
        run: RunId,
        /// How.
        status: RunStatus,
    },
}

/// A worker's right to attempts: a range of tasks of one stage under one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Run.
    pub run: RunId,
    /// Stage.
    pub stage: StageId,
    /// First task.
    pub first: u32,
    /// How many tasks.
    pub count: u32,
    /// Of each of them.
    pub generation: Generation,
    /// Which try of the task this is, from 1; a try that the infrastructure lost is not counted.
    pub attempt: u32,
}
