//! The bound `st-dp`: the least that a job in rounds can emit if it may pause and move after each
//! round. It is found by dynamic programming over time (CARBON.md §2).
//!
//! It charges what the simulator charges: the run, and bringing the inputs once to each region in
//! which the job runs. A pause costs nothing. Let `F(t, k, S)` be the least for `k` rounds done by
//! `t`, with the inputs brought to the regions `S`:
//!
//! `F(t + l, k + 1, S + r) <- F(t, k, S) + run(t, r) + [r not in S] move(t, r)`.
//!
//! A set `S` is left out if it cannot pay: if the cheapest moves to `S` and rounds with free moves
//! together cost more than a schedule already known.

use sunward_core::{Pool, Timestamp};

use crate::meter::{Emissions, Used, ZoneTruth};

/// A pool and the true intensities of its zone.
pub(super) type Place<'a> = (&'a Pool, &'a ZoneTruth);

/// A job in rounds of equal length.
pub(super) struct Rounds<'a> {
    pub(super) places: &'a [Place<'a>],
    /// The number of tasks, and the most of them at once.
    pub(super) tasks: u32,
    pub(super) width: u32,
    pub(super) task_ms: u64,
    pub(super) milliwatts: u64,
    pub(super) earliest: Timestamp,
    pub(super) latest_end: Timestamp,
    /// Where the inputs are, and the energy that moves them, in microjoules.
    pub(super) home: Option<Place<'a>>,
    pub(super) moving_microjoules: u128,
}

/// Limits: with more moments or sets of regions than these, the bound is not computed.
const MOST_TIMES: u64 = 20_000;
const MOST_SETS: usize = 2048;

/// The most steps of the dynamic program for one job.
const MOST_STEPS: usize = 100_000_000;

/// The costs of running a round and of bringing the inputs, by moment and by region.
struct Costs {
    /// By moment: the moment at which a round that begins there ends; `None` if that is too late.
    next: Vec<Option<usize>>,
    /// By moment: the cheapest round in a place that has the inputs from the beginning.
    near: Vec<Option<Emissions>>,
    /// By moment and region: the cheapest round there, inputs not counted.
    run: Vec<Vec<Emissions>>,
    /// By moment and region: the cheapest round there, with bringing the inputs for it.
    brought: Vec<Vec<Emissions>>,
    /// By region: the least cost of bringing the inputs at any moment.
    least_move: Vec<Emissions>,
}

