//! The board that placements are played on: by pool and slot, how dirty it is and what is free.
//!
//! Sums stop at the greatest number there is: figures that no grid or machine has make a place as dirty
//! as can be, and never clean.

use std::sync::Arc;

use super::ask::Ask;
use super::floor::{Cleanest, Floor, Headroom};
use super::outlook::Outlook;
use super::placement::Segment;
use super::problem::{Problem, Reserved, Taken};
use super::sweep::{Need, Sweep};
use crate::ids::Timestamp;
use crate::pool::{Fleet, PoolId};

/// One kilowatt hour times a thousandth of a microgram a milligram: what an energy in microjoules
/// times `mg/kWh x permille` is divided by to be micrograms.
const PER_MICROGRAM: u128 = 3_600_000_000_000;

/// Bytes of a gigabyte, as networks count.
const BYTES_PER_GB: u128 = 1_000_000_000;

/// What is known of one pool.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// `PUE x intensity` by slot, in mg/kWh x permille.
    weight: Vec<u64>,
    /// Running sum of `weight`: before slot `n` stands at `n`.
    sum: Vec<u64>,
    /// Running sum of slots in surplus.
    surplus: Vec<u32>,
    /// Intensity by slot, in mg/kWh, for transfers.
    intensity: Vec<u32>,
    /// Expected error by slot, in thousandths.
    error: Vec<u16>,
    free: Vec<Taken>,
    /// What was free before anything of this problem was placed.
    opened: Vec<Taken>,
    /// Another number whenever `opened` has changed.
    opening: u64,
    /// Something of this problem is placed here.
    is_taken: bool,
    /// The least that is free in any slot: what needs less fits anywhere.
    least: Taken,
    price_micros: Option<u64>,
    /// Another number whenever any of the above but what is free has changed.
    version: u64,
}

/// Which state a pool is in: what was found in it then stands as long as it is in the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The same as long as all is that is known of it, but for what is free.
    pub(crate) version: u64,
    /// The same as long as that is which was free before anything of this problem was placed.
    pub(crate) opening: u64,
    /// Nothing of this problem is placed in it.
    pub(crate) is_open: bool,
}

/// The board.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) slot_ms: u64,
    /// The first slot, counted from the epoch.
    first: u64,
    /// How many slots.
    slots: usize,
    lanes: Vec<Lane>,
    transfer_milliwatt_hours_per_gb: u64,
    /// No window counts as cleaner than this.
    pub(crate) floor: Floor,
    cleanest: Cleanest,
    /// The greatest version given so far.
    versions: u64,
    /// The greatest number of an opening given so far.
    openings: u64,
    outlook: Arc<Outlook>,
    fleet: Arc<Fleet>,
}

impl Board {
    /// The board of a problem. What did not change since `last` is taken over from it.
    pub(crate) fn of(problem: &Problem, last: Option<Self>) -> Self {
        let mut board = match last {
            Some(last)
                if Arc::ptr_eq(&last.outlook, &problem.outlook)
                    && Arc::ptr_eq(&last.fleet, &problem.fleet) =>
            {
                last
            }
            Some(last) if Arc::ptr_eq(&last.fleet, &problem.fleet) => Self::after(problem, &last),
            // Versions go on, so that nothing that was found in other pools is taken for these.
            Some(last) => Self::empty(problem, last.versions + 1),
            None => Self::empty(problem, 1),
        };
        board.transfer_milliwatt_hours_per_gb = problem.transfer_milliwatt_hours_per_gb;
        board.open(&problem.reserved);
        board
    }

    /// The board of a problem on another outlook: what is known of a pool and did not change keeps its
    /// version.
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
                // Beyond what is known the last figure stands; a zone that nobody knows is as dirty
                // as can be, so that nothing goes there for being unknown.
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

    /// Counts anew what is free: what is open less what is promised.
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

