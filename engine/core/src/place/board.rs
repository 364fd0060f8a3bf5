//! The board: the carbon weight and the free capacity of every pool, slot by slot.
//!
//! Sums saturate. Absurd figures make a place as dirty as possible and never clean, so a broken
//! signal attracts no work.

use std::sync::Arc;

use super::floor::{Cleanest, Floor};
use super::lane::{Lane, UNKNOWN_MG_PER_KWH};
use super::outlook::Outlook;
use super::problem::Problem;
use super::taken::Taken;
use crate::ids::index_of;
use crate::pool::{Fleet, PoolId};

/// Weights and free capacity of all pools. Solving a problem reserves capacity on it.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) slot_ms: u64,
    /// The first slot, counted from the epoch in slots.
    pub(super) first: u64,
    /// The number of slots. It is the same for all pools.
    pub(super) slots: usize,
    pub(super) lanes: Vec<Lane>,
    pub(super) transfer_milliwatt_hours_per_gb: u64,
    /// The clearing weight of the unit that is being placed: no window counts as cleaner.
    pub(crate) floor: Floor,
    pub(super) cleanest: Cleanest,
    /// The highest version that was given to a lane. Versions are never reused, or a cache would
    /// take an old result for a new one.
    versions: u64,
    /// The highest `opening` that was given to a lane. It is never reused either.
    openings: u64,
    outlook: Arc<Outlook>,
    fleet: Arc<Fleet>,
}

impl Board {
    /// The board of a problem. It reuses what did not change since `last`, because one outlook
    /// serves many problems.
    pub(crate) fn of(problem: &Problem, last: Option<Self>) -> Self {
        let mut board = match last {
            Some(last)
                if Arc::ptr_eq(&last.outlook, &problem.outlook)
                    && Arc::ptr_eq(&last.fleet, &problem.fleet) =>
            {
                last
            }
            Some(last) if Arc::ptr_eq(&last.fleet, &problem.fleet) => Self::after(problem, &last),
            // Versions continue, so that results that were cached for the old fleet's pools are not
            // taken for these.
            Some(last) => Self::empty(problem, last.versions + 1),
            None => Self::empty(problem, 1),
        };
        board.transfer_milliwatt_hours_per_gb = problem.transfer_milliwatt_hours_per_gb;
        board.open(problem);
        board
    }

    /// The board of a problem with a new outlook. A pool whose signals did not change keeps its
    /// version, so results that were cached for it stay valid.
    fn after(problem: &Problem, last: &Self) -> Self {
        let mut board = Self::empty(problem, last.versions + 1);
        board.openings = last.openings;
        if (board.slot_ms, board.first, board.slots) == (last.slot_ms, last.first, last.slots) {
            for (lane, before) in board.lanes.iter_mut().zip(&last.lanes) {
                if lane.is_known_as(before) {
                    lane.version = before.version;
                }
                lane.opened.clone_from(&before.opened);
                lane.opening = before.opening;
            }
        }
        board
    }

    fn empty(problem: &Problem, version: u64) -> Self {
        let outlook = &problem.outlook;
        let slots = outlook.slots();
        let lanes = problem.fleet.iter().map(|(id, pool)| {
            let zone = outlook.zone(&pool.zone);
            let open = outlook.pool(id);
            let mut lane = Lane {
                price_micros: pool.price_micros_per_gpu_hour,
                version,
                sum: vec![0],
                surplus: vec![0],
                widths: vec![0],
                below: vec![0],
                idle_gpus: idle(open.map(|open| &open.gpus), pool.standing.gpus, slots),
                idle_cpus: idle(open.map(|open| &open.cpus), pool.standing.cpus, slots),
                ..Lane::default()
            };
            for slot in 0..slots {
                // The last known figure continues beyond the end of a series. An unknown zone
                // counts as the dirtiest, so that no work goes there because nothing is known.
                let known = |values: &[u32]| values.get(slot).or(values.last()).copied();
                let intensity = zone
                    .and_then(|zone| known(&zone.intensity_mg_per_kwh))
                    .unwrap_or(UNKNOWN_MG_PER_KWH);
                let weight = u64::from(intensity) * u64::from(pool.pue_permille);
                let interval = zone.and_then(|zone| zone.interval(slot));
                let (low, high) = interval.unwrap_or((intensity, intensity));
                let wide = |from: u32, to: u32| {
                    u64::from(to.saturating_sub(from)) * u64::from(pool.pue_permille)
                };
                // What may still come is weighed only where errors were measured.
                let measured = zone.and_then(|zone| zone.measured_interval(slot));
                let below = measured.map_or(0, |(low, _)| wide(low, intensity));
                let width = wide(low, high);
                let surplus = zone.and_then(|zone| zone.surplus.get(slot)).copied();
                lane.weight.push(weight);
                lane.sum.push(lane.sum[slot].saturating_add(weight));
                lane.surplus
                    .push(lane.surplus[slot] + u32::from(surplus.unwrap_or(false)));
                lane.intensity.push(intensity);
                lane.widths.push(lane.widths[slot].saturating_add(width));
                lane.below.push(lane.below[slot].saturating_add(below));
            }
            lane
        });
        let lanes: Vec<Lane> = lanes.collect();
        let slot_ms = outlook.slot_ms.max(1);
        Self {
            versions: version,
            openings: 0,
            floor: Floor::default(),
            cleanest: Cleanest::of(lanes.iter().map(|lane| lane.weight.as_slice()), slot_ms),
            slot_ms,
            first: outlook.first_slot,
            slots,
            lanes,
            transfer_milliwatt_hours_per_gb: 0,
            outlook: Arc::clone(outlook),
            fleet: Arc::clone(&problem.fleet),
        }
    }

