//! A stage to place: how much work it is, when it may run, and in which pools.

use serde::{Deserialize, Serialize};

use super::placement::Placement;
use crate::ids::{RunId, StageId, Timestamp};
use crate::pool::PoolId;

/// Identifies an ask by its run and stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AskId {
    /// The run that the stage belongs to.
    pub run: RunId,
    /// The stage, by its place in the run's plan.
    pub stage: StageId,
}

impl std::fmt::Display for AskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stage {} of run {}", self.stage.0, self.run)
    }
}

/// A goal that ranks places and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prefer {
    /// The lowest emissions.
    Carbon,
    /// The most work while power is in surplus.
    Surplus,
    /// Machines that stand idle anyway: the lowest intensity within the hours that a host lends.
    Idle,
    /// The earliest end.
    Time,
    /// The lowest price.
    Cost,
}

/// The tasks of one stage that have not begun, decided as a whole. A scatter is one ask, never one
/// ask for each task, so that the size of a problem does not grow with the number of tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The run and stage that it is for.
    pub id: AskId,
    /// Indices of the asks in the same problem that must end before this one begins, ascending.
    /// Stages that have begun or ended are not asks; they count in `ready_at`.
    pub after: Vec<u32>,
    /// The project that is charged. Fair share is between projects.
    pub project: String,
    /// Priority within the project; higher goes first. Waiting since `since` raises it.
    pub priority: i32,
    /// When the run was submitted. An older run chooses earlier.
    pub since: Timestamp,
    /// The number of tasks that have not begun. A stage of more than one task may pause, and change
    /// pools, between rounds of `width` tasks.
    pub tasks: u32,
    /// The most tasks that may run at the same time.
    pub width: u32,
    /// GPUs of one task.
    pub gpus: u32,
    /// Processor cores of one task.
    pub cpus: u32,
    /// The expected duration of one task, in milliseconds.
    pub task_ms: u64,
    /// The IT power of one task, all its devices together, in milliwatts. PUE is not included.
    pub task_milliwatts: u64,
    /// It begins no earlier than this.
    pub ready_at: Timestamp,
    /// The latest end of all its tasks, so that the stages behind it can still meet the run's
    /// deadline. `None` when it has neither a deadline nor a `max_delay`; it then starts at once.
    pub finish_by: Option<Timestamp>,
    /// The latest start of its first task (`max_delay`).
    pub start_by: Option<Timestamp>,
    /// The pools that it may use, ascending and never empty.
    pub allowed: Vec<PoolId>,
    /// The pool that it would use without placement. Savings are counted against it.
    pub home: PoolId,
    /// The bytes that it reads, by the pool that holds them. They move if it runs elsewhere.
    pub data: Vec<(PoolId, u64)>,
    /// The goals, most important first. A later goal decides only among places within 5 % of the
    /// best by the earlier ones.
    pub prefer: Vec<Prefer>,
    /// Its placement so far, as long as none of it has begun. Our own placer ignores it: a move
    /// costs nothing then, and the newest forecast is the best one. Policies that avoid moves read
    /// it.
    pub previous: Option<Placement>,
}