impl Rounds<'_> {
    /// The least that the job can emit; `None` if there are too many combinations to try.
    pub(super) fn least(&self, slot_ms: u64) -> Option<Emissions> {
        let width = self.width.min(self.tasks).max(1);
        if width > 1 && self.moving_microjoules > 0 {
            return None;
        }
        let costs = self.costs(&self.times(slot_ms)?);
        let rounds = usize::try_from(self.tasks.div_ceil(width)).ok()?;
        if costs.next.len().checked_mul(rounds)? > MOST_STEPS {
            return None;
        }
        let sets = costs.sets(rounds)?;
        if costs.next.len() * rounds * sets.len() > MOST_STEPS {
            return None;
        }
        let by_rounds = costs.least(rounds, &sets);
        // Tasks of which at most `width` overlap can be divided among `width` tracks, each without
        // overlap. A track's cost is convex in its number of rounds (intervals give a totally
        // unimodular program), so the even division is best.
        let (full, over) = (self.tasks / width, self.tasks % width);
        let of = |rounds: u32| *by_rounds.get(usize::try_from(rounds).ok()?)?;
        let longer = if over > 0 { of(full + 1)? } else { 0 };
        Some(of(full)? * Emissions::from(width - over) + longer * Emissions::from(over))
    }

    /// The moments at which a round may begin or end: each slot's start, and whole rounds from any
    /// of them.
    fn times(&self, slot_ms: u64) -> Option<Vec<u64>> {
        let (from, to) = (self.earliest.0, self.latest_end.0);
        let step = divisor(slot_ms.max(1), self.task_ms.max(1));
        if to.saturating_sub(from) / step > MOST_TIMES {
            return None;
        }
        let rounds = to.saturating_sub(from) / self.task_ms.max(1);
        let grid = (from.div_ceil(step)..=to / step).map(|at| at * step);
        let ahead = (0..=rounds).map(|round| from + round * self.task_ms);
        let back = (0..=rounds).map(|round| to - round * self.task_ms);
        let mut times: Vec<u64> = grid.chain(ahead).chain(back).collect();
        times.sort_unstable();
        times.dedup();
        Some(times)
    }

    fn costs(&self, times: &[u64]) -> Costs {
        let (regions, region_of) = self.regions();
        let mut costs = Costs {
            next: Vec::with_capacity(times.len()),
            near: Vec::with_capacity(times.len()),
            run: Vec::with_capacity(times.len()),
            brought: Vec::with_capacity(times.len()),
            least_move: vec![Emissions::MAX; regions],
        };
        for begin in times {
            let end = begin + self.task_ms;
            let next = times.partition_point(|time| *time < end);
            costs.next.push((next < times.len()).then_some(next));
            let mut near: Option<Emissions> = None;
            let mut run = vec![Emissions::MAX; regions];
            let mut brought = vec![Emissions::MAX; regions];
            for (place, region) in self.places.iter().zip(&region_of) {
                let own = self.run(place, Timestamp(*begin));
                let Some(region) = *region else {
                    near = Some(near.map_or(own, |near| near.min(own)));
                    continue;
                };
                let moving = self.moving(place, Timestamp(*begin));
                run[region] = run[region].min(own);
                brought[region] = brought[region].min(own + moving);
                costs.least_move[region] = costs.least_move[region].min(moving);
            }
            costs.near.push(near);
            costs.run.push(run);
            costs.brought.push(brought);
        }
        costs
    }

    /// The number of regions to which inputs must be brought, and the region of each place.
    fn regions(&self) -> (usize, Vec<Option<usize>>) {
        let home = self.home.as_ref().filter(|_| self.moving_microjoules > 0);
        let Some(home) = home else {
            return (0, vec![None; self.places.len()]);
        };
        let mut names: Vec<&str> = Vec::new();
        let mut of = Vec::with_capacity(self.places.len());
        for place in self.places {
            let region = place.0.region.as_str();
            if region == home.0.region {
                of.push(None);
                continue;
            }
            let known = names.iter().position(|name| *name == region);
            of.push(Some(known.unwrap_or(names.len())));
            if known.is_none() {
                names.push(region);
            }
        }
        (names.len(), of)
    }

    fn run(&self, place: &Place<'_>, begin: Timestamp) -> Emissions {
        let mut used = Used::default();
        let span = (begin, begin.after_ms(self.task_ms));
        let pue_permille = place.0.pue_permille;
        used.run(place.1, pue_permille, self.milliwatts.into(), span);
        used.total()
    }

    fn moving(&self, place: &Place<'_>, at: Timestamp) -> Emissions {
        let mut used = Used::default();
        if let Some(home) = &self.home {
            used.transfer(self.moving_microjoules, home.1.at(at), place.1.at(at));
        }
        used.total()
    }
}

/// A set of regions to which the inputs were brought, one bit each.
type Set = u64;

impl Costs {
    /// The sets of regions that may pay, smaller sets first; `None` if there are too many.
    fn sets(&self, rounds: usize) -> Option<Vec<Set>> {
        let regions = self.least_move.len();
        if regions > 60 {
            return None;
        }
        let last = |by_rounds: Vec<Option<Emissions>>| by_rounds.last().copied().flatten();
        let singles = (0..regions).map(|region| vec![0, 1 << region]);
        let ways = singles.chain([vec![0]]);
        let most = ways
            .filter_map(|sets| last(self.least(rounds, &sets)))
            .min()?;
        let free = last(self.free().least(rounds, &[0]))?;
        let mut sets: Vec<(Set, Emissions)> = vec![(0, free)];
        for (region, least) in self.least_move.iter().enumerate() {
            let with = sets
                .iter()
                .map(|(set, cost)| (set | 1 << region, cost + least));
            let with: Vec<_> = with
                .filter(|(set, cost)| set.count_ones() < 2 || *cost < most)
                .collect();
            sets.extend(with);
            if sets.len() > MOST_SETS {
                return None;
            }
        }
        let mut sets: Vec<Set> = sets.into_iter().map(|(set, _)| set).collect();
        sets.sort_unstable_by_key(|set| (set.count_ones(), *set));
        Some(sets)
    }

    /// The same costs if moving is free.
    fn free(&self) -> Self {
        let near = self.near.iter().zip(&self.run);
        let near = near.map(|(near, run)| near.iter().chain(run).copied().min());
        Self {
            next: self.next.clone(),
            near: near.collect(),
            run: vec![Vec::new(); self.next.len()],
            brought: vec![Vec::new(); self.next.len()],
            least_move: Vec::new(),
        }
    }

