//! Where a stage goes, and how much of that has come true.

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::place::{Placement, Segment, Taken};
use crate::pool::PoolId;

/// Whether a stage is to be placed, or placed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Asking {
    /// With the next question.
    #[default]
    Wanted,
    /// The question is put.
    Asked,
    /// Its placement stands.
    No,
}

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
    /// Segments of earlier placements whose tasks had begun when this one was made.
    pub(crate) carried: Vec<Segment>,
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
            carried: Vec::new(),
        }
    }

    /// The start of the next segment that has not come.
    pub(crate) fn next_start(&self) -> Option<Timestamp> {
        let next = self.placement.segments.get(self.opened)?;
        Some(next.start)
    }

    /// Segments whose start is not after `at` have come, the next one in any case.
    pub(crate) fn open(&mut self, at: Timestamp) {
        let segments = &self.placement.segments;
        let come = segments.iter().filter(|one| one.start <= at).count();
        self.opened = come.max(self.opened + 1).min(segments.len());
    }

    /// Whether a new outlook may still move some of it: none of it has begun, or not all.
    pub(crate) fn is_movable(&self) -> bool {
        self.opened < self.placement.segments.len() || self.used.iter().all(|used| *used == 0)
    }

    /// Segments that have come, with the tasks that may still be leased in each.
    pub(crate) fn open_segments(&self) -> impl Iterator<Item = (PoolId, u32)> + '_ {
        self.left_by_segment().take(self.opened)
    }

    /// Tasks that may still be leased in a pool now.
    pub(crate) fn room(&self, pool: PoolId) -> u32 {
        self.open_segments()
            .filter(|(at, _)| *at == pool)
            .fold(0, |sum, (_, left)| sum.saturating_add(left))
    }

    /// Tasks that are placed and were not leased yet.
    pub(crate) fn left(&self) -> u32 {
        self.left_by_segment()
            .fold(0, |sum, (_, left)| sum.saturating_add(left))
    }

    fn left_by_segment(&self) -> impl Iterator<Item = (PoolId, u32)> + '_ {
        self.placement
            .segments
            .iter()
            .zip(&self.used)
            .map(|(segment, used)| (segment.pool, segment.tasks.saturating_sub(*used)))
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

    /// How many of its tasks were leased in a pool.
    pub(crate) fn used_in(&self, pool: PoolId) -> u32 {
        let segments = self.placement.segments.iter().zip(&self.used);
        segments
            .filter(|(segment, _)| segment.pool == pool)
            .fold(0, |sum, (_, used)| sum.saturating_add(*used))
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

    /// What of it goes on under the next placement: segments whose tasks have begun.
    pub(crate) fn begun(&self) -> Vec<Segment> {
        let begun = self.placement.segments.iter().zip(&self.used);
        let begun = begun.filter(|(_, used)| **used > 0);
        self.carried
            .iter()
            .copied()
            .chain(begun.map(|(segment, used)| Segment {
                tasks: *used,
                at_once: segment.at_once.min(*used),
                ..*segment
            }))
            .collect()
    }

    /// What it holds of its pools: all of it, or only what has begun.
    pub(crate) fn held(&self, whole: bool) -> Vec<Segment> {
        if !whole {
            return self.begun();
        }
        let segments = self.placement.segments.iter();
        self.carried.iter().chain(segments).copied().collect()
    }
}
