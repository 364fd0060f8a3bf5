//! What was counted of one span of work, or of one transfer.

use sunward_core::{RunId, StageId, Timestamp};

use crate::meter::{Emissions, Used};

/// Tasks of one stage that ran together in one pool without a pause, or inputs that were moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The run: the number of its arrival, from 1.
    pub run: RunId,
    /// The stage.
    pub stage: StageId,
    /// The pool's index. For a transfer, the pool that the data reached.
    pub pool: usize,
    /// The pool that the data left, by its index; `None` for tasks.
    pub from: Option<usize>,
    /// The number of tasks; 0 for a transfer.
    pub tasks: u32,
    /// When it began.
    pub start: Timestamp,
    /// When it ended, or was stopped.
    pub end: Timestamp,
    /// IT power of all of its tasks together, in milliwatts; 0 for a transfer.
    pub milliwatts: u128,
    /// IT energy in microjoules.
    pub microjoules: u128,
    /// Emissions by average intensity, with PUE.
    pub emissions: Emissions,
}

impl Piece {
    /// Tasks that ran.
    pub(crate) const fn ran(
        (run, stage): (RunId, StageId),
        pool: usize,
        (tasks, milliwatts): (u32, u128),
        (start, end): (Timestamp, Timestamp),
        used: &Used,
    ) -> Self {
        Self {
            run,
            stage,
            pool,
            from: None,
            tasks,
            start,
            end,
            milliwatts,
            microjoules: used.microjoules,
            emissions: used.average,
        }
    }

    /// Inputs that were moved.
    pub(crate) const fn moved(
        (run, stage): (RunId, StageId),
        (from, to): (usize, usize),
        microjoules: u128,
        at: Timestamp,
        used: &Used,
    ) -> Self {
        Self {
            run,
            stage,
            pool: to,
            from: Some(from),
            tasks: 0,
            start: at,
            end: at,
            milliwatts: 0,
            microjoules,
            emissions: used.transfer,
        }
    }
}
