//! A placement decision: where and when a stage runs, why, and the best alternative.

use serde::{Deserialize, Serialize};

use super::likely::Likely;
use super::timing::Timing;
use crate::ids::Timestamp;
use crate::pool::PoolId;

/// Where and when a stage runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The segments in order of their start. Together they hold all tasks of the ask. There is one
    /// segment, unless capacity requires a split or pausing saves emissions.
    pub segments: Vec<Segment>,
    /// The reason for this place and time.
    pub why: Why,
    /// Expected emissions, transfer and PUE included, in micrograms CO2e.
    pub expected_micrograms: u64,
    /// The part of `expected_micrograms` that comes from moving its inputs.
    pub transfer_micrograms: u64,
    /// Its emissions at home, in a run that begins when this one was submitted and waits for nothing.
    /// Savings are relative to them. Placers leave it at 0; see [`crate::at_home`].
    pub at_home_now_micrograms: u64,
    /// Between which figures `expected_micrograms` lies in four of five cases. Placers leave it at its
    /// default.
    pub likely: Likely,
    /// The best place and time that was not chosen: in another pool or, with one pool only, at
    /// another time.
    pub alternative: Option<Alternative>,
    /// How long its tasks are expected to take. Placers leave it at its default.
    pub timing: Timing,
    /// When the decision was made.
    pub decided_at: Timestamp,
    /// `issued_at` of the [`super::Outlook`] that the decision is based on.
    pub outlook_at: Timestamp,
}

/// Tasks of a stage that begin together in one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The pool that they run in.
    pub pool: PoolId,
    /// The earliest start of the first of them.
    pub start: Timestamp,
    /// The expected end of the last of them.
    pub end: Timestamp,
    /// The number of tasks.
    pub tasks: u32,
    /// The most of them that run at the same time. The segment reserves capacity for this many from
    /// start to end.
    pub at_once: u32,
}

/// The reason for a placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It has neither deadline nor `max_delay`: it starts at once, in the best pool for its data.
    AtOnce,
    /// It is the cleanest window that ends in time.
    Cleanest,
    /// Power is in surplus at that time.
    Surplus,
    /// The machines are otherwise idle at that time.
    Idle,
    /// It ends earliest there.
    Earliest,
    /// It costs least there.
    Cheapest,
    /// It is the last start that meets the deadline.
    LastSafeStart,
    /// The deadline can no longer be met, so it runs as soon as possible.
    Late,
    /// No pool is open for it within the outlook. It is placed again with the next outlook.
    NoCapacity,
    /// An earlier start is expected to be cleaner. But forecasts change, and on average what waits
    /// finds an hour that is cleaner still.
    WorthWaiting,
}

/// A pool and a start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// The pool that it would use.
    pub pool: PoolId,
    /// When it would begin there.
    pub start: Timestamp,
    /// Its emissions there, transfer included, in micrograms CO2e.
    pub expected_micrograms: u64,
}

impl Placement {
    /// The start of its first segment.
    #[must_use]
    pub fn start(&self) -> Option<Timestamp> {
        self.segments.first().map(|segment| segment.start)
    }

    /// The latest expected end of its segments.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        self.segments.iter().map(|segment| segment.end).max()
    }
}

/// A segment that begins at `start_ms` in a pool.
pub(crate) fn segment(
    pool: PoolId,
    start_ms: u64,
    length_ms: u64,
    tasks: u32,
    at_once: u32,
) -> Segment {
    Segment {
        pool,
        start: Timestamp(start_ms),
        end: Timestamp(start_ms.saturating_add(length_ms)),
        tasks,
        at_once,
    }
}
