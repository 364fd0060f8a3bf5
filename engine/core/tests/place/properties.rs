//! Properties of placement for any fleet, grid and list of asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sunward_core::place::{Ask, Placement, Placer, Prefer, Problem, Sunward, Taken};
use sunward_core::{PoolId, Timestamp};

use crate::world::{HOUR, ask, solve, taken, world};

const HOURS: usize = 24;

fn problems() -> impl Strategy<Value = Problem> {
    let pool = (
        prop::collection::vec(1_u32..900, HOURS),
        prop::collection::vec(0_u32..5, HOURS),
    );
    let one = (
        1_u64..5,
        prop::option::of(2_u64..24),
        1_u32..6,
        1_u32..6,
        0_u64..6,
        0_u64..300,
    );
    (
        prop::collection::vec(pool, 1..4),
        prop::collection::vec(one, 1..8),
        prop::option::of(0_u64..100),
    )
        .prop_map(|(pools, asks, others_h)| {
            let names = ["AA", "BB", "CC"];
            let pools: Vec<(&str, &[u32], &[u32])> = pools
                .iter()
                .zip(names)
                .map(|((grams, gpus), name)| (name, &grams[..], &gpus[..]))
                .collect();
            let mut problem = world(&pools);
            let count = pools.len() as u32;
            for (at, (hours, by, tasks, width, ready, gigabytes)) in asks.into_iter().enumerate() {
                let mut one = ask(at as u64 + 1, hours, by, count);
                one.ready_at = Timestamp(ready * HOUR);
                one.finish_by = by.map(|by| Timestamp((by + ready) * HOUR));
                (one.tasks, one.width) = (tasks, width.min(tasks));
                one.data = vec![(PoolId(0), gigabytes * 1_000_000_000)];
                problem.asks.push(one);
            }
            problem.demand.all.gpu_ms = others_h.unwrap_or(0) * HOUR;
            problem
        })
}

/// More work than machines: single tasks and arrays, some of which may wait. The grids have few
/// levels, so that many blocks are equal.
fn scarce() -> impl Strategy<Value = Problem> {
    let grid = (
        prop::collection::vec(1_u32..6, HOURS),
        prop::collection::vec(0_u32..3, HOURS),
    );
    let one = (
        1_u64..5,
        prop::option::weighted(0.8, 4_u64..24),
        prop_oneof![4 => Just((1_u32, 1_u32)), 1 => (1_u32..5, 1_u32..4)],
        0_u64..4 * 60,
        0..PREFERENCES.len(),
    );
    (
        prop::collection::vec(grid, 2..4),
        prop::collection::vec(one, 8..24),
        0_u64..60,
    )
        .prop_map(|(pools, asks, others_h)| {
            let pools: Vec<(&str, &[u32], &[u32])> = pools
                .iter()
                .zip(["AA", "BB", "CC"])
                .map(|((grams, gpus), name)| (name, &grams[..], &gpus[..]))
                .collect();
            let mut problem = world(&pools);
            for (run, (hours, by, (tasks, width), minutes, prefer)) in (1..).zip(asks) {
                let mut one = ask(run, hours, by, pools.len() as u32);
                one.ready_at = Timestamp(minutes * HOUR / 60);
                (one.tasks, one.width) = (tasks, width.min(tasks));
                one.prefer = PREFERENCES[prefer].to_vec();
                problem.asks.push(one);
            }
            problem.demand.all.gpu_ms = others_h * HOUR;
            problem
        })
}

const PREFERENCES: [&[Prefer]; 6] = [
    &[],
    &[Prefer::Carbon],
    &[Prefer::Carbon],
    &[Prefer::Time],
    &[Prefer::Surplus, Prefer::Carbon],
    &[Prefer::Cost, Prefer::Carbon],
];