    /// The end of what is known.
    pub(crate) fn end_ms(&self) -> u64 {
        let slots = u64::try_from(self.slots).unwrap_or(0);
        self.first
            .saturating_add(slots)
            .saturating_mul(self.slot_ms)
    }

    /// The slot of a moment, the last one for what lies beyond.
    pub(crate) fn slot(&self, at_ms: u64) -> usize {
        let slot = (at_ms / self.slot_ms).saturating_sub(self.first);
        usize::try_from(slot)
            .unwrap_or(usize::MAX)
            .min(self.slots.saturating_sub(1))
    }

    /// When a slot begins.
    pub(crate) fn start_ms(&self, slot: usize) -> u64 {
        let slot = u64::try_from(slot).unwrap_or(0);
        self.first.saturating_add(slot).saturating_mul(self.slot_ms)
    }

    /// `ms x PUE x intensity` from the board's beginning to a moment.
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

    /// `ms x PUE x intensity` of a window: proportional to what a constant power emits in it.
    pub(crate) fn window(&self, pool: PoolId, start_ms: u64, end_ms: u64) -> u64 {
        self.lanes.get(pool.place()).map_or(u64::MAX / 4, |lane| {
            self.integral(lane, end_ms)
                .saturating_sub(self.integral(lane, start_ms))
        })
    }

    /// A window as it is compared for an ask: no less than the floor.
    pub(crate) fn compared(&self, ask: &Ask, pool: PoolId, start_ms: u64, end_ms: u64) -> u64 {
        let least = self.least_window(ask, end_ms.saturating_sub(start_ms));
        self.window(pool, start_ms, end_ms).max(least)
    }

    /// What a window of so long counts as for an ask at least.
    pub(crate) fn least_window(&self, ask: &Ask, length_ms: u64) -> u64 {
        let weight = if ask.gpus > 0 {
            self.floor.gpus
        } else {
            self.floor.cpus
        };
        weight.saturating_mul(length_ms)
    }

    /// What is free in the cleanest slots of the first day.
    pub(crate) fn room_by_weight(&self) -> Headroom {
        let free = |pool: usize, slot: usize| {
            let lane = self.lanes.get(pool);
            let free = lane.and_then(|lane| lane.free.get(slot));
            free.copied().unwrap_or_default()
        };
        self.cleanest.room(self.slot_ms, free)
    }

    /// What so much power emits over such a window, in micrograms.
    pub(crate) fn micrograms(window: u64, milliwatts: u64) -> u64 {
        let exact = u128::from(window) * u128::from(milliwatts) / PER_MICROGRAM;
        u64::try_from(exact).unwrap_or(u64::MAX)
    }

    /// Time in surplus in a window, in slots.
    pub(crate) fn surplus(&self, pool: PoolId, start_ms: u64, end_ms: u64) -> u32 {
        let last = self.slot(end_ms.saturating_sub(1).max(start_ms));
        let first = self.slot(start_ms);
        self.lanes.get(pool.place()).map_or(0, |lane| {
            let upto = |slot: usize| lane.surplus.get(slot).copied().unwrap_or(0);
            upto(last + 1).saturating_sub(upto(first))
        })
    }

    /// The mean expected error over a window, in thousandths.
    pub(crate) fn error_permille(&self, pool: PoolId, start_ms: u64, end_ms: u64) -> u64 {
        let last = self.slot(end_ms.saturating_sub(1).max(start_ms));
        let lane = self.lanes.get(pool.place());
        let errors = lane.and_then(|lane| lane.error.get(self.slot(start_ms)..=last));
        let errors = errors.unwrap_or(&[]);
        let sum: u64 = errors.iter().map(|error| u64::from(*error)).sum();
        let count = u64::try_from(errors.len()).unwrap_or(0);
        sum.checked_div(count).unwrap_or(0)
    }

