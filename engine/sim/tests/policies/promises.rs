//! Properties of all policies for any problem.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sunward_core::place::{Ask, Problem};
use sunward_sim::{Locales, contender, contenders::names};

use crate::small::{HOUR_MS, ask, problem};

fn problems() -> impl Strategy<Value = Problem> {
    let grams = || proptest::collection::vec(20_u32..900, 48);
    let asks = proptest::collection::vec((1_u32..5, 1_u32..4, 1_u64..5, 0_u64..20), 1..5);
    (grams(), grams(), 2_u32..8, asks).prop_map(|(home, away, gpus, asks)| {
        let asks = (1_u32..)
            .zip(asks)
            .map(|(run, (tasks, width, hours, slack_h))| {
                let rounds = u64::from(tasks.div_ceil(width));
                ask(run, tasks, width, hours, hours * rounds + slack_h)
            });
        problem(&home, &away, gpus, asks.collect())
    })
}

fn check(policy: &str, problem: &Problem) {
    let solve = || {
        contender(policy, &Locales::default())
            .unwrap()
            .placer
            .solve(problem)
    };
    let solution = solve();
    assert_eq!(solution, solve(), "{policy} answers the same twice");
    assert_eq!(solution.placements.len(), problem.asks.len());
    let mut used: BTreeMap<(u32, u64), u32> = BTreeMap::new();
    for (ask, placement) in problem.asks.iter().zip(&solution.placements) {
        let placement = placement.as_ref().expect("a placement");
        let tasks: u32 = placement.segments.iter().map(|one| one.tasks).sum();
        assert_eq!(tasks, ask.tasks, "{policy} places all tasks");
        for segment in &placement.segments {
            assert!(ask.allowed.contains(&segment.pool), "{policy}");
            assert!(segment.start >= ask.ready_at, "{policy}");
            assert!(segment.at_once <= ask.width, "{policy}");
            let (first, last) = (segment.start.0 / HOUR_MS, segment.end.0.div_ceil(HOUR_MS));
            for hour in first..last {
                *used.entry((segment.pool.0, hour)).or_default() += segment.at_once * ask.gpus;
            }
        }
    }
    let open = |pool: u32| problem.outlook.pools[pool as usize].gpus[0];
    for ((pool, hour), taken) in used {
        assert!(
            taken <= open(pool),
            "{policy}: {taken} in pool {pool} at {hour}"
        );
    }
}

/// A single stage with enough room is never late.
fn is_in_time(policy: &str, problem: &Problem, one: &Ask) {
    let mut alone = problem.clone();
    alone.asks = vec![one.clone()];
    let placements = contender(policy, &Locales::default())
        .unwrap()
        .placer
        .solve(&alone)
        .placements;
    let open = problem.outlook.pools[0].gpus[0];
    if open >= one.width {
        let end = placements[0].as_ref().unwrap().end().unwrap();
        assert!(Some(end) <= one.finish_by, "{policy}: {end:?}, {one:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tasks_add_up_capacity_holds_and_what_can_be_in_time_is(problem in problems()) {
        for policy in names().into_iter().filter(|name| !matches!(*name, "now-home" | "sunward")) {
            check(policy, &problem);
            for one in &problem.asks {
                is_in_time(policy, &problem, one);
            }
        }
    }
}
