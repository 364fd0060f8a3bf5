//! A problem as policies see it: by pool and time, the intensity and the free capacity.

use std::cell::OnceCell;

use sunward_core::place::{Ask, Problem, Segment, Taken};
use sunward_core::{PoolId, Timestamp};

use super::steps::Steps;

/// Microjoules x mg/kWh x permille in one microgram.
const PER_MICROGRAM: u128 = 3_600_000_000_000;

/// The intensity assumed for a zone of which nothing is known, in mg/kWh: more than any coal plant.
const UNKNOWN_MG_PER_KWH: u32 = 2_000_000;

/// What is known of one pool, by slot.
#[derive(Clone)]
struct Lane {
    /// PUE x intensity of each slot, in mg/kWh x permille.
    weight: Steps,
    intensities_mg_per_kwh: Vec<u32>,
    surplus: Vec<bool>,
    free: Vec<Taken>,
}

/// A place and time for a stage, with a number of tasks at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The pool.
    pub pool: PoolId,
    /// The start, in milliseconds since the epoch.
    pub start_ms: u64,
    /// The end, in milliseconds since the epoch.
    pub end_ms: u64,
}

/// A problem as policies see it. Capacity that one ask takes is not free for the asks after it.
pub struct View<'a> {
    /// The problem.
    pub problem: &'a Problem,
    slot_ms: u64,
    first_slot: u64,
    slots: usize,
    /// By pool; made when one is first looked at, since most policies look at few.
    lanes: Vec<OnceCell<Lane>>,
}

impl<'a> View<'a> {
    /// A view of a problem.
    #[must_use]
    pub fn of(problem: &'a Problem) -> Self {
        let slots = problem.outlook.slots();
        Self {
            problem,
            slot_ms: problem.outlook.slot_ms.max(1),
            first_slot: problem.outlook.first_slot,
            slots,
            lanes: vec![OnceCell::new(); problem.fleet.pools.len()],
        }
    }

    fn lane(&self, pool: PoolId) -> Option<&Lane> {
        let lane = self.lanes.get(pool.place())?;
        Some(lane.get_or_init(|| self::lane(self.problem, pool, self.slots)))
    }

    /// The candidate starts of a stage: when it is ready, at each slot, and at the latest.
    #[must_use]
    pub fn starts(&self, ready_ms: u64, latest_ms: u64) -> Vec<u64> {
        let mut starts = vec![ready_ms];
        let mut next = (ready_ms / self.slot_ms + 1) * self.slot_ms;
        let end = self.end_ms();
        while next < latest_ms && next < end {
            starts.push(next);
            next += self.slot_ms;
        }
        if latest_ms > ready_ms {
            starts.push(latest_ms);
        }
        starts
    }

    /// The end of the outlook, in milliseconds since the epoch.
    #[must_use]
    pub fn end_ms(&self) -> u64 {
        let slots = u64::try_from(self.slots).unwrap_or(0);
        (self.first_slot + slots).saturating_mul(self.slot_ms)
    }

    /// `ms x PUE x mg/kWh` of a span. It is proportional to what a constant power emits there.
    #[must_use]
    pub fn window(&self, spot: Spot) -> u64 {
        let Some(lane) = self.lane(spot.pool) else {
            return u64::MAX / 4;
        };
        lane.weight.over(spot.start_ms, spot.end_ms)
    }

    /// The expected emissions of a stage there in micrograms, moving its inputs included.
    #[must_use]
    pub fn micrograms(&self, ask: &Ask, spot: Spot) -> u64 {
        let ms = u128::from(spot.end_ms.saturating_sub(spot.start_ms).max(1));
        let work = u128::from(ask.task_milliwatts) * u128::from(ask.tasks);
        let work = work.saturating_mul(u128::from(ask.task_ms));
        let exact = work.saturating_mul(u128::from(self.window(spot))) / ms / PER_MICROGRAM;
        let run = u64::try_from(exact).unwrap_or(u64::MAX);
        run.saturating_add(self.transfer(ask, spot.pool, spot.start_ms))
    }