/// A change between one problem and the next.
#[derive(Clone, Debug)]
enum Change {
    Forecast(usize, Vec<u32>),
    Reserved(usize, u64, u32),
    Pue(usize, u32),
    Gone(usize),
    Come(u64, u64),
    Later(u64),
    Others(u64),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (0_usize..3, prop::collection::vec(1_u32..6, HOURS))
            .prop_map(|(zone, grams)| Change::Forecast(zone, grams)),
        2 => (0_usize..3, 0_u64..24, 0_u32..3)
            .prop_map(|(pool, hour, gpus)| Change::Reserved(pool, hour, gpus)),
        1 => (0_usize..3, 1000_u32..1500).prop_map(|(pool, pue)| Change::Pue(pool, pue)),
        1 => (0_usize..8).prop_map(Change::Gone),
        1 => (1_u64..5, 6_u64..20).prop_map(|(hours, by)| Change::Come(hours, by)),
        1 => (1_u64..120).prop_map(Change::Later),
        1 => (0_u64..60).prop_map(Change::Others),
    ]
}

fn apply(change: &Change, problem: &mut Problem) {
    let pools = problem.fleet.pools.len();
    match change {
        Change::Forecast(zone, grams) => {
            let outlook = Arc::make_mut(&mut problem.outlook);
            outlook.zones[zone % pools].intensity_mg_per_kwh =
                grams.iter().map(|grams| grams * 1000).collect();
            outlook.zones[zone % pools].surplus = grams.iter().map(|grams| *grams < 3).collect();
        }
        Change::Reserved(pool, hour, gpus) => {
            let reserved = Arc::make_mut(&mut problem.reserved);
            reserved.pools.resize(pools, BTreeMap::new());
            let taken = Taken {
                gpus: *gpus,
                ..Taken::default()
            };
            reserved.pools[pool % pools].insert(*hour, taken);
        }
        Change::Pue(pool, pue) => {
            Arc::make_mut(&mut problem.fleet).pools[pool % pools].pue_permille = *pue;
        }
        Change::Gone(place) => {
            problem.asks.remove(place % problem.asks.len());
        }
        Change::Come(hours, by) => {
            let run = 100 + problem.asks.len() as u64;
            problem.asks.push(ask(run, *hours, Some(*by), pools as u32));
        }
        Change::Later(minutes) => {
            problem.now = Timestamp(problem.now.0 + minutes * HOUR / 60);
            let outlook = Arc::make_mut(&mut problem.outlook);
            outlook.issued_at = problem.now;
        }
        Change::Others(hours) => problem.demand.all.gpu_ms = hours * HOUR,
    }
}

/// Whether one whole block of an ask fits somewhere in time if there is no other ask.
fn fits_alone(problem: &Problem, ask: &Ask) -> bool {
    let at_once = ask.width.min(ask.tasks);
    let length = u64::from(ask.tasks.div_ceil(at_once)) * ask.task_ms / HOUR;
    let (ready, by) = (ask.ready_at.0 / HOUR, ask.finish_by.unwrap().0 / HOUR);
    problem.outlook.pools.iter().any(|pool| {
        (ready..=by.saturating_sub(length)).any(|start| {
            start + length <= by.min(HOURS as u64)
                && (start..start + length).all(|hour| pool.gpus[hour as usize] >= at_once)
        })
    })
}

/// The emissions of an ask that begins when it is ready, in the best pool with room.
fn at_once(problem: &Problem, ask: &Ask) -> Option<u64> {
    let mut alone = problem.clone();
    alone.asks = vec![Ask {
        finish_by: None,
        ..ask.clone()
    }];
    let placed = solve(&alone).remove(0);
    let ends = placed.end()? <= ask.finish_by?;
    (placed.start()? == ask.ready_at && ends).then_some(placed.expected_micrograms)
}