    /// Computes free capacity again: open capacity that is not curtailed, minus promised capacity.
    fn open(&mut self, problem: &Problem) {
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            let limit = self
                .fleet
                .pools
                .get(at)
                .and_then(|pool| pool.power_limit_milliwatts)
                .unwrap_or(u64::MAX);
            let open = self.outlook.pools.get(at);
            lane.free.clear();
            lane.free.extend((0..self.slots).map(|slot| {
                let known = |values: &Vec<u32>| values.get(slot).copied().unwrap_or(0);
                let free = Taken {
                    gpus: open.map_or(0, |open| known(&open.gpus)),
                    cpus: open.map_or(0, |open| known(&open.cpus)),
                    milliwatts: limit,
                };
                let slot = self.first.saturating_add(u64::try_from(slot).unwrap_or(0));
                problem.curtailed(PoolId(index_of(at)), slot, free)
            }));
            for (slot, taken) in problem.reserved.pools.get(at).into_iter().flatten() {
                let slot = slot
                    .checked_sub(self.first)
                    .and_then(|n| usize::try_from(n).ok());
                if let Some(free) = slot.and_then(|slot| lane.free.get_mut(slot)) {
                    free.less(*taken);
                }
            }
            if lane.opening == 0 || lane.opened != lane.free {
                self.openings += 1;
                lane.opening = self.openings;
                lane.opened.clone_from(&lane.free);
            }
            lane.is_taken = false;
            lane.count();
        }
    }

    /// Whether two pools are in the same zone.
    pub(super) fn is_one_zone(&self, one: PoolId, other: PoolId) -> bool {
        let zone = |pool: PoolId| self.fleet.get(pool).map(|pool| pool.zone.as_str());
        zone(one) == zone(other)
    }

    /// The end of the last slot.
    pub(crate) fn end_ms(&self) -> u64 {
        let slots = u64::try_from(self.slots).unwrap_or(0);
        self.first
            .saturating_add(slots)
            .saturating_mul(self.slot_ms)
    }

    /// The slot that contains a moment; the last slot for moments after the end.
    pub(crate) fn slot(&self, at_ms: u64) -> usize {
        let slot = (at_ms / self.slot_ms).saturating_sub(self.first);
        usize::try_from(slot)
            .unwrap_or(usize::MAX)
            .min(self.slots.saturating_sub(1))
    }

    /// The starts of the slots after a moment, and until another, at which a pool's weight changes, and
    /// the first moment.
    pub(super) fn changes(&self, from_ms: u64, until_ms: u64) -> Vec<u64> {
        let slots = self.slot(from_ms) + 1..=self.slot(until_ms);
        let changes = slots.filter(|slot| {
            let weights = self.lanes.iter().map(|lane| &lane.weight);
            let mut pairs = weights.filter_map(|all| Some((all.get(slot - 1)?, all.get(*slot)?)));
            pairs.any(|(before, now)| before != now)
        });
        let starts = changes.map(|slot| self.start_ms(slot));
        let starts = starts.filter(|start| *start <= until_ms);
        std::iter::once(from_ms).chain(starts).collect()
    }

    /// The start of a slot.
    pub(crate) fn start_ms(&self, slot: usize) -> u64 {
        let slot = u64::try_from(slot).unwrap_or(0);
        self.first.saturating_add(slot).saturating_mul(self.slot_ms)
    }
}

/// Prefix sums of the slots in which more is open than always is.
fn idle(open: Option<&Vec<u32>>, standing: u32, slots: usize) -> Vec<u32> {
    let mut sums = vec![0];
    for slot in 0..slots {
        let open = open.and_then(|open| open.get(slot)).copied();
        let is_idle = open.is_some_and(|open| open > standing);
        sums.push(sums[slot] + u32::from(is_idle));
    }
    sums
}
