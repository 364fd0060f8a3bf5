//! Placement of stages that depend on each other.

use proptest::prelude::*;
use sunward_core::place::{Ask, Problem};
use sunward_core::{StageId, Timestamp};

use crate::world::{HOUR, ask, places, solve, world};

/// The stages of one run: the hours of each, its upstream stages, and the deadline of all.
fn run(stages: &[(u64, &[u32])], by: u64) -> Vec<Ask> {
    let mut tails = vec![0; stages.len()];
    for at in (0..stages.len()).rev() {
        for before in stages[at].1 {
            let before = *before as usize;
            tails[before] = tails[before].max(tails[at] + stages[at].0);
        }
    }
    let asks = stages.iter().enumerate().map(|(at, (hours, after))| {
        let mut one = ask(1, *hours, Some(by - tails[at]), 1);
        one.id.stage = StageId(at as u32);
        one.after = after.to_vec();
        one
    });
    asks.collect()
}

/// The least emissions of a chain, found by trying all starts.
fn least(grams: &[u32], hours: &[u64], from: u64, by: u64) -> u64 {
    let Some((first, rest)) = hours.split_first() else {
        return 0;
    };
    let needed: u64 = hours.iter().sum();
    (from..=by.saturating_sub(needed))
        .map(|start| {
            let own: u64 = (start..start + first)
                .map(|hour| u64::from(grams[hour as usize]))
                .sum();
            own + least(grams, rest, start + first, by)
        })
        .min()
        .unwrap_or(u64::MAX / 4)
}

fn grams(problem: &Problem) -> u64 {
    let placed = solve(problem);
    placed
        .iter()
        .map(|one| one.expected_micrograms / 1_000_000)
        .sum()
}

#[test]
fn slack_goes_where_it_saves_most() {
    let grams = [500, 400, 100, 500, 500, 90, 500, 500];
    let mut problem = world(&[("DE", &grams, &[9; 8])]);
    problem.asks = run(&[(1, &[]), (1, &[0])], 8);
    let placed = solve(&problem);
    assert_eq!(places(&placed[0]), [(0, 2, 1)]);
    assert_eq!(places(&placed[1]), [(0, 5, 1)]);
}

#[test]
fn a_clean_pool_that_is_shut_draws_nothing_to_its_hours() {
    let mut problem = world(&[
        ("DE", &[300, 300, 100, 300, 300, 300], &[9; 6]),
        ("NO", &[5; 6], &[0, 0, 0, 0, 0, 9]),
    ]);
    problem.asks = run(&[(1, &[]), (1, &[0])], 6);
    for one in &mut problem.asks {
        one.allowed.push(sunward_core::PoolId(1));
    }
    let placed = solve(&problem);
    assert_eq!(places(&placed[0]), [(0, 2, 1)]);
    assert_eq!(places(&placed[1]), [(1, 5, 1)]);
}

#[test]
fn nothing_begins_before_what_it_waits_for_has_ended() {
    let mut problem = world(&[("DE", &[100; 12], &[1; 12])]);
    problem.asks = run(&[(2, &[]), (3, &[0]), (1, &[0]), (1, &[1, 2])], 12);
    let placed = solve(&problem);
    for (ask, one) in problem.asks.iter().zip(&placed) {
        for before in &ask.after {
            assert!(placed[*before as usize].end() <= one.start());
        }
    }
}

#[test]
fn a_graph_without_deadline_runs_at_once() {
    let mut problem = world(&[("DE", &[900, 900, 1, 1, 1, 1], &[9; 6])]);
    problem.asks = run(&[(1, &[]), (1, &[0])], 6);
    for one in &mut problem.asks {
        one.finish_by = None;
    }
    let starts: Vec<_> = solve(&problem).iter().map(|one| one.start()).collect();
    assert_eq!(starts, [Some(Timestamp(0)), Some(Timestamp(HOUR))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The plan of a chain is optimal, because the planning of chains is exact.
    #[test]
    fn chains_are_planned_as_well_as_can_be(
        grams in prop::collection::vec(10_u32..600, 16),
        hours in prop::collection::vec(1_u64..4, 2..5),
        slack in 0_u64..8,
    ) {
        let by = (hours.iter().sum::<u64>() + slack).min(16);
        let mut problem = world(&[("DE", &grams, &[9; 16])]);
        let edges: Vec<Vec<u32>> = (0..hours.len() as u32)
            .map(|at| if at == 0 { vec![] } else { vec![at - 1] })
            .collect();
        let stages: Vec<(u64, &[u32])> =
            hours.iter().zip(&edges).map(|(hours, edges)| (*hours, &edges[..])).collect();
        problem.asks = run(&stages, by);
        let best = least(&grams, &hours, 0, by);
        let ours = self::grams(&problem);
        prop_assert_eq!(ours, best);
    }
}