    /// The emissions of moving a stage's inputs to a pool in micrograms, at the mean intensity of
    /// both ends.
    #[must_use]
    pub fn transfer(&self, ask: &Ask, to: PoolId, at_ms: u64) -> u64 {
        let milliwatt_hours = u128::from(self.problem.transfer_milliwatt_hours_per_gb);
        let moved = ask.data.iter().filter(|(from, _)| *from != to);
        let each = moved.map(|(from, bytes)| {
            let both = self.intensity(*from, at_ms) + self.intensity(to, at_ms);
            // 1e-6 kWh/mWh, 1e-9 GB/byte, 1e3 ug/mg, and half for the mean of both ends.
            let moved = milliwatt_hours * u128::from(*bytes);
            moved.saturating_mul(u128::from(both)) / 2_000_000_000_000
        });
        let sum = each.fold(0_u128, u128::saturating_add);
        u64::try_from(sum).unwrap_or(u64::MAX)
    }

    /// The intensity of a pool's grid at a moment, in mg/kWh. Beyond the outlook it is the nearest
    /// known value.
    #[must_use]
    pub fn intensity(&self, pool: PoolId, at_ms: u64) -> u64 {
        let lane = self.lane(pool);
        let known = lane.and_then(|lane| lane.intensities_mg_per_kwh.get(self.slot(at_ms)));
        u64::from(known.copied().unwrap_or(UNKNOWN_MG_PER_KWH))
    }

    /// The least and greatest intensity of a pool's grid within a span.
    #[must_use]
    pub fn range(&self, pool: PoolId, from_ms: u64, span_ms: u64) -> (u64, u64) {
        let last = self.slot(from_ms.saturating_add(span_ms));
        let lane = self.lane(pool);
        let known =
            lane.and_then(|lane| lane.intensities_mg_per_kwh.get(self.slot(from_ms)..=last));
        let known = known.unwrap_or(&[]).iter().map(|one| u64::from(*one));
        let least = known.clone().min().unwrap_or(0);
        (least, known.max().unwrap_or(0))
    }

    /// The mean of PUE x intensity over a pool's whole outlook.
    #[must_use]
    pub fn mean(&self, pool: PoolId) -> u64 {
        let lane = self.lane(pool);
        let slots = u64::try_from(self.slots.max(1)).unwrap_or(1);
        lane.map_or(u64::MAX, |lane| lane.weight.total() / slots)
    }

    /// Whether power is in surplus during the whole span.
    #[must_use]
    pub fn is_surplus(&self, spot: Spot) -> bool {
        let last = self.slot(spot.end_ms.saturating_sub(1).max(spot.start_ms));
        let lane = self.lane(spot.pool);
        let known = lane.and_then(|lane| lane.surplus.get(self.slot(spot.start_ms)..=last));
        spot.end_ms <= self.end_ms() && known.is_some_and(|all| all.iter().all(|one| *one))
    }

    /// How many tasks of a stage a pool can run at once during the whole span.
    #[must_use]
    pub fn room(&self, ask: &Ask, spot: Spot) -> u32 {
        let last = self.slot(spot.end_ms.saturating_sub(1).max(spot.start_ms));
        let lane = self.lane(spot.pool);
        let free = lane.and_then(|lane| lane.free.get(self.slot(spot.start_ms)..=last));
        let free = free.unwrap_or(&[]).iter();
        free.map(|free| fit(ask, *free)).min().unwrap_or(0)
    }

    /// Marks the capacity of a segment as taken.
    pub fn take(&mut self, ask: &Ask, segment: &Segment) {
        let first = self.slot(segment.start.0);
        let last = self.slot(segment.end.0.saturating_sub(1).max(segment.start.0));
        if self.lane(segment.pool).is_none() {
            return;
        }
        let lane = self.lanes.get_mut(segment.pool.place());
        let Some(lane) = lane.and_then(OnceCell::get_mut) else {
            return;
        };
        let at_once = segment.at_once;
        for free in lane.free.get_mut(first..=last).into_iter().flatten() {
            free.gpus = free.gpus.saturating_sub(ask.gpus.saturating_mul(at_once));
            free.cpus = free.cpus.saturating_sub(ask.cpus.saturating_mul(at_once));
            let power = ask.task_milliwatts.saturating_mul(at_once.into());
            free.milliwatts = free.milliwatts.saturating_sub(power);
        }
    }

