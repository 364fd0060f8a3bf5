//! A decision: where and when a stage goes, why, and the road not taken.

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::pool::PoolId;

/// Where and when a stage goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// By start; their tasks add up to those asked for. One segment unless capacity forced a split
    /// or pausing pays.
    pub segments: Vec<Segment>,
    /// Why there and then.
    pub why: Why,
    /// What it is expected to emit, transfer and PUE included, in micrograms CO2e.
    pub expected_micrograms: u64,
    /// Of that, the transfer of its inputs.
    pub transfer_micrograms: u64,
    /// What it would emit at home, begun as soon as it is ready.
    pub at_home_now_micrograms: u64,
    /// The best place and time that was not taken, in another pool or, where there is only one, at
    /// another time.
    pub alternative: Option<Alternative>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Which [`super::Outlook`] it was decided on.
    pub outlook_at: Timestamp,
}

/// Some tasks of a stage that begin together in one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Where.
    pub pool: PoolId,
    /// Not before.
    pub start: Timestamp,
    /// When the last of them is expected to end.
    pub end: Timestamp,
    /// How many tasks.
    pub tasks: u32,
    /// How many of them run at once at most: that is what the segment takes of its pool, from start
    /// to end.
    pub at_once: u32,
}

/// Why a stage goes where and when it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It has neither deadline nor `max_delay`: it starts at once, in the best pool for its data.
    AtOnce,
    /// The cleanest window that ends in time.
    Cleanest,
    /// Power is in surplus then.
    Surplus,
    /// The machines stand idle then.
    Idle,
    /// The earliest end.
    Earliest,
    /// The least money.
    Cheapest,
    /// The last safe start: the deadline leaves no other.
    LastSafeStart,
    /// The deadline cannot be met any more: as soon as can be.
    Late,
    /// Nothing is open for it within what is known: asked again when more is.
    NoCapacity,
}

/// A place and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// Where.
    pub pool: PoolId,
    /// When it would begin.
    pub start: Timestamp,
    /// What it would emit, transfer included, in micrograms CO2e.
    pub expected_micrograms: u64,
}

impl Placement {
    /// When its first task begins.
    #[must_use]
    pub fn start(&self) -> Option<Timestamp> {
        self.segments.first().map(|segment| segment.start)
    }

    /// When its last task is expected to end.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        self.segments.iter().map(|segment| segment.end).max()
    }
}
