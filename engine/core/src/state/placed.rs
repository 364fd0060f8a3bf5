//! Where a stage goes, and how much of that has come true.

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::place::{Placement, Taken};
use crate::pool::PoolId;

/// A stage's placement, and how much of it has come true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placed {
    pub(crate) placement: Placement,
    /// What one task takes of a pool.
    pub(crate) each: Taken,
    /// By segment, tasks of it that were leased.
    pub(crate) used: Vec<u32>,
    /// Segments whose start has come.
    pub(crate) opened: usize,
    /// It was decided before the stage's tasks were known to be ready.
    pub(crate) early: bool,
    /// Its tasks were compared with those that there are.
    pub(crate) counted: bool,
}

impl Placed {
    /// A placement of which nothing has come true.
    pub(crate) fn new(placement: Placement, each: Taken, early: bool) -> Self {
        Self {
            used: vec![0; placement.segments.len()],
            placement,
            each,
            opened: 0,
            early,
            counted: false,
        }
    }

    /// The start of the next segment that has not come.
    pub(crate) fn next_start(&self) -> Option<Timestamp> {
        self.placement
            .segments
            .get(self.opened)
            .map(|segment| segment.start)
    }

    /// Segments whose start is not after `at` have come, the next one in any case.
    pub(crate) fn open(&mut self, at: Timestamp) {
        let segments = &self.placement.segments;
        let come = segments.iter().filter(|one| one.start <= at).count();
        self.opened = come.max(self.opened + 1).min(segments.len());
    }

    /// All segments have come.
    pub(crate) const fn open_all(&mut self) {
        self.opened = self.placement.segments.len();
    }

    /// Whether all segments have come.
    pub(crate) const fn is_open(&self) -> bool {
        self.opened >= self.placement.segments.len()
    }

    /// Tasks that may still be leased in a pool now.
    pub(crate) fn room(&self, pool: PoolId) -> u32 {
        let segments = self.placement.segments.iter().zip(&self.used);
        segments
            .take(self.opened)
            .filter(|(segment, _)| segment.pool == pool)
            .map(|(segment, used)| segment.tasks.saturating_sub(*used))
            .fold(0, u32::saturating_add)
    }

    /// Tasks that are placed and were not leased yet.
    pub(crate) fn left(&self) -> u32 {
        let segments = self.placement.segments.iter().zip(&self.used);
        segments
            .map(|(segment, used)| segment.tasks.saturating_sub(*used))
            .fold(0, u32::saturating_add)
    }

    /// Tasks were leased in a pool: the earliest segments there are used first.
    pub(crate) fn take(&mut self, pool: PoolId, mut count: u32) {
        for (segment, used) in self.placement.segments.iter().zip(&mut self.used) {
            if segment.pool == pool {
                let some = count.min(segment.tasks.saturating_sub(*used));
                *used += some;
                count -= some;
            }
        }
    }

    /// Leases in a pool came to nothing: their tasks may be leased there again.
    pub(crate) fn give_back(&mut self, pool: PoolId, mut count: u32) {
        let segments = self.placement.segments.iter().zip(&mut self.used);
        for (segment, used) in segments.rev() {
            if segment.pool == pool {
                let some = count.min(*used);
                *used -= some;
                count -= some;
            }
        }
    }
}
