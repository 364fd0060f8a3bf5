//! The board: the carbon weight and the free capacity of every pool, slot by slot.
//!
//! Sums saturate. Absurd figures make a place as dirty as possible and never clean, so a broken
//! signal attracts no work.

use std::sync::Arc;

use super::ask::Ask;
use super::floor::{Cleanest, Floor, Headroom};
use super::outlook::Outlook;
use super::placement::Segment;
use super::problem::{Problem, Reserved, Taken};
use super::sweep::{Need, Sweep};
use crate::ids::Timestamp;
use crate::pool::{Fleet, PoolId};

/// Converts energy in microjoules times a weight in `mg/kWh x permille` to micrograms: 1 kWh is
/// 3.6e12 uJ, and the factors 1000 of permille and of ug/mg cancel.
const PER_MICROGRAM: u128 = 3_600_000_000_000;

/// Bytes of a gigabyte; networks count in powers of ten.
const BYTES_PER_GB: u128 = 1_000_000_000;

/// One pool's weights and free capacity, by slot.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// `PUE x intensity` by slot, in mg/kWh x permille: `w_r,t` of CARBON.md §2.
    weight: Vec<u64>,
    /// Prefix sums of `weight`: `sum[n]` is the sum before slot `n`. They make a window a
    /// difference of two numbers, whatever its length.
    sum: Vec<u64>,
    /// Prefix sums of the slots that are in surplus.
    surplus: Vec<u32>,
    /// Intensity by slot, in mg/kWh. Transfers use it: a pool's PUE does not apply to the network.
    intensity: Vec<u32>,
    /// Expected forecast error by slot, in thousandths of the intensity.
    error: Vec<u16>,
    free: Vec<Taken>,
    /// `free` as it was before any ask of this problem was placed.
    opened: Vec<Taken>,
    /// Changes whenever `opened` changes, so that caches compare one number instead of all slots.
    opening: u64,
    /// True once an ask of this problem is placed here, so that `free` differs from `opened`.
    is_taken: bool,
    /// The minimum of `free` over all slots. A need within it fits at any time, and no slot has to
    /// be looked at.
    least: Taken,
    price_micros: Option<u64>,
    /// Changes whenever anything else above changes except `free`.
    version: u64,
}

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