fn tasks(placement: &Placement) -> u32 {
    placement.segments.iter().map(|one| one.tasks).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn no_capacity_is_exceeded_and_no_task_is_lost(problem in problems()) {
        let placed = solve(&problem);
        for ((pool, hour), gpus) in taken(&problem, &placed) {
            // Beyond the outlook the last figure continues.
            let hour = (hour as usize).min(HOURS - 1);
            let open = problem.outlook.pools[pool as usize].gpus.get(hour);
            prop_assert!(gpus <= open.copied().unwrap_or(0), "pool {pool} hour {hour}: {gpus}");
        }
        for (ask, one) in problem.asks.iter().zip(&placed) {
            prop_assert!(one.segments.is_empty() || tasks(one) == ask.tasks);
            prop_assert!(one.segments.iter().all(|seg| ask.allowed.contains(&seg.pool)));
            prop_assert!(one.start().is_none_or(|start| start >= ask.ready_at));
        }
    }

    #[test]
    fn a_deadline_that_can_be_met_is_met(problem in problems()) {
        for ask in problem.asks.iter().filter(|ask| ask.finish_by.is_some()) {
            let mut alone = problem.clone();
            alone.asks = vec![ask.clone()];
            let placed = solve(&alone).remove(0);
            if fits_alone(&problem, ask) {
                prop_assert!(placed.end() <= ask.finish_by, "{placed:?}");
            }
        }
    }

    #[test]
    fn never_worse_than_running_at_once_by_its_own_estimate(problem in problems()) {
        for ask in problem.asks.iter().filter(|ask| ask.finish_by.is_some()) {
            let mut alone = problem.clone();
            alone.asks = vec![Ask { data: Vec::new(), ..ask.clone() }];
            let placed = solve(&alone).remove(0);
            if let Some(now) = at_once(&problem, &alone.asks[0]) {
                prop_assert!(placed.expected_micrograms <= now, "{placed:?} against {now}");
            }
        }
    }

    /// Tasks of an hour that need nothing of each other: the cleanest places that are free are the
    /// best, whichever pools they are in.
    #[test]
    fn an_array_of_hours_takes_the_cleanest_places_there_are(
        pools in prop::collection::vec((prop::collection::vec(1_u32..900, HOURS), 1_u32..12), 1..4),
        tasks in 1_u32..30,
        by in 1_u64..12,
    ) {
        let rooms: Vec<[u32; HOURS]> = pools.iter().map(|(_, gpus)| [*gpus; HOURS]).collect();
        let named: Vec<(&str, &[u32], &[u32])> = pools
            .iter()
            .zip(&rooms)
            .zip(["AA", "BB", "CC"])
            .map(|(((grams, _), gpus), name)| (name, &grams[..], &gpus[..]))
            .collect();
        let mut problem = world(&named);
        let mut array = ask(1, 1, Some(by), pools.len() as u32);
        (array.tasks, array.width) = (tasks, tasks);
        problem.asks = vec![array];
        let mut places: Vec<u64> = pools
            .iter()
            .flat_map(|(grams, gpus)| {
                let hours = grams.iter().take(by as usize);
                hours.flat_map(|grams| vec![u64::from(*grams); *gpus as usize])
            })
            .collect();
        places.sort_unstable();
        if places.len() >= tasks as usize {
            let best: u64 = places.iter().take(tasks as usize).sum();
            let placed = solve(&problem).remove(0);
            let told = placed.expected_micrograms / 1_000_000;
            // A saving below a twentieth of a percent is not worth more segments.
            prop_assert!(told <= best + best / 1000 + 1, "{told} rather than {best}: {placed:?}");
        }
    }

    #[test]
    fn what_it_remembers_changes_no_answer(
        problem in problems(),
        zone in 0_usize..3,
        grams in prop::collection::vec(1_u32..900, HOURS),
        others_h in 0_u64..100,
    ) {
        let mut placer = Sunward::default();
        placer.solve(&problem);
        let mut next = problem.clone();
        let outlook = Arc::make_mut(&mut next.outlook);
        let changed = zone % outlook.zones.len();
        outlook.zones[changed].intensity_mg_per_kwh = grams.iter().map(|grams| grams * 1000).collect();
        prop_assert_eq!(placer.solve(&next), Sunward::default().solve(&next));
        next.demand.all.gpu_ms = others_h * HOUR;
        next.asks.pop();
        prop_assert_eq!(placer.solve(&next), Sunward::default().solve(&next));
        prop_assert_eq!(placer.solve(&problem), Sunward::default().solve(&problem));
    }

    #[test]
    fn what_it_remembers_changes_no_answer_where_machines_are_scarce(
        problem in scarce(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut placer = Sunward::default();
        prop_assert_eq!(placer.solve(&problem), Sunward::default().solve(&problem));
        let mut next = problem;
        for change in changes {
            apply(&change, &mut next);
            prop_assert_eq!(placer.solve(&next), Sunward::default().solve(&next), "{:?}", change);
        }
    }

    #[test]
    fn deciding_twice_changes_nothing(problem in problems()) {
        let mut placer = Sunward::default();
        let first = placer.solve(&problem);
        let mut again = problem.clone();
        for (ask, placement) in again.asks.iter_mut().zip(&first.placements) {
            ask.previous.clone_from(placement);
        }
        prop_assert_eq!(&placer.solve(&again), &first);
        prop_assert_eq!(&Sunward::default().solve(&again), &first);
    }
}

/// Arrivals in each hour, with their priorities. All take an hour.
fn arrivals() -> impl Strategy<Value = Vec<Vec<i32>>> {
    proptest::collection::vec(proptest::collection::vec(-2_i32..6, 1..4), 150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn an_old_run_of_low_priority_is_placed_however_many_urgent_ones_come(
        arrivals in arrivals(),
        own_project in proptest::bool::ANY,
    ) {
        const OLD: u64 = 1;
        let mut old = ask(OLD, 1, Some(12), 1);
        old.priority = -2;
        if own_project {
            old.project = "poor".to_owned();
        }
        let mut waiting = vec![old];
        // Its project has used its share for a day.
        let mut used = BTreeMap::from([("poor".to_owned(), 24 * HOUR)]);
        let mut placed_at = None;
        for (hour, urgent) in (0_u64..).zip(&arrivals) {
            let now = Timestamp(hour * HOUR);
            for priority in urgent {
                let id = 1000 * (hour + 1) + u64::try_from(waiting.len()).unwrap();
                let mut one = ask(id, 1, None, 1);
                (one.priority, one.since) = (*priority, now);
                waiting.push(one);
            }
            // There is one device, so up to three times as much work arrives as fits.
            let mut problem = world(&[("DE", &[300; 200], &[1; 200])]);
            problem.now = now;
            for one in &mut waiting {
                one.ready_at = now;
            }
            problem.asks.clone_from(&waiting);
            for (project, used) in &used {
                problem.shares.insert(project.clone(), (1000, *used));
            }
            let begins: Vec<bool> = solve(&problem)
                .iter()
                .map(|one| one.start() == Some(now))
                .collect();
            let mut begin = begins.iter();
            waiting.retain(|one| {
                let begins = *begin.next().unwrap();
                if begins {
                    *used.entry(one.project.clone()).or_default() += HOUR;
                }
                if begins && one.id.run.0 == OLD {
                    placed_at = Some(hour);
                }
                !begins
            });
            if placed_at.is_some() {
                break;
            }
        }
        // Arrivals of seven levels of six hours each, three per hour, may be placed before it.
        prop_assert!(placed_at.is_some(), "it starved");
    }
}

/// Whether one task of an ask has an open device in a pool from a moment until its end.
fn is_open(problem: &Problem, ask: &Ask, pool: PoolId, start: Timestamp) -> bool {
    let open = &problem.outlook.pools[pool.0 as usize].gpus;
    let mut hours = start.0 / HOUR..start.after_ms(ask.task_ms).0.div_ceil(HOUR);
    // After the hours that are known a pool is taken to be as in the last of them.
    hours.all(|hour| {
        let known = open.get(hour as usize).or(open.last());
        known.is_some_and(|gpus| *gpus >= ask.gpus)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn an_alternative_is_another_one_that_was_possible(
        problem in scarce(),
        margins in prop::collection::vec(0_u64..12, 24),
    ) {
        let mut problem = problem;
        for (ask, margin) in problem.asks.iter_mut().zip(margins) {
            ask.margin_ms = margin * HOUR;
        }
        for (ask, placed) in problem.asks.iter().zip(solve(&problem)) {
            let Some(other) = placed.alternative else {
                continue;
            };
            prop_assert!(ask.allowed.contains(&other.pool));
            prop_assert!(other.start >= ask.ready_at.max(problem.now));
            prop_assert!(is_open(&problem, ask, other.pool, other.start), "{placed:?}");
            let in_time = |end: Option<Timestamp>| ask.finish_by.is_none() || end <= ask.finish_by;
            if in_time(placed.end()) {
                prop_assert!(in_time(Some(other.start.after_ms(ask.task_ms))), "{placed:?}");
            }
            if ask.tasks == 1 {
                let own = &placed.segments[0];
                prop_assert!((own.pool, own.start) != (other.pool, other.start));
            }
        }
    }
}
