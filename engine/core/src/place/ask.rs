//! A stage that is to be placed: how much work, from when, until when, and where it may go.

use serde::{Deserialize, Serialize};

use super::placement::Placement;
use crate::ids::{RunId, StageId, Timestamp};
use crate::pool::PoolId;

/// Which stage of which run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AskId {
    /// Run.
    pub run: RunId,
    /// Stage.
    pub stage: StageId,
}

/// What to prefer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prefer {
    /// Least emissions.
    Carbon,
    /// Most work while power is in surplus.
    Surplus,
    /// Machines that stand idle anyway: least intensity within the hours a host lends.
    Idle,
    /// The earliest end.
    Time,
    /// The least money.
    Cost,
}

/// The tasks of one stage that have not begun, decided whole: an array, never an ask a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Whose.
    pub id: AskId,
    /// Asks of the same problem that must end before this one begins, by index, ascending. Stages
    /// that have ended or begun are not asks: they show in `ready_at`.
    pub after: Vec<u32>,
    /// Who is charged; fair share is between projects.
    pub project: String,
    /// Within its project, higher first; it grows with the time since `since`.
    pub priority: i32,
    /// When its run was submitted: the longer ago, the sooner it chooses.
    pub since: Timestamp,
    /// How many tasks have not begun. More than one may pause and move between rounds of `width`.
    pub tasks: u32,
    /// How many may run at once at most.
    pub width: u32,
    /// Devices of one task.
    pub gpus: u32,
    /// Cores of one task.
    pub cpus: u32,
    /// How long one task is expected to take.
    pub task_ms: u64,
    /// IT power of one task, its devices together, in milliwatts.
    pub task_milliwatts: u64,
    /// Not before.
    pub ready_at: Timestamp,
    /// All its tasks must have ended then, so that what follows can still meet the run's deadline.
    /// `None` when it has neither deadline nor `max_delay`: then it starts at once.
    pub finish_by: Option<Timestamp>,
    /// Its first task begins by then (`max_delay`).
    pub start_by: Option<Timestamp>,
    /// Where it may go, ascending; never empty.
    pub allowed: Vec<PoolId>,
    /// Where it would have run.
    pub home: PoolId,
    /// What it reads, by where that rests: bytes that would move.
    pub data: Vec<(PoolId, u64)>,
    /// What to prefer, most important first; a list is lexicographic within 5 %.
    pub prefer: Vec<Prefer>,
    /// Where it was to go before, as long as none of it has begun: then a move costs nothing, and the
    /// newest forecast is the best there is, so ours holds on to nothing. Policies that stay where they
    /// were read it.
    pub previous: Option<Placement>,
}
