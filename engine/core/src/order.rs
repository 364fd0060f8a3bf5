//! The orders that the core gives.

use std::sync::Arc;

use crate::digest::Digest;
use crate::fact::{Fact, RunStatus};
use crate::ids::{RunId, StageId, WorkerId};
use crate::lease::{Lease, Span};
use crate::place::Problem;

/// The answer to one input. The orders are sent once the facts are durable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What has become true.
    pub facts: Vec<Fact>,
    /// What to do once the facts are durable.
    pub orders: Vec<Order>,
}

/// One order.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Resolve a stage's inputs (read files, digest gathered ports) and its tasks. Answered by
    /// [`crate::Input::Resolved`].
    Resolve {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
    },
    /// Look up whether results are known under these keys. Answered by [`crate::Input::LookedUp`].
    Lookup {
        /// The run that the stage belongs to.
        run: RunId,
        /// The stage, by its place in the run's plan.
        stage: StageId,
        /// The index of the first key's task. The other keys belong to the tasks that follow.
        first: u32,
        /// The task keys.
        keys: Vec<Digest>,
    },
    /// Place stages. Answered by [`crate::Input::Solved`]. Only one problem is open at a time.
    Solve {
        /// The problem. Drop it before answering: reserved capacity is then updated in place rather
        /// than copied.
        problem: Arc<Problem>,
    },
    /// Give a lease to a worker.
    Dispatch {
        /// The worker that gets the lease.
        worker: WorkerId,
        /// The lease.
        lease: Lease,
    },
    /// Revoke leases: stop running tasks and drop waiting ones. Answered by `Ended` with
    /// `Cancelled`.
    Revoke {
        /// The worker that holds them.
        worker: WorkerId,
        /// The run whose leases are revoked.
        run: RunId,
    },
    /// Make way for a curtailment: give back those of these tasks that have not begun, and stop those
    /// that run if `stops` is set. Answered by `Ended` with `Preempted` for each of them.
    Yield {
        /// The worker that holds them.
        worker: WorkerId,
        /// The tasks.
        tasks: Span,
        /// Whether running tasks stop.
        stops: bool,
    },
    /// The run has ended, and none of its tasks is in flight.
    Close {
        /// The run that ended.
        run: RunId,
        /// The status that it ended with.
        status: RunStatus,
    },
}
