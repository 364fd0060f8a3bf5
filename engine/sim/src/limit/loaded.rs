//! The bound under load: the least that the work of all runs can emit on the machines that are open.
//!
//! Work may pause and move at no cost at any moment, and moving inputs is free. That is the linear
//! program of CARBON.md §0: how much of each stage runs in each pool and slot. It is a transport
//! problem, so a minimum-cost flow solves it exactly, in device-milliseconds (core-milliseconds for
//! stages without devices).

use std::collections::{BTreeMap, BTreeSet};

use sunward_core::{Pool, Timestamp};

use super::{Block, blocks, places};
use crate::flow::Network;
use crate::meter::{Emissions, ZoneTruth};
use crate::report::Bound;
use crate::setup::Setup;

/// The most work for the solver: ways that it tries x edges of the network. Beyond it, solving takes
/// more than a few seconds.
const MOST_WORK: usize = 500_000_000;

/// About how many ways each stage needs.
const WAYS: usize = 10;

/// A capacity that limits nothing.
const UNLIMITED: u64 = u64::MAX / 4;

/// The kind of this bound.
pub const LP: &str = "lp";

/// What is known of the bound under load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnderLoad {
    /// Capacity limits nothing: each stage can have its cleanest time.
    Free,
    /// The bound.
    Bound(Bound),
    /// There is too much work to compute it.
    TooLarge,
    /// Not all work can be done by its deadlines, so there is no bound.
    Impossible,
}

/// What a stage takes of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Devices,
    Cores,
    /// Nothing that is limited.
    Nothing,
}

/// A pool and what a stage takes there.
type Resource = (usize, Kind);

/// A stage with what it needs of a resource.
struct Work {
    block: Block,
    /// Devices or cores of one task.
    each: u64,
    kind: Kind,
    pools: Vec<usize>,
}

/// What stages have in common whose work costs the same wherever it runs: kind, power and devices of
/// a task, and pools. They share nodes of the network.
type Group<'a> = (Kind, u64, u64, &'a [usize]);

impl Work {
    fn group(&self) -> Group<'_> {
        (
            self.kind,
            self.block.needs.milliwatts,
            self.each,
            &self.pools,
        )
    }

    /// The work in device-milliseconds.
    fn units(&self) -> u64 {
        u64::from(self.block.tasks)
            .saturating_mul(self.block.needs.task_ms)
            .saturating_mul(self.each)
    }

    /// How much of it can run in a span.
    fn room(&self, from: Timestamp, to: Timestamp) -> u64 {
        let from = from.max(self.block.earliest);
        let to = to.min(self.block.latest_end);
        let width = self.block.tasks.min(self.block.width).max(1);
        to.since_ms(from)
            .saturating_mul(u64::from(width))
            .saturating_mul(self.each)
    }

    /// The emissions of a device-millisecond at this weight.
    fn cost(&self, weight: u64) -> u64 {
        let exact =
            u128::from(self.block.needs.milliwatts) * u128::from(weight) / u128::from(self.each);
        u64::try_from(exact).unwrap_or(u64::MAX)
    }
}

/// The bound under load of a setup.
#[must_use]
pub fn under_load(setup: &Setup) -> UnderLoad {
    let zones = setup.truth.zones.values();
    let slot_ms = zones.map(ZoneTruth::step_ms).min().unwrap_or(3_600_000);
    let works = works(setup);
    if is_free(setup, &works, slot_ms) {
        return UnderLoad::Free;
    }
    let edges = edges(setup, &works, slot_ms);
    let ways = works.len().saturating_mul(WAYS);
    if edges.saturating_mul(ways) > MOST_WORK {
        return UnderLoad::TooLarge;
    }
    match least(setup, &works, slot_ms) {
        Some(emissions) => UnderLoad::Bound(Bound {
            kind: LP.to_owned(),
            emissions,
        }),
        None => UnderLoad::Impossible,
    }
}

fn works(setup: &Setup) -> Vec<Work> {
    let mut works = Vec::new();
    for submission in setup.submissions.iter() {
        let places = places(&submission.spec, &setup.fleet, &setup.truth);
        let at = |pool: &Pool| setup.fleet.pools.iter().position(|one| one == pool);
        let pools: Vec<usize> = places.iter().filter_map(|(pool, _)| at(pool)).collect();
        for block in blocks(submission, setup) {
            let (kind, each) = match (block.needs.gpus, block.needs.cpus) {
                (0, 0) => (Kind::Nothing, 1),
                (0, cores) => (Kind::Cores, cores),
                (devices, _) => (Kind::Devices, devices),
            };
            works.push(Work {
                block,
                each: u64::from(each),
                kind,
                pools: pools.clone(),
            });
        }
    }
    works
}

