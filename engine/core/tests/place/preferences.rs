//! Preferences other than emissions: for one stage, for chains, and for arrays.

use std::sync::Arc;

use proptest::prelude::*;
use sunward_core::place::{Ask, Placement, Prefer, Problem, Why};
use sunward_core::{StageId, Timestamp};

use crate::world::{HOUR, ask, places, solve, world};

/// A chain of stages of an hour each, which must end within `by` hours.
fn chain(stages: u32, by: u64, pools: u32, prefer: &[Prefer]) -> Vec<Ask> {
    let stage = |at: u32| {
        let mut one = ask(1, 1, Some(by - u64::from(stages - 1 - at)), pools);
        one.id.stage = StageId(at);
        one.after = (at > 0).then(|| at - 1).into_iter().collect();
        one.prefer = prefer.to_vec();
        one
    };
    (0..stages).map(stage).collect()
}

/// Moves everything to a day in 2023, because times count from the epoch.
fn in_2023(problem: &mut Problem) {
    const DAY: u64 = 19_500 * 24 * HOUR;
    let outlook = Arc::make_mut(&mut problem.outlook);
    outlook.issued_at = Timestamp(DAY);
    outlook.first_slot = DAY / HOUR;
    problem.now = Timestamp(DAY);
    for ask in &mut problem.asks {
        ask.ready_at = Timestamp(ask.ready_at.0 + DAY);
        ask.since = problem.now;
        ask.finish_by = ask.finish_by.map(|by| Timestamp(by.0 + DAY));
    }
}

/// The pool and the first hour of each stage, counted from the start of the problem.
fn spots(problem: &Problem) -> Vec<(u32, u64)> {
    let first = problem.now.0 / HOUR;
    let spot = |placement: &Placement| {
        let (pool, hour, _) = places(placement)[0];
        (pool, hour - first)
    };
    solve(problem).iter().map(spot).collect()
}

fn set_surplus(problem: &mut Problem, zone: usize, hours: &[usize]) {
    let outlook = Arc::make_mut(&mut problem.outlook);
    for hour in hours {
        outlook.zones[zone].surplus[*hour] = true;
    }
}

#[test]
fn stages_that_prefer_time_begin_as_soon_as_they_can() {
    let mut grams = [500; 24];
    grams[14..16].fill(10);
    let mut problem = world(&[("DE", &grams, &[9; 24])]);
    problem.asks = chain(2, 24, 1, &[Prefer::Time]);
    in_2023(&mut problem);
    assert_eq!(spots(&problem), [(0, 0), (0, 1)]);
    assert_eq!(solve(&problem)[1].why, Why::Earliest);
}

#[test]
fn the_earliest_end_counts_from_when_a_stage_is_ready() {
    let mut shut = [9; 24];
    shut[..20].fill(0);
    let mut problem = world(&[("DE", &[500; 24], &[9; 24]), ("NO", &[10; 24], &shut)]);
    for prefer in [
        &[Prefer::Time][..],
        &[Prefer::Time, Prefer::Carbon],
        &[Prefer::Time, Prefer::Cost],
    ] {
        problem.asks = chain(1, 24, 2, prefer);
        let mut problem = problem.clone();
        in_2023(&mut problem);
        assert_eq!(spots(&problem), [(0, 0)], "not 20 hours later: {prefer:?}");
    }
}

#[test]
fn stages_that_prefer_surplus_share_the_hours_that_have_it() {
    let mut problem = world(&[("DE", &[100; 12], &[9; 12])]);
    set_surplus(&mut problem, 0, &[5, 9]);
    problem.asks = chain(2, 12, 1, &[Prefer::Surplus]);
    in_2023(&mut problem);
    assert_eq!(spots(&problem), [(0, 5), (0, 9)]);
    assert!(solve(&problem).iter().all(|one| one.why == Why::Surplus));
}