    fn slot(&self, at_ms: u64) -> usize {
        let slot = (at_ms / self.slot_ms).saturating_sub(self.first_slot);
        usize::try_from(slot)
            .unwrap_or(usize::MAX)
            .min(self.slots.saturating_sub(1))
    }

    /// A figure by slot, from the moments at which the slots begin.
    pub fn steps(&self, values: impl FnOnce(&[Timestamp]) -> Vec<u64>) -> Steps {
        let slots = u64::try_from(self.slots).unwrap_or(0);
        let begins = self.first_slot..self.first_slot.saturating_add(slots);
        let begins = begins.map(|slot| Timestamp(slot.saturating_mul(self.slot_ms)));
        let begins: Vec<Timestamp> = begins.collect();
        Steps::new(self.slot_ms, self.first_slot, values(&begins))
    }
}

/// How many tasks fit into free capacity. For a task on devices, only devices count.
fn fit(ask: &Ask, free: Taken) -> u32 {
    let gpus = free.gpus.checked_div(ask.gpus);
    let cpus = free.cpus.checked_div(ask.cpus);
    let units = if ask.gpus > 0 { gpus } else { cpus };
    let power = free.milliwatts.checked_div(ask.task_milliwatts);
    let power = power.map_or(u32::MAX, |fit| u32::try_from(fit).unwrap_or(u32::MAX));
    units.unwrap_or(u32::MAX).min(power)
}

fn lane(problem: &Problem, id: PoolId, slots: usize) -> Lane {
    let pool = problem.fleet.get(id);
    let zone = pool.and_then(|pool| problem.outlook.zone(&pool.zone));
    let pue_permille = u64::from(pool.map_or(1000, |pool| pool.pue_permille));
    let limit = pool.and_then(|pool| pool.power_limit_milliwatts);
    let open = problem.outlook.pool(id);
    let mut weights = Vec::with_capacity(slots);
    let mut lane = Lane {
        weight: Steps::default(),
        intensities_mg_per_kwh: Vec::with_capacity(slots),
        surplus: Vec::with_capacity(slots),
        free: Vec::with_capacity(slots),
    };
    for slot in 0..slots {
        let known = zone.and_then(|zone| {
            let values = &zone.intensity_mg_per_kwh;
            values.get(slot).or(values.last()).copied()
        });
        let intensity = known.unwrap_or(UNKNOWN_MG_PER_KWH);
        weights.push(u64::from(intensity) * pue_permille);
        lane.intensities_mg_per_kwh.push(intensity);
        let surplus = zone.and_then(|zone| zone.surplus.get(slot)).copied();
        lane.surplus.push(surplus.unwrap_or(false));
        let of = |values: &Vec<u32>| values.get(slot).copied().unwrap_or(0);
        lane.free.push(Taken {
            gpus: open.map_or(0, |open| of(&open.gpus)),
            cpus: open.map_or(0, |open| of(&open.cpus)),
            milliwatts: limit.unwrap_or(u64::MAX),
        });
    }
    let outlook = &problem.outlook;
    lane.weight = Steps::new(outlook.slot_ms.max(1), outlook.first_slot, weights);
    let promised = problem.reserved.pools.get(id.place());
    for (slot, taken) in promised.into_iter().flatten() {
        let slot = slot.checked_sub(problem.outlook.first_slot);
        let slot = slot.and_then(|slot| usize::try_from(slot).ok());
        if let Some(free) = slot.and_then(|slot| lane.free.get_mut(slot)) {
            free.gpus = free.gpus.saturating_sub(taken.gpus);
            free.cpus = free.cpus.saturating_sub(taken.cpus);
            free.milliwatts = free.milliwatts.saturating_sub(taken.milliwatts);
        }
    }
    lane
}

/// A segment of `tasks` tasks at a spot.
#[must_use]
pub fn segment(spot: Spot, tasks: u32, at_once: u32) -> Segment {
    Segment {
        pool: spot.pool,
        start: Timestamp(spot.start_ms),
        end: Timestamp(spot.end_ms),
        tasks,
        at_once,
    }
}