/// Weights and free capacity of all pools. Solving a problem reserves capacity on it.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) slot_ms: u64,
    /// The first slot, counted from the epoch in slots.
    first: u64,
    /// The number of slots. It is the same for all pools.
    slots: usize,
    lanes: Vec<Lane>,
    transfer_milliwatt_hours_per_gb: u64,
    /// The clearing weight of the unit that is being placed: no window counts as cleaner.
    pub(crate) floor: Floor,
    cleanest: Cleanest,
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
        board.open(&problem.reserved);
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
        let lanes = problem.fleet.iter().map(|(_, pool)| {
            let zone = outlook.zone(&pool.zone);
            let mut lane = Lane {
                price_micros: pool.price_micros_per_gpu_hour,
                version,
                sum: vec![0],
                surplus: vec![0],
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
                let error = zone.and_then(|zone| {
                    let errors = &zone.error_permille;
                    errors.get(slot).or(errors.last()).copied()
                });
                let surplus = zone.and_then(|zone| zone.surplus.get(slot)).copied();
                lane.weight.push(weight);
                lane.sum.push(lane.sum[slot].saturating_add(weight));
                lane.surplus
                    .push(lane.surplus[slot] + u32::from(surplus.unwrap_or(false)));
                lane.intensity.push(intensity);
                lane.error.push(error.unwrap_or(0));
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

    /// Computes free capacity anew: open capacity minus promised capacity.
    fn open(&mut self, reserved: &Reserved) {
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
                Taken {
                    gpus: open.map_or(0, |open| known(&open.gpus)),
                    cpus: open.map_or(0, |open| known(&open.cpus)),
                    milliwatts: limit,
                }
            }));
            for (slot, taken) in reserved.pools.get(at).into_iter().flatten() {
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

    /// The start of a slot.
    pub(crate) fn start_ms(&self, slot: usize) -> u64 {
        let slot = u64::try_from(slot).unwrap_or(0);
        self.first.saturating_add(slot).saturating_mul(self.slot_ms)
    }

    /// The integral of the weight from the board's beginning to a moment, in `ms x mg/kWh x
    /// permille`. A part of a slot counts proportionally. After the end the last slot's weight
    /// continues.
    fn integral(&self, lane: &Lane, at_ms: u64) -> u64 {
        let begin = self.first.saturating_mul(self.slot_ms);
        let into_ms = at_ms.saturating_sub(begin);
        let whole = usize::try_from(into_ms / self.slot_ms).unwrap_or(usize::MAX);
        if whole >= self.slots {
            let known = lane
                .sum
                .last()
                .copied()
                .unwrap_or(0)
                .saturating_mul(self.slot_ms);
            let last = lane.weight.last().copied().unwrap_or(0);
            let beyond = at_ms.saturating_sub(self.end_ms());
            return known.saturating_add(beyond.saturating_mul(last));
        }
        let into = (into_ms % self.slot_ms).saturating_mul(lane.weight[whole]);
        lane.sum[whole]
            .saturating_mul(self.slot_ms)
            .saturating_add(into)
    }

    /// The integral of the weight over a window. The emissions of a constant power are proportional
    /// to it. An unknown pool gives a value above any real window, and far enough from the maximum
    /// that sums of it do not saturate.
    pub(crate) fn window(&self, pool: PoolId, start_ms: u64, end_ms: u64) -> u64 {
        self.lanes.get(pool.place()).map_or(u64::MAX / 4, |lane| {
            self.integral(lane, end_ms)
                .saturating_sub(self.integral(lane, start_ms))
        })
    }

    /// The window that placement compares: [`Self::window`], but at least the floor.
    pub(crate) fn compared(&self, ask: &Ask, pool: PoolId, start_ms: u64, end_ms: u64) -> u64 {
        let least = self.least_window(ask, end_ms.saturating_sub(start_ms));
        self.window(pool, start_ms, end_ms).max(least)
    }

    /// The floor of a window of this length for an ask: its clearing weight times the length.
    pub(crate) fn least_window(&self, ask: &Ask, length_ms: u64) -> u64 {
        let weight = if ask.gpus > 0 {
            self.floor.gpus
        } else {
            self.floor.cpus
        };
        weight.saturating_mul(length_ms)
    }

    /// The free capacity of the first day, cleanest slots first.
    pub(crate) fn room_by_weight(&self) -> Headroom {
        let free = |pool: usize, slot: usize| {
            let lane = self.lanes.get(pool);
            let free = lane.and_then(|lane| lane.free.get(slot));
            free.copied().unwrap_or_default()
        };
        self.cleanest.room(self.slot_ms, free)
    }

    /// The emissions of a constant power over a window, in micrograms.
    pub(crate) fn micrograms(window: u64, milliwatts: u64) -> u64 {
        let exact = u128::from(window) * u128::from(milliwatts) / PER_MICROGRAM;
        u64::try_from(exact).unwrap_or(u64::MAX)
    }

    /// The number of slots of a window that are in surplus.
    pub(crate) fn surplus(&self, pool: PoolId, start_ms: u64, end_ms: u64) -> u32 {
        let last = self.slot(end_ms.saturating_sub(1).max(start_ms));
        let first = self.slot(start_ms);
        self.lanes.get(pool.place()).map_or(0, |lane| {
            let upto = |slot: usize| lane.surplus.get(slot).copied().unwrap_or(0);
            upto(last + 1).saturating_sub(upto(first))
        })
    }

    /// The mean expected forecast error over a window, in thousandths.
    pub(crate) fn error_permille(&self, pool: PoolId, start_ms: u64, end_ms: u64) -> u64 {
        let last = self.slot(end_ms.saturating_sub(1).max(start_ms));
        let lane = self.lanes.get(pool.place());
        let errors = lane.and_then(|lane| lane.error.get(self.slot(start_ms)..=last));
        let errors = errors.unwrap_or(&[]);
        let sum: u64 = errors.iter().map(|error| u64::from(*error)).sum();
        let count = u64::try_from(errors.len()).unwrap_or(0);
        sum.checked_div(count).unwrap_or(0)
    }

    /// The emissions of moving an ask's data to a pool at a moment, in micrograms: the network's
    /// energy times the mean of both ends' intensities (`D kappa (CI_r + CI_s) / 2` in CARBON.md
    /// §2). Nobody knows the route, so both ends count half.
    pub(crate) fn transfer(&self, ask: &Ask, to: PoolId, at_ms: u64) -> u64 {
        let slot = self.slot(at_ms);
        let intensity = |pool: PoolId| {
            let lane = self.lanes.get(pool.place())?;
            lane.intensity.get(slot).copied()
        };
        let mut sum = 0_u128;
        for (from, bytes) in ask.data.iter().filter(|(from, _)| *from != to) {
            let both = intensity(*from).zip(intensity(to));
            let both = both.map_or(0, |(from, to)| u128::from(from) + u128::from(to));
            // mWh/GB x bytes x mg/kWh to micrograms: 1e-6 kWh/mWh, 1e-9 GB/byte, 1e3 ug/mg, and one
            // half.
            let milliwatt_hours = u128::from(self.transfer_milliwatt_hours_per_gb);
            let moved = (milliwatt_hours * u128::from(*bytes)).saturating_mul(both);
            sum = sum.saturating_add(moved / (BYTES_PER_GB * 2000));
        }
        u64::try_from(sum).unwrap_or(u64::MAX)
    }

    /// The price of one device hour in a pool, in millionths of the currency; 0 where the host
    /// lends it.
    pub(crate) fn price_micros(&self, pool: PoolId) -> u64 {
        self.lanes
            .get(pool.place())
            .and_then(|lane| lane.price_micros)
            .unwrap_or(0)
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

    /// A view of a pool for finding blocks of one shape. It leaves `free` out where the need fits
    /// in every slot.
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

/// The intensity of an unknown zone, in mg/kWh: higher than any coal plant's.
const UNKNOWN_MG_PER_KWH: u32 = 2_000_000;

impl Lane {
    /// Whether another lane has the same signals and price. Free capacity does not count.
    fn is_known_as(&self, other: &Self) -> bool {
        self.weight == other.weight
            && self.surplus == other.surplus
            && self.intensity == other.intensity
            && self.error == other.error
            && self.price_micros == other.price_micros
    }

    fn count(&mut self) {
        let most = Taken {
            gpus: u32::MAX,
            cpus: u32::MAX,
            milliwatts: u64::MAX,
        };
        self.least = self
            .free
            .iter()
            .fold(most, |least, free| least.least(*free));
    }
}

impl Taken {
    fn less(&mut self, other: Self) {
        self.gpus = self.gpus.saturating_sub(other.gpus);
        self.cpus = self.cpus.saturating_sub(other.cpus);
        self.milliwatts = self.milliwatts.saturating_sub(other.milliwatts);
    }

    fn least(self, other: Self) -> Self {
        Self {
            gpus: self.gpus.min(other.gpus),
            cpus: self.cpus.min(other.cpus),
            milliwatts: self.milliwatts.min(other.milliwatts),
        }
    }
}

impl Ask {
    /// The number of its tasks that fit into some free capacity.
    fn fit(&self, free: Taken) -> u32 {
        let gpus = free.gpus.checked_div(self.gpus).unwrap_or(u32::MAX);
        // GPUs alone limit a GPU task. Hosts lend the cores that belong to a GPU with it.
        let cpus = if self.gpus > 0 {
            u32::MAX
        } else {
            free.cpus.checked_div(self.cpus).unwrap_or(u32::MAX)
        };
        let power = free.milliwatts.checked_div(self.task_milliwatts);
        let power = power.map_or(u32::MAX, |fit| u32::try_from(fit).unwrap_or(u32::MAX));
        gpus.min(cpus).min(power)
    }

    /// The number of rounds that its tasks take when this many run at the same time.
    pub(crate) fn rounds(&self, at_once: u32) -> u32 {
        self.tasks.div_ceil(at_once.max(1)).max(1)
    }

    /// Its duration when this many tasks run at the same time, in milliseconds.
    pub(crate) fn length_ms(&self, at_once: u32) -> u64 {
        u64::from(self.rounds(at_once)).saturating_mul(self.task_ms.max(1))
    }

    /// Its mean power over its duration, in milliwatts, when this many tasks run at the same time.
    /// The last round may be narrower, so this is less than `at_once` times a task's power.
    pub(crate) fn power(&self, at_once: u32) -> u64 {
        let tasks = u64::from(self.tasks);
        let rounds = u64::from(self.rounds(at_once));
        self.task_milliwatts.saturating_mul(tasks) / rounds
    }

    /// The latest start that keeps its deadline and its `max_delay`, for work of this duration;
    /// `None` when it has neither.
    pub(crate) fn latest_start(&self, length_ms: u64) -> Option<u64> {
        let by_end = self.finish_by.map(|by| by.0.saturating_sub(length_ms));
        let by_start = self.start_by.map(|by| by.0);
        match (by_end, by_start) {
            (Some(end), Some(start)) => Some(end.min(start)),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        }
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