/// The slots in which a stage may run, by number.
fn slots(work: &Work, slot_ms: u64, end: Timestamp) -> std::ops::RangeInclusive<u64> {
    let last = work.block.latest_end.min(end).0.saturating_sub(1);
    work.block.earliest.0 / slot_ms..=last / slot_ms
}

/// The number of edges of the network.
fn edges(setup: &Setup, works: &[Work], slot_ms: u64) -> usize {
    let mut shared: BTreeSet<(Group<'_>, u64)> = BTreeSet::new();
    let mut edges = 0_usize;
    for work in works {
        for slot in slots(work, slot_ms, setup.end()) {
            let is_new = shared.insert((work.group(), slot));
            edges += if is_new { 1 + work.pools.len() } else { 1 };
        }
    }
    edges
}

/// PUE x intensity of a pool in a slot.
fn weight(setup: &Setup, pool: usize, at: Timestamp) -> Option<u64> {
    let pool = setup.fleet.pools.get(pool)?;
    let zone = setup.truth.zones.get(&pool.zone)?;
    Some(u64::from(zone.at(at)) * u64::from(pool.pue_permille))
}

/// Whether all stages fit in their cleanest time and pool together.
fn is_free(setup: &Setup, works: &[Work], slot_ms: u64) -> bool {
    let mut taken: BTreeMap<(Resource, u64), u64> = BTreeMap::new();
    for work in works {
        let mut choices: Vec<(u64, u64, usize)> = Vec::new();
        for slot in slots(work, slot_ms, setup.end()) {
            let at = Timestamp(slot * slot_ms);
            let pools = work.pools.iter();
            let weights = pools.filter_map(|pool| Some((weight(setup, *pool, at)?, *pool)));
            choices.extend(weights.min().map(|(weight, pool)| (weight, slot, pool)));
        }
        choices.sort_unstable();
        let mut left = work.units();
        for (_, slot, pool) in choices {
            let from = Timestamp(slot * slot_ms);
            let some = left.min(work.room(from, from.after_ms(slot_ms)));
            *taken.entry(((pool, work.kind), slot)).or_default() += some;
            left -= some;
        }
        if left > 0 {
            return false;
        }
    }
    let open = Capacity::of(setup);
    taken
        .iter()
        .all(|((resource, slot), units)| *units <= open.in_slot(*resource, *slot, slot_ms))
}

/// The least cost of all work; `None` if it does not fit.
fn least(setup: &Setup, works: &[Work], slot_ms: u64) -> Option<Emissions> {
    let open = Capacity::of(setup);
    // Nodes: source, sink, stages, then groups in slots and resources in slots as they come.
    let (source, sink) = (0, 1);
    let mut network = Network::new(2 + works.len());
    let mut resources: BTreeMap<(Resource, u64), usize> = BTreeMap::new();
    let mut groups: BTreeMap<(Group<'_>, u64), usize> = BTreeMap::new();
    let mut units = 0_u64;
    for (work, node) in works.iter().zip(2..) {
        network.connect(source, node, work.units(), 0);
        units = units.checked_add(work.units())?;
        for slot in slots(work, slot_ms, setup.end()) {
            let from = Timestamp(slot * slot_ms);
            let room = work.room(from, from.after_ms(slot_ms));
            if let Some(here) = groups.get(&(work.group(), slot)) {
                network.connect(node, *here, room, 0);
                continue;
            }
            let here = network.add_node();
            groups.insert((work.group(), slot), here);
            network.connect(node, here, room, 0);
            for pool in &work.pools {
                let Some(weight) = weight(setup, *pool, from) else {
                    continue;
                };
                let resource = (*pool, work.kind);
                let there = *resources.entry((resource, slot)).or_insert_with(|| {
                    let there = network.add_node();
                    let room = open.in_slot(resource, slot, slot_ms);
                    network.connect(there, sink, room, 0);
                    there
                });
                network.connect(here, there, UNLIMITED, work.cost(weight));
            }
        }
    }
    network.cheapest(source, sink, units)
}

/// The open capacity of pools over time: from each moment on, devices and cores.
struct Capacity(Vec<Vec<(Timestamp, u64, u64)>>);

impl Capacity {
    /// The capacity by the pools' rules. Tasks that may stay for a while after it shrinks count as
    /// capacity for that while.
    fn of(setup: &Setup) -> Self {
        let mut pools = vec![Vec::new(); setup.fleet.pools.len()];
        for opening in setup.openings.iter() {
            let Some(changes) = pools.get_mut(opening.pool.place()) else {
                continue;
            };
            let open = (u64::from(opening.open.gpus), u64::from(opening.open.cpus));
            let last: Option<(Timestamp, u64, u64)> = changes.last().copied();
            let shrinks = last.is_some_and(|(_, gpus, cpus)| open.0 < gpus || open.1 < cpus);
            let wait_ms = if shrinks { opening.notice_ms } else { 0 };
            changes.push((opening.at.after_ms(wait_ms), open.0, open.1));
        }
        Self(pools)
    }

    /// Device-milliseconds or core-milliseconds of a slot.
    fn in_slot(&self, (pool, kind): Resource, slot: u64, slot_ms: u64) -> u64 {
        let changes = match (kind, self.0.get(pool)) {
            (Kind::Nothing, _) => return UNLIMITED,
            (Kind::Devices | Kind::Cores, None) => return 0,
            (Kind::Devices | Kind::Cores, Some(changes)) => changes,
        };
        let from = Timestamp(slot * slot_ms);
        let to = from.after_ms(slot_ms);
        let ends = changes.iter().skip(1).map(|(at, _, _)| *at);
        let ends = ends.chain([Timestamp(u64::MAX)]);
        let mut sum = 0_u64;
        for ((begin, gpus, cpus), end) in changes.iter().zip(ends) {
            let open = if kind == Kind::Devices { *gpus } else { *cpus };
            let lasts_ms = end.min(to).since_ms((*begin).max(from));
            sum = sum.saturating_add(open.saturating_mul(lasts_ms));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sunward_core::{Fleet, Pool, PoolId, Timestamp};

    use super::{UnderLoad, under_load};
    use crate::capacity::Open;
    use crate::draft::{RunDraft, StageDraft};
    use crate::meter::{Truth, ZoneTruth, grams};
    use crate::scenario::Scenario;
    use crate::setup::{Opening, Setup};
    use crate::submission::Submission;
    use crate::workload::Lengths;

    const HOUR_MS: u64 = 3_600_000;

    /// Jobs of one kilowatt, an hour and one core each, with `slack_h` hours of slack, beside `cores`
    /// cores in a clean zone and 100 in a dirty one.
    fn of(jobs: usize, slack_h: u64, cores: (u32, u32)) -> UnderLoad {
        let zone = |grams: &[u32]| {
            let steps: Vec<_> = grams.iter().map(|one| (one * 1000, None)).collect();
            ZoneTruth::new(Timestamp(0), HOUR_MS, &steps)
        };
        let pool = |zone: &str| Pool {
            name: zone.into(),
            zone: zone.into(),
            region: zone.into(),
            pue_permille: 1000,
            ..Pool::default()
        };
        let draft = RunDraft {
            home: Some("DE".into()),
            deadline_ms: Some((1 + slack_h) * HOUR_MS),
            stages: vec![StageDraft {
                name: "job".into(),
                tasks: 1,
                task_ms: HOUR_MS,
                milliwatts: 1_000_000,
                cpus: 1,
                ..StageDraft::default()
            }],
            ..RunDraft::default()
        };
        let (spec, bytes) = draft.spec().unwrap();
        let mut truth = Truth::default();
        truth.zones.insert("DE".into(), zone(&[400, 300, 200, 400]));
        truth.zones.insert("NO".into(), zone(&[50, 20, 90, 90]));
        let opening = |(pool, cpus): (u32, u32)| Opening {
            at: Timestamp(0),
            pool: PoolId(pool),
            open: Open { gpus: 0, cpus },
            notice_ms: 0,
        };
        under_load(&Setup {
            fleet: Arc::new(Fleet {
                pools: vec![pool("DE"), pool("NO")],
            }),
            openings: Arc::new([(0, cores.0), (1, cores.1)].map(opening).to_vec()),
            truth: Arc::new(truth),
            submissions: Arc::new(vec![
                Submission::new(
                    Timestamp(0),
                    (spec, bytes),
                    Lengths::Known
                );
                jobs
            ]),
            scenario: Scenario::default(),
            seed: 0,
            look_every_ms: HOUR_MS,
            keep_details: false,
        })
    }

    fn bound(loaded: &UnderLoad) -> f64 {
        match loaded {
            UnderLoad::Bound(bound) => grams(bound.emissions),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_fits_in_its_cleanest_time_is_not_limited() {
        assert_eq!(of(2, 3, (100, 2)), UnderLoad::Free);
    }

    #[test]
    fn the_cleanest_hours_are_shared_and_the_rest_takes_the_next_best() {
        // 20 + 50 + 90 + 90 in NO, hand-solved; the fifth takes DE's best, 200.
        assert!((bound(&of(3, 3, (100, 1))) - 160.0).abs() < 1e-9);
        assert!((bound(&of(5, 3, (100, 1))) - 450.0).abs() < 1e-9);
        // Without slack all run in the first hour: one at 50, the others at 400.
        assert!((bound(&of(3, 0, (100, 1))) - 850.0).abs() < 1e-9);
    }

    #[test]
    fn what_does_not_fit_has_no_bound() {
        assert_eq!(of(3, 0, (1, 1)), UnderLoad::Impossible);
        assert_eq!(of(9, 3, (1, 1)), UnderLoad::Impossible);
    }
}
