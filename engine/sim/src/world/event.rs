//! The events of a world, and their order at one moment.

/// The events of a world.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A group of tasks ends.
    GroupEnds { pool: usize, number: u64 },
    /// A pool's open capacity changes.
    Opening(usize),
    /// Tasks beyond a pool's capacity must leave now.
    Evict { pool: usize },
    /// A fault begins or ends.
    Fault { at: usize, begins: bool },
    /// A new outlook is due.
    Look,
    /// A run arrives.
    Arrival(usize),
}

impl Event {
    /// The order of events at one moment: ends come first, arrivals last.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::GroupEnds { .. } => 0,
            Self::Opening(_) => 1,
            Self::Fault { .. } => 2,
            Self::Evict { .. } => 3,
            Self::Look => 4,
            Self::Arrival(_) => 5,
        }
    }
}