#[test]
fn an_array_that_prefers_surplus_or_time_is_not_split_for_emissions() {
    let mut problem = world(&[("DE", &[100, 10, 100, 10, 100, 100, 100, 100], &[2; 8])]);
    set_surplus(&mut problem, 0, &[4, 6]);
    for (prefer, hours) in [
        (Prefer::Carbon, &[1, 3][..]),
        (Prefer::Surplus, &[4, 6]),
        (Prefer::Time, &[0]),
    ] {
        let mut array = ask(1, 1, Some(8), 1);
        (array.tasks, array.width) = (2, 1);
        array.prefer = vec![prefer];
        problem.asks = vec![array];
        let placed = &solve(&problem)[0];
        let starts: Vec<u64> = places(placed).iter().map(|one| one.1).collect();
        assert_eq!(starts, hours, "{prefer:?}");
    }
}

/// A pool that is open at night and one that is always open, in one zone.
fn nights() -> Problem {
    let mut night = [0; 24];
    night[20..].fill(8);
    let mut problem = world(&[("AA", &[300; 24], &[4; 24]), ("BB", &[300; 24], &night)]);
    Arc::make_mut(&mut problem.fleet).pools[0].standing.gpus = 4;
    problem
}

#[test]
fn idle_machines_are_those_that_their_owner_does_not_use_then() {
    let mut problem = nights();
    problem.asks = chain(1, 24, 2, &[Prefer::Idle]);
    let placed = &solve(&problem)[0];
    assert_eq!((places(placed)[0].0, places(placed)[0].1), (1, 20));
    assert_eq!(placed.why, Why::Idle);
    problem.asks = chain(2, 24, 2, &[Prefer::Idle]);
    assert_eq!(spots(&problem), [(1, 20), (1, 21)]);
    // By night the other pool lends more than it always does.
    let outlook = Arc::make_mut(&mut problem.outlook);
    outlook.pools[0].gpus[22] = 6;
    outlook.zones[0].intensity_mg_per_kwh[22] = 100_000;
    problem.asks = chain(1, 24, 2, &[Prefer::Idle]);
    assert_eq!(spots(&problem), [(0, 22)], "between two such, the cleaner");
    problem.asks = chain(1, 20, 2, &[Prefer::Idle]);
    let placed = &solve(&problem)[0];
    assert_eq!((places(placed)[0].0, placed.why), (0, Why::Cleanest));
}

#[test]
fn a_later_goal_decides_only_within_a_twentieth_of_the_best() {
    let prices = [100, 104, 108];
    let mut problem = world(&[
        ("AA", &[300; 4], &[1; 4]),
        ("BB", &[200; 4], &[1; 4]),
        ("CC", &[100; 4], &[1; 4]),
    ]);
    for (pool, price) in Arc::make_mut(&mut problem.fleet)
        .pools
        .iter_mut()
        .zip(prices)
    {
        pool.price_micros_per_gpu_hour = Some(price * 10_000);
    }
    problem.asks = chain(1, 4, 3, &[Prefer::Cost]);
    assert_eq!(
        spots(&problem)[0].0,
        1,
        "the third is 8 % dearer than the first"
    );
}

/// Pools with grids and surplus, open or shut, each with a price.
fn worlds() -> impl Strategy<Value = Problem> {
    let pool = (
        prop::collection::vec(1_u32..9, HOURS),
        prop::collection::vec(prop::bool::ANY, HOURS),
        prop::collection::vec(0_u32..4, HOURS),
        1_u64..3,
    );
    prop::collection::vec(pool, 2).prop_map(|pools| {
        let named: Vec<(&str, &[u32], &[u32])> = pools
            .iter()
            .zip(["AA", "BB"])
            .map(|((grams, _, gpus, _), name)| (name, &grams[..], &gpus[..]))
            .collect();
        let mut problem = world(&named);
        let outlook = Arc::make_mut(&mut problem.outlook);
        let fleet = Arc::make_mut(&mut problem.fleet);
        for (at, (_, surplus, _, price)) in pools.iter().enumerate() {
            outlook.zones[at].surplus.clone_from(surplus);
            fleet.pools[at].price_micros_per_gpu_hour = Some(price * 1_000_000);
            fleet.pools[at].standing.gpus = 1;
        }
        problem
    })
}

const HOURS: usize = 10;

const PREFERENCES: [&[Prefer]; 7] = [
    &[],
    &[Prefer::Carbon],
    &[Prefer::Surplus],
    &[Prefer::Idle, Prefer::Carbon],
    &[Prefer::Cost],
    &[Prefer::Surplus, Prefer::Cost],
    &[Prefer::Cost, Prefer::Idle],
];

