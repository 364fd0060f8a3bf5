//! Placements that contradict their problem.

use super::ask::AskId;
use crate::ids::Timestamp;
use crate::pool::PoolId;

/// A placement that contradicts its problem: a bug in the placer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SolveFault {
    /// The placer returned no placement.
    #[error("{0} got no placement")]
    Missing(AskId),
    /// The placer returned more than one placement. The first one is kept.
    #[error("{0} was placed more than once")]
    Repeated(AskId),
    /// The segments hold another number of tasks than the ask.
    #[error("{ask} has {asked} tasks, but its placement holds {placed}")]
    Tasks {
        /// The stage.
        ask: AskId,
        /// The tasks that were asked for.
        asked: u32,
        /// The tasks of all segments.
        placed: u64,
    },
    /// A segment is in a pool that the stage may not use.
    #[error("{ask} was placed in pool {}, which it may not use", pool.0)]
    Pool {
        /// The stage.
        ask: AskId,
        /// The pool.
        pool: PoolId,
    },
    /// A segment begins before the stage is ready.
    #[error("{ask} was placed at {} ms, before it is ready at {} ms", start.0, ready.0)]
    Early {
        /// The stage.
        ask: AskId,
        /// The start of the segment.
        start: Timestamp,
        /// When the stage is ready: the latest of now, its own time, and the end of the stages that
        /// it waits for.
        ready: Timestamp,
    },
    /// A segment needs more than its pool has free, other placements counted.
    #[error("{ask} was placed in pool {} at {} ms, which is full then", pool.0, at.0)]
    Full {
        /// The stage.
        ask: AskId,
        /// The pool.
        pool: PoolId,
        /// The start of the first slot that is too full.
        at: Timestamp,
    },
}