    /// What moving an ask's data to a pool emits at a moment, in micrograms: the mean of both ends'
    /// intensities times the network's energy.
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
            // mWh/GB x bytes x mg/kWh: to micrograms by 1e-6 kWh/mWh, 1e-9 GB/byte, 1e3 ug/mg, half.
            let milliwatt_hours = u128::from(self.transfer_milliwatt_hours_per_gb);
            let moved = (milliwatt_hours * u128::from(*bytes)).saturating_mul(both);
            sum = sum.saturating_add(moved / (BYTES_PER_GB * 2000));
        }
        u64::try_from(sum).unwrap_or(u64::MAX)
    }

    /// What an hour of one device costs in a pool, in millionths; 0 where it is lent.
    pub(crate) fn price_micros(&self, pool: PoolId) -> u64 {
        self.lanes
            .get(pool.place())
            .and_then(|lane| lane.price_micros)
            .unwrap_or(0)
    }

    /// How many tasks of an ask a pool could hold at once in this window.
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

    /// The most tasks of an ask that a pool could ever hold at once, as far as is known.
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

    /// Whether a pool has room for all that an ask runs at once, whenever it begins.
    pub(crate) fn has_room_at_any_time(&self, ask: &Ask, pool: PoolId) -> bool {
        let lane = self.lanes.get(pool.place());
        lane.is_some_and(|lane| ask.fit(lane.least) >= ask.width.min(ask.tasks))
    }

    /// The state that a pool is in.
    pub(crate) fn standing(&self, pool: PoolId) -> Standing {
        let lane = self.lanes.get(pool.place());
        lane.map_or_else(Standing::default, |lane| Standing {
            version: lane.version,
            opening: lane.opening,
            is_open: !lane.is_taken,
        })
    }

    /// A pool, to be swept for blocks that need so much.
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

    /// Whether some pool has less free, at some time, than this.
    pub(crate) fn is_short_of(&self, gpus: u64, cpus: u64) -> bool {
        self.lanes.iter().any(|lane| {
            u64::from(lane.least.gpus) < gpus
                || u64::from(lane.least.cpus) < cpus
                || lane.least.milliwatts < u64::MAX
        })
    }

    /// Takes what a segment of an ask needs.
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

/// The intensity of a zone of which nothing is known, in mg/kWh: more than any coal plant.
const UNKNOWN_MG_PER_KWH: u32 = 2_000_000;

impl Lane {
    /// Whether another lane tells the same, whatever is free.
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
    /// How many of its tasks fit into what is free.
    fn fit(&self, free: Taken) -> u32 {
        let gpus = free.gpus.checked_div(self.gpus).unwrap_or(u32::MAX);
        // A task that runs on devices is bounded by them; hosts lend cores beside.
        let cpus = if self.gpus > 0 {
            u32::MAX
        } else {
            free.cpus.checked_div(self.cpus).unwrap_or(u32::MAX)
        };
        let power = free.milliwatts.checked_div(self.task_milliwatts);
        let power = power.map_or(u32::MAX, |fit| u32::try_from(fit).unwrap_or(u32::MAX));
        gpus.min(cpus).min(power)
    }

    /// How many rounds it takes with so many tasks at once.
    pub(crate) fn rounds(&self, at_once: u32) -> u32 {
        self.tasks.div_ceil(at_once.max(1)).max(1)
    }

    /// How long it takes with so many tasks at once, in milliseconds.
    pub(crate) fn length_ms(&self, at_once: u32) -> u64 {
        u64::from(self.rounds(at_once)).saturating_mul(self.task_ms.max(1))
    }

    /// Mean power of the whole, in milliwatts, while it runs so many tasks at once.
    pub(crate) fn power(&self, at_once: u32) -> u64 {
        let tasks = u64::from(self.tasks);
        let rounds = u64::from(self.rounds(at_once));
        self.task_milliwatts.saturating_mul(tasks) / rounds
    }

    /// The latest moment at which its work may begin that takes so long.
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

/// A window of one pool.
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
