//! The board's figures of capacity: how much of a pool is free, and how much an ask takes.

use super::ask::Ask;
use super::board::Board;
use super::floor::Headroom;
use super::placement::Segment;
use super::sweep::{Need, Sweep};
use super::taken::Taken;
use crate::pool::PoolId;

/// The state of a pool, as a cache key. A result for the pool stays valid while its state is equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PoolState {
    /// Equal while the pool's signals and price are unchanged. Free capacity does not count.
    pub(crate) version: u64,
    /// Equal while the capacity that is free before anything of the current problem is placed is
    /// unchanged.
    pub(crate) opening: u64,
    /// True while no ask of the current problem is placed in it.
    pub(crate) is_open: bool,
}

impl Board {
    /// The free capacity of the first day, cleanest slots first.
    pub(crate) fn room_by_weight(&self) -> Headroom {
        let free = |pool: usize, slot: usize| {
            let lane = self.lanes.get(pool);
            let free = lane.and_then(|lane| lane.free.get(slot));
            free.copied().unwrap_or_default()
        };
        self.cleanest.room(self.slot_ms, free)
    }

    /// The number of tasks of an ask that fit into a pool at the same time, throughout a window.
    pub(crate) fn room(&self, ask: &Ask, pool: PoolId, start_ms: u64, end_ms: u64) -> u32 {
        let Some(lane) = self.lanes.get(pool.place()) else {
            return 0;
        };
        let all = ask.fit(lane.least);
        if all >= ask.width.min(ask.tasks) {
            return all;
        }
        let last = self.slot(end_ms.saturating_sub(1).max(start_ms));
        let free = lane.free.get(self.slot(start_ms)..=last).unwrap_or(&[]);
        free.iter().map(|free| ask.fit(*free)).min().unwrap_or(0)
    }

    /// The most tasks of an ask that fit into a pool in any one slot, at most as many as the ask
    /// may run.
    pub(crate) fn most(&self, ask: &Ask, pool: PoolId) -> u32 {
        let Some(lane) = self.lanes.get(pool.place()) else {
            return 0;
        };
        let all = ask.fit(lane.least);
        let wanted = ask.width.min(ask.tasks);
        if all >= wanted {
            return wanted;
        }
        let mut most = 0;
        for free in &lane.free {
            most = most.max(ask.fit(*free));
            if most >= wanted {
                return wanted;
            }
        }
        most
    }

    /// Whether a pool has room, in every slot, for all tasks that an ask runs at the same time.
    pub(crate) fn has_room_at_any_time(&self, ask: &Ask, pool: PoolId) -> bool {
        let lane = self.lanes.get(pool.place());
        lane.is_some_and(|lane| ask.fit(lane.least) >= ask.width.min(ask.tasks))
    }

    /// The state of a pool.
    pub(crate) fn pool_state(&self, pool: PoolId) -> PoolState {
        let lane = self.lanes.get(pool.place());
        lane.map_or_else(PoolState::default, |lane| PoolState {
            version: lane.version,
            opening: lane.opening,
            is_open: !lane.is_taken,
        })
    }

    /// A view of a pool for finding blocks of one shape. It leaves out `free` if the need fits in
    /// every slot.
    pub(crate) fn sweep(&self, pool: PoolId, need: Need) -> Option<Sweep<'_>> {
        let lane = self.lanes.get(pool.place())?;
        Some(Sweep {
            slot_ms: self.slot_ms,
            begin_ms: self.first.saturating_mul(self.slot_ms),
            weight: &lane.weight,
            sum: &lane.sum,
            free: (!need.fits(lane.least)).then_some(&lane.free),
        })
    }

    /// Whether some pool, in some slot, has less free than this.
    pub(crate) fn is_short_of(&self, gpus: u64, cpus: u64) -> bool {
        self.lanes.iter().any(|lane| {
            u64::from(lane.least.gpus) < gpus
                || u64::from(lane.least.cpus) < cpus
                || lane.least.milliwatts < u64::MAX
        })
    }

    /// Reserves what a segment of an ask needs.
    pub(crate) fn reserve(&mut self, ask: &Ask, segment: &Segment) {
        let first = self.slot(segment.start.0);
        let last = self.slot(segment.end.0.saturating_sub(1).max(segment.start.0));
        let Some(lane) = self.lanes.get_mut(segment.pool.place()) else {
            return;
        };
        let count = u64::from(segment.at_once);
        let taken = Taken {
            gpus: ask.gpus.saturating_mul(segment.at_once),
            cpus: ask.cpus.saturating_mul(segment.at_once),
            milliwatts: ask.task_milliwatts.saturating_mul(count),
        };
        for slot in first..=last {
            if let Some(free) = lane.free.get_mut(slot) {
                free.less(taken);
                lane.least = lane.least.least(*free);
            }
        }
        lane.is_taken = true;
    }
}