    /// The least cost for each number of rounds up to `rounds`; `None` if there is no time for that
    /// number.
    fn least(&self, rounds: usize, sets: &[Set]) -> Vec<Option<Emissions>> {
        let row = sets.len() * (rounds + 1);
        let mut best: Vec<Option<Emissions>> = vec![None; row * self.next.len()];
        let steps = self.steps(sets);
        if let Some(begin) = best.first_mut() {
            *begin = Some(0);
        }
        for at in 0..self.next.len() {
            for (set, steps) in steps.iter().enumerate() {
                for done in 0..=rounds {
                    let cell = set * (rounds + 1) + done;
                    let Some(cost) = best[at * row + cell] else {
                        continue;
                    };
                    if at + 1 < self.next.len() {
                        lower(&mut best[(at + 1) * row + cell], cost);
                    }
                    let Some(next) = self.next[at].filter(|_| done < rounds) else {
                        continue;
                    };
                    for (to, step) in steps {
                        if let Some(own) = step.cost(self, at) {
                            let cell = next * row + to * (rounds + 1) + done + 1;
                            lower(&mut best[cell], cost + own);
                        }
                    }
                }
            }
        }
        let last = best.len() - row;
        let of = |done| {
            let sets = 0..sets.len();
            sets.filter_map(|set| best[last + set * (rounds + 1) + done])
                .min()
        };
        (0..=rounds).map(of).collect()
    }

    /// For each set: the steps that a round may take, and the set after each.
    fn steps(&self, sets: &[Set]) -> Vec<Vec<(usize, Step)>> {
        let of = |(at, set): (usize, &Set)| {
            let regions = 0..self.least_move.len();
            let further = regions.filter_map(|region| {
                let with = set | 1 << region;
                if with == *set {
                    return Some((at, Step::There(region)));
                }
                let to = sets.iter().position(|one| *one == with)?;
                Some((to, Step::Bring(region)))
            });
            std::iter::once((at, Step::Near)).chain(further).collect()
        };
        sets.iter().enumerate().map(of).collect()
    }
}

/// Where the next round runs.
#[derive(Clone, Copy)]
enum Step {
    /// A place that has the inputs from the beginning.
    Near,
    /// A region to which the inputs were already brought.
    There(usize),
    /// A region to which the inputs must be brought first.
    Bring(usize),
}

impl Step {
    fn cost(self, costs: &Costs, at: usize) -> Option<Emissions> {
        match self {
            Self::Near => costs.near[at],
            Self::There(region) => costs.run[at].get(region).copied(),
            Self::Bring(region) => costs.brought[at].get(region).copied(),
        }
    }
}

fn lower(cell: &mut Option<Emissions>, cost: Emissions) {
    *cell = Some(cell.map_or(cost, |known| known.min(cost)));
}

