//! A stage's placement, and how much of it has been used.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::place::{Placement, Segment, Taken, Work};
use crate::pool::PoolId;

/// Whether a stage needs a placement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Asking {
    /// It is part of the next problem.
    #[default]
    Wanted,
    /// It is part of the problem that is being solved.
    Asked,
    /// It keeps the placement that it has.
    No,
}

/// A stage's placement, and how much of it has been used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placed {
    pub(crate) placement: Placement,
    /// The capacity that one task takes of a pool while it runs.
    pub(crate) each: Taken,
    /// For each segment, the number of its tasks that were leased.
    pub(crate) used: Vec<u32>,
    /// The number of segments that are open: their start has come.
    pub(crate) opened: usize,
    /// It was made before the stage was ready.
    pub(crate) early: bool,
    /// Its number of tasks was compared with the actual number.
    pub(crate) counted: bool,
    /// Segments of earlier placements whose tasks had begun when this placement was made.
    pub(crate) carried: Vec<Segment>,
}

impl Placed {
    /// A placement of which nothing has been used.
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

    /// The start of the next segment that is not open.
    pub(crate) fn next_start(&self) -> Option<Timestamp> {
        let next = self.placement.segments.get(self.opened)?;
        Some(next.start)
    }

    /// Opens the segments whose start is not after `at`, and at least the next one.
    pub(crate) fn open(&mut self, at: Timestamp) {
        let segments = &self.placement.segments;
        let come = segments.iter().filter(|one| one.start <= at).count();
        self.opened = come.max(self.opened + 1).min(segments.len());
    }

    /// Whether a new outlook can still move some of it: some segment is not open, or no task was
    /// leased.
    pub(crate) fn is_movable(&self) -> bool {
        self.opened < self.placement.segments.len() || self.used.iter().all(|used| *used == 0)
    }

    /// Open segments, with the number of tasks that may still be leased in each.
    pub(crate) fn open_segments(&self) -> impl Iterator<Item = (PoolId, u32)> + '_ {
        self.left_by_segment().take(self.opened)
    }

    /// The number of tasks that may be leased in a pool now.
    pub(crate) fn room(&self, pool: PoolId) -> u32 {
        self.open_segments()
            .filter(|(at, _)| *at == pool)
            .fold(0, |sum, (_, left)| sum.saturating_add(left))
    }

    /// The number of placed tasks that were not leased yet.
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

    /// Counts tasks that were leased in a pool, in its earliest segments first.
    pub(crate) fn take(&mut self, pool: PoolId, mut count: u32) {
        for (segment, used) in self.placement.segments.iter().zip(&mut self.used) {
            if segment.pool == pool {
                let some = count.min(segment.tasks.saturating_sub(*used));
                *used += some;
                count -= some;
            }
        }
    }

    /// The number of its tasks that were leased in a pool.
    pub(crate) fn used_in(&self, pool: PoolId) -> u32 {
        let segments = self.placement.segments.iter().zip(&self.used);
        segments
            .filter(|(segment, _)| segment.pool == pool)
            .fold(0, |sum, (_, used)| sum.saturating_add(*used))
    }

    /// Counts tasks whose leases in a pool ended without a result. They may be leased there again.
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

    /// The segments that hold the `active` tasks that run now, the latest starts first. A segment
    /// ends with the last round that has begun.
    pub(crate) fn begun(&self, active: u32) -> Vec<Segment> {
        let begun = self.placement.segments.iter().zip(&self.used);
        let begun = begun.filter(|(_, used)| **used > 0);
        let begun = begun.map(|(segment, used)| first_of(*segment, *used));
        let mut all: Vec<Segment> = self.carried.iter().copied().chain(begun).collect();
        all.sort_by_key(|segment| std::cmp::Reverse((segment.end, segment.start)));
        let mut left = active;
        let mut running = Vec::new();
        for segment in all {
            // Of earlier rounds nothing runs any more.
            let tasks = segment.tasks.min(segment.at_once).min(left);
            left -= tasks;
            if tasks > 0 {
                running.push(Segment {
                    tasks,
                    at_once: tasks,
                    ..segment
                });
            }
        }
        running
    }

    /// The capacity that segments of which nothing has begun take within a span.
    pub(crate) fn waiting(&self, span: &Range<Timestamp>) -> Work {
        let whole = self.placement.segments.iter().zip(&self.used);
        let whole = whole.filter(|(_, used)| **used == 0);
        let held = whole.map(|(segment, _)| {
            let (from, to) = (segment.start.max(span.start), segment.end.min(span.end));
            u64::from(segment.at_once).saturating_mul(to.since_ms(from))
        });
        let held = held.fold(0, u64::saturating_add);
        let of = |count: u32| held.saturating_mul(u64::from(count));
        match self.each.gpus {
            0 => Work {
                gpu_ms: 0,
                cpu_ms: of(self.each.cpus),
            },
            gpus => Work {
                gpu_ms: of(gpus),
                cpu_ms: 0,
            },
        }
    }

    /// The segments that hold capacity of pools: all of them, or only those of the `active` tasks
    /// that run now.
    pub(crate) fn held(&self, whole: bool, active: u32) -> Vec<Segment> {
        if !whole {
            return self.begun(active);
        }
        let segments = self.placement.segments.iter();
        self.carried.iter().chain(segments).copied().collect()
    }
}

/// The part of a segment that its first tasks take.
fn first_of(segment: Segment, tasks: u32) -> Segment {
    let rounds = |tasks: u32| u64::from(tasks.div_ceil(segment.at_once.max(1)).max(1));
    let length_ms = segment.end.since_ms(segment.start);
    let taken_ms = u128::from(length_ms) * u128::from(rounds(tasks));
    let taken_ms = taken_ms.div_ceil(u128::from(rounds(segment.tasks)));
    let taken_ms = u64::try_from(taken_ms).unwrap_or(length_ms);
    Segment {
        end: segment.start.after_ms(taken_ms.min(length_ms)),
        tasks,
        at_once: segment.at_once.min(tasks),
        ..segment
    }
}
