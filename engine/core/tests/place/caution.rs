//! Moving data must pay by more than forecasts may be wrong about the difference.

use std::sync::Arc;

use proptest::prelude::*;
use sunward_core::PoolId;
use sunward_core::place::{Outlook, Problem};

use crate::world::{ask, places, solve, world};

const MANY: [u32; 4] = [9; 4];

/// The gigabyte of a job of one hour is in the first pool.
fn asking(mut problem: Problem) -> Problem {
    let pools = u32::try_from(problem.fleet.pools.len()).unwrap();
    let mut near = ask(1, 1, Some(4), pools);
    near.data = vec![(PoolId(0), 1_000_000_000)];
    problem.asks = vec![near];
    problem
}

/// Sets the intervals of all zones to so many thousandths of the value on each side.
fn uncertain(mut problem: Problem, permille: u32) -> Problem {
    let mut outlook = Outlook::clone(&problem.outlook);
    for zone in &mut outlook.zones {
        let bounds = |factor: u32| {
            let values = zone.intensity_mg_per_kwh.iter();
            values.map(|value| value / 1000 * factor).collect()
        };
        let (low, high) = (bounds(1000 - permille), bounds(1000 + permille));
        (zone.low_mg_per_kwh, zone.high_mg_per_kwh) = (low, high);
    }
    problem.outlook = Arc::new(outlook);
    problem
}

/// The pool and the hour in which the job is placed.
fn placed(problem: &Problem) -> (u32, u64) {
    let place = places(&solve(problem)[0])[0];
    (place.0, place.1)
}

#[test]
fn the_same_saving_moves_data_if_forecasts_are_sure_and_not_if_they_are_not() {
    let near = || asking(world(&[("A", &[300; 4], &MANY), ("B", &[298; 4], &MANY)]));
    assert_eq!(placed(&uncertain(near(), 0)).0, 1);
    assert_eq!(placed(&uncertain(near(), 50)).0, 1);
    assert_eq!(placed(&uncertain(near(), 300)).0, 0);
}

#[test]
fn of_two_blocks_that_move_the_same_data_the_cleaner_is_taken() {
    // The transfer costs more when home is dirtier, but no more data moves.
    let home = ("A", &[300, 900, 900, 900][..], &MANY[..]);
    let problem = world(&[home, ("B", &[100, 98, 100, 100], &MANY)]);
    assert_eq!(placed(&uncertain(asking(problem), 300)), (1, 1));
}

#[test]
fn between_two_pools_of_one_zone_errors_cancel_and_a_small_saving_counts() {
    let problem = || {
        let mut problem = world(&[("A", &[300; 4], &MANY), ("B", &[300; 4], &MANY)]);
        let mut fleet = sunward_core::Fleet::clone(&problem.fleet);
        fleet.pools[1].pue_permille = 990;
        problem.fleet = Arc::new(fleet);
        problem
    };
    let mut one_zone = problem();
    let mut fleet = sunward_core::Fleet::clone(&one_zone.fleet);
    fleet.pools[1].zone = "A".into();
    one_zone.fleet = Arc::new(fleet);
    assert_eq!(placed(&uncertain(asking(problem()), 500)).0, 0);
    assert_eq!(placed(&uncertain(asking(one_zone), 500)).0, 1);
}

proptest! {
    /// What does not move under sure forecasts does not move under unsure ones either.
    #[test]
    fn less_certainty_never_moves_data_that_more_certainty_leaves(
        home in prop::collection::vec(50_u32..600, 4),
        other in prop::collection::vec(50_u32..600, 4),
        sure in 0_u32..500,
        less in 0_u32..500,
    ) {
        let problem = || asking(world(&[("A", &home, &MANY), ("B", &other, &MANY)]));
        let moves = |permille| placed(&uncertain(problem(), permille)).0 == 1;
        prop_assert!(moves(sure) || !moves(sure + less));
    }
}
