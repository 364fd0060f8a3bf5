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

/// The same stages without a deadline. Each may wait for some hours once it is ready; the latest ends are
/// those if all wait as long as they may.
fn waiting(stages: &[(u64, &[u32])], delays: &[u64]) -> Vec<Ask> {
    let mut latest: Vec<u64> = Vec::new();
    let each = stages.iter().zip(delays).enumerate();
    let asks = each.map(|(at, ((hours, after), delay))| {
        let ready = after.iter().map(|before| latest[*before as usize]).max();
        let start_by = ready.unwrap_or(0) + delay;
        latest.push(start_by + hours);
        let mut one = ask(1, *hours, Some(start_by + hours), 1);
        one.id.stage = StageId(at as u32);
        one.after = after.to_vec();
        one.start_by = Some(Timestamp(start_by * HOUR));
        one.max_delay_ms = ready.map(|_| delay * HOUR);
        one
    });
    asks.collect()
}

/// The least emissions of a chain each of whose stages may wait for some hours.
fn least_waiting(grams: &[u32], stages: &[(u64, u64)], from: u64) -> u64 {
    let Some(((hours, delay), rest)) = stages.split_first() else {
        return 0;
    };
    let starts = from..=from + delay;
    let each = starts.map(|start| {
        let own = (start..start + hours).map(|hour| u64::from(grams[hour as usize]));
        own.sum::<u64>() + least_waiting(grams, rest, start + hours)
    });
    each.min().unwrap_or(0)
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

#[test]
fn a_stage_that_may_wait_for_a_while_waits_from_when_it_is_ready_and_not_from_now() {
    // Either may wait for nine hours. Noon is clean: the first waits for it, and the second follows.
    let grams: Vec<u32> = (2..40)
        .map(|hour| {
            if (10..15).contains(&(hour % 24)) {
                200
            } else {
                500
            }
        })
        .collect();
    let mut problem = world(&[("DE", &grams, &[9; 38])]);
    problem.asks = waiting(&[(2, &[]), (2, &[0])], &[9, 9]);
    let hours = |problem: &Problem| -> Vec<u64> {
        let starts = solve(problem)
            .into_iter()
            .map(|one| one.start().unwrap().0 / HOUR);
        starts.collect()
    };
    assert_eq!(hours(&problem), [8, 10]);
    // The first may not wait, and the second may for an hour only.
    problem.asks = waiting(&[(2, &[]), (2, &[0])], &[0, 1]);
    assert_eq!(hours(&problem), [0, 2]);
    // By a deadline the first waits, so that the second need not.
    let mut asks = run(&[(2, &[]), (2, &[0])], 24);
    asks[1].start_by = Some(Timestamp(23 * HOUR));
    asks[1].max_delay_ms = Some(HOUR);
    problem.asks = asks;
    assert_eq!(hours(&problem), [8, 10]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Without a deadline, a chain is planned as well as the waits of its stages allow.
    #[test]
    fn chains_that_may_wait_for_a_while_are_planned_as_well_as_can_be(
        grams in prop::collection::vec(10_u32..600, 32),
        stages in prop::collection::vec((1_u64..3, 0_u64..5), 1..5),
    ) {
        let mut problem = world(&[("DE", &grams, &[9; 32])]);
        let edges: Vec<Vec<u32>> = (0..stages.len() as u32)
            .map(|at| if at == 0 { vec![] } else { vec![at - 1] })
            .collect();
        let shape: Vec<(u64, &[u32])> =
            stages.iter().zip(&edges).map(|((hours, _), edges)| (*hours, &edges[..])).collect();
        let delays: Vec<u64> = stages.iter().map(|(_, delay)| *delay).collect();
        problem.asks = waiting(&shape, &delays);
        prop_assert_eq!(self::grams(&problem), least_waiting(&grams, &stages, 0));
    }

    /// In any graph, no stage begins later after those before it than it may wait.
    #[test]
    fn no_stage_waits_longer_than_it_may(
        grams in prop::collection::vec(10_u32..600, 40),
        stages in prop::collection::vec((1_u64..3, 0_u64..5, any::<[bool; 5]>()), 2..6),
    ) {
        let mut problem = world(&[("DE", &grams, &[9; 40])]);
        let edges: Vec<Vec<u32>> = (0..stages.len())
            .map(|at| (0..at).filter(|before| stages[at].2[*before]).map(|at| at as u32).collect())
            .collect();
        let shape: Vec<(u64, &[u32])> =
            stages.iter().zip(&edges).map(|((hours, ..), edges)| (*hours, &edges[..])).collect();
        let delays: Vec<u64> = stages.iter().map(|(_, delay, _)| *delay).collect();
        problem.asks = waiting(&shape, &delays);
        let placed = solve(&problem);
        let span = |at: usize| (placed[at].start().unwrap().0, placed[at].end().unwrap().0);
        for at in 0..stages.len() {
            let ready = edges[at].iter().map(|before| span(*before as usize).1).max().unwrap_or(0);
            let (start, _) = span(at);
            prop_assert!((ready..=ready + delays[at] * HOUR).contains(&start), "{at}: {placed:?}");
        }
    }

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