const fn divisor(mut one: u64, mut other: u64) -> u64 {
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sunward_core::{Pool, Timestamp};

    use super::{Place, Rounds};
    use crate::meter::{Emissions, ZoneTruth};

    const HOUR_MS: u64 = 3_600_000;

    /// A gram in emissions: a kilowatt hour's microjoules, milligrams, thousandths of PUE.
    const GRAM: Emissions = 3_600_000_000_000 * 1000 * 1000;

    /// A job of a kilowatt in hours, whose inputs lie in the first of some zones.
    #[derive(Clone, Debug)]
    struct Small {
        /// By zone and hour, in g/kWh.
        grams: Vec<Vec<u32>>,
        tasks: u32,
        width: u32,
        task_h: usize,
        moving_kwh: u32,
    }

    impl Small {
        fn hours(&self) -> usize {
            self.grams[0].len()
        }

        fn run(&self, zone: usize, hour: usize) -> u32 {
            self.grams[zone][hour..hour + self.task_h].iter().sum()
        }

        /// Twice the grams of bringing the inputs to a zone.
        fn moving(&self, zone: usize, hour: usize) -> u32 {
            self.moving_kwh * (self.grams[0][hour] + self.grams[zone][hour])
        }

        /// Twice the least grams, by trying all schedules of one task at a time.
        fn tried(&self, hour: usize, left: u32, brought: &[usize]) -> Option<u32> {
            if left == 0 {
                return Some(0);
            }
            if hour + self.task_h > self.hours() {
                return None;
            }
            let zones = 0..self.grams.len();
            let further = zones.filter_map(|zone| {
                let mut brought = brought.to_vec();
                let mut own = 2 * self.run(zone, hour);
                if !brought.contains(&zone) {
                    brought.push(zone);
                    own += self.moving(zone, hour);
                }
                Some(own + self.tried(hour + self.task_h, left - 1, &brought)?)
            });
            further.chain(self.tried(hour + 1, left, brought)).min()
        }

        /// The same for tasks that run side by side without inputs, by trying all starts.
        fn tried_wide(&self, from: usize, left: u32, running: &[u32]) -> Option<u32> {
            if left == 0 {
                return Some(0);
            }
            let starts = from..=self.hours().checked_sub(self.task_h)?;
            let least = starts.filter_map(|hour| {
                let mut running = running.to_vec();
                let taken = &mut running[hour..hour + self.task_h];
                taken.iter_mut().for_each(|count| *count += 1);
                if taken.iter().any(|count| *count > self.width) {
                    return None;
                }
                let own = (0..self.grams.len()).map(|zone| 2 * self.run(zone, hour));
                Some(own.min()? + self.tried_wide(hour, left - 1, &running)?)
            });
            least.min()
        }

        /// The least emissions, computed by [`Rounds::least`].
        fn least(&self, slot_ms: u64) -> Option<Emissions> {
            let pool = |zone: usize| Pool {
                region: format!("Z{zone}"),
                pue_permille: 1000,
                ..Pool::default()
            };
            let truth = |grams: &Vec<u32>| {
                let steps: Vec<_> = grams.iter().map(|one| (one * 1000, None)).collect();
                ZoneTruth::new(Timestamp(0), HOUR_MS, &steps)
            };
            let pools: Vec<Pool> = (0..self.grams.len()).map(pool).collect();
            let zones: Vec<ZoneTruth> = self.grams.iter().map(truth).collect();
            let places: Vec<Place<'_>> = pools.iter().zip(&zones).collect();
            let rounds = Rounds {
                places: &places,
                tasks: self.tasks,
                width: self.width,
                task_ms: self.task_h as u64 * HOUR_MS,
                milliwatts: 1_000_000,
                earliest: Timestamp(0),
                latest_end: Timestamp(self.hours() as u64 * HOUR_MS),
                home: places.first().copied(),
                moving_microjoules: Emissions::from(self.moving_kwh) * 3_600_000_000_000,
            };
            rounds.least(slot_ms)
        }
    }

    fn small(width: impl Strategy<Value = u32>) -> impl Strategy<Value = Small> {
        (1_usize..3, 1_u32..5, width, 3_usize..8, 1_usize..4).prop_flat_map(
            |(task_h, tasks, width, spare, zones)| {
                let hours = spare + task_h * tasks as usize - 2;
                let grams = proptest::collection::vec(10_u32..600, hours.min(9));
                let grams = proptest::collection::vec(grams, zones);
                (grams, 0_u32..3).prop_map(move |(grams, moving_kwh)| Small {
                    grams,
                    tasks,
                    width,
                    task_h,
                    moving_kwh: if width > 1 { 0 } else { moving_kwh },
                })
            },
        )
    }

    fn twice(least: Option<Emissions>) -> Option<Emissions> {
        least.map(|least| 2 * least / GRAM)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn one_at_a_time_it_is_the_least_of_all_schedules(job in small(Just(1))) {
            let tried = job.tried(0, job.tasks, &[0]);
            prop_assert_eq!(twice(job.least(HOUR_MS)), tried.map(Emissions::from));
        }

        #[test]
        fn side_by_side_it_is_the_least_of_all_schedules(job in small(2_u32..4)) {
            let tried = job.tried_wide(0, job.tasks, &vec![0; job.hours()]);
            prop_assert_eq!(twice(job.least(HOUR_MS)), tried.map(Emissions::from));
        }

        #[test]
        fn finer_slots_emit_no_more(job in small(Just(1))) {
            if let Some(coarse) = job.least(HOUR_MS) {
                prop_assert!(job.least(HOUR_MS / 4).unwrap() <= coarse);
            }
        }
    }

    #[test]
    fn regions_that_cannot_pay_are_left_out_and_many_are_tried() {
        let zone = |clean: usize| {
            (0..12)
                .map(|hour| if hour == clean { 10 } else { 500 })
                .collect()
        };
        let job = |moving_kwh| Small {
            grams: (0..12).map(zone).collect(),
            tasks: 12,
            width: 1,
            task_h: 1,
            moving_kwh,
        };
        assert_eq!(job(0).least(HOUR_MS), Some(120 * GRAM));
        // Bringing costs as much as an hour and more: not worth one clean hour.
        assert_eq!(job(2).least(HOUR_MS), Some((10 + 11 * 500) * GRAM));
    }
}