/// An hour's figure by a goal, as the goal is defined.
fn figure(problem: &Problem, pool: usize, hour: usize, goal: Prefer) -> u64 {
    let outlook = &problem.outlook;
    match goal {
        Prefer::Carbon => u64::from(outlook.zones[pool].intensity_mg_per_kwh[hour]),
        Prefer::Surplus => u64::from(!outlook.zones[pool].surplus[hour]),
        Prefer::Idle => {
            let standing = problem.fleet.pools[pool].standing.gpus;
            u64::from(outlook.pools[pool].gpus[hour] <= standing)
        }
        Prefer::Cost => problem.fleet.pools[pool].price_micros_per_gpu_hour.unwrap(),
        Prefer::Time => unreachable!(),
    }
}

/// The sums of some hours' figures by each goal, and by emissions.
fn sums(problem: &Problem, hours: &[(usize, usize)], goals: &[Prefer]) -> Vec<u64> {
    let each = goals.iter().chain(&[Prefer::Carbon]);
    each.map(|goal| {
        let figures = hours.iter();
        figures
            .map(|(pool, hour)| figure(problem, *pool, *hour, *goal))
            .sum()
    })
    .collect()
}

/// The lowest sums of any placement of a chain, found by trying all of them.
fn least(
    problem: &Problem,
    left: u32,
    from: usize,
    by: usize,
    taken: &mut Vec<(usize, usize)>,
) -> Option<Vec<u64>> {
    if left == 0 {
        return Some(sums(problem, taken, &problem.asks[0].prefer));
    }
    let last = by + 1 - left as usize;
    let mut best: Option<Vec<u64>> = None;
    for hour in from..last {
        for pool in 0..2 {
            if problem.outlook.pools[pool].gpus[hour] == 0 {
                continue;
            }
            taken.push((pool, hour));
            let found = least(problem, left - 1, hour + 1, by, taken);
            taken.pop();
            best = [best, found].into_iter().flatten().min();
        }
    }
    best
}

/// The placements of a chain's stages one by one, each when the one before it has ended.
fn one_by_one(problem: &Problem) -> Vec<Placement> {
    let mut ready = Timestamp(0);
    let mut placed = Vec::new();
    for one in &problem.asks {
        let mut alone = problem.clone();
        alone.asks = vec![Ask {
            after: Vec::new(),
            ready_at: ready,
            ..one.clone()
        }];
        let placement = solve(&alone).remove(0);
        ready = placement.end().unwrap_or(ready);
        placed.push(placement);
    }
    placed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn a_chain_is_placed_as_well_as_can_be_by_its_goals(
        mut problem in worlds(),
        prefer in 0..PREFERENCES.len(),
        stages in 1_u32..4,
        by in 4_u64..=HOURS as u64,
    ) {
        problem.asks = chain(stages, by, 2, PREFERENCES[prefer]);
        let best = least(&problem, stages, 0, by as usize, &mut Vec::new());
        let placed = solve(&problem);
        if let Some(best) = best {
            let hours: Vec<(usize, usize)> = placed
                .iter()
                .map(|one| (places(one)[0].0 as usize, places(one)[0].1 as usize))
                .collect();
            prop_assert_eq!(sums(&problem, &hours, PREFERENCES[prefer]), best, "{:?}", hours);
        }
    }

    #[test]
    fn a_chain_that_prefers_time_is_placed_as_its_stages_are_one_by_one(
        mut problem in worlds(),
        more in prop::option::of(0..PREFERENCES.len()),
        stages in 2_u32..4,
    ) {
        let rest = more.map_or(&[][..], |more| PREFERENCES[more]);
        problem.asks = chain(stages, HOURS as u64, 2, &[&[Prefer::Time], rest].concat());
        let segments = |placed: &[Placement]| -> Vec<_> {
            placed.iter().map(|one| one.segments.clone()).collect()
        };
        prop_assert_eq!(segments(&solve(&problem)), segments(&one_by_one(&problem)));
        // Also after a stage that waits for the cleanest hour.
        problem.asks[0].prefer = vec![Prefer::Carbon];
        let (joint, alone) = (solve(&problem), one_by_one(&problem));
        if joint[0].segments == alone[0].segments {
            prop_assert_eq!(segments(&joint), segments(&alone));
        }
    }
}
