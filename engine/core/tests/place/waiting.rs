//! Waiting is worth more than what is forecast, because forecasts change until the hours come.

use std::sync::Arc;

use proptest::prelude::*;
use sunward_core::Timestamp;
use sunward_core::place::{Outlook, Problem, Why};

use crate::world::{HOUR, ask, places, solve, world};

const HOURS: usize = 60;
const MANY: [u32; HOURS] = [9; HOURS];

/// A zone that is at 300 g now and at 302 g later, and one that is always dirtier.
fn flat() -> Problem {
    let mut grams = [302; HOURS];
    grams[0] = 300;
    world(&[("A", &grams, &MANY), ("B", &[320; HOURS], &MANY)])
}

/// Sets the intervals of all zones to so many grams on each side, from so many hours on.
fn unsure(mut problem: Problem, grams: u32, from: usize) -> Problem {
    let mut outlook = Outlook::clone(&problem.outlook);
    for zone in &mut outlook.zones {
        let values = zone.intensity_mg_per_kwh.iter().enumerate();
        let off = |at: usize| if at < from { 0 } else { grams * 1000 };
        let bounds = values.map(|(at, value)| (value.saturating_sub(off(at)), value + off(at)));
        (zone.low_mg_per_kwh, zone.high_mg_per_kwh) = bounds.unzip();
    }
    problem.outlook = Arc::new(outlook);
    problem
}

/// The hour of a job of an hour with so much slack, and the reason.
fn placed(mut problem: Problem, slack: u64) -> (u64, Why) {
    problem.asks = vec![ask(1, 1, Some(slack + 1), 2)];
    let placement = &solve(&problem)[0];
    (places(placement)[0].1, placement.why)
}

#[test]
fn an_hour_that_is_hardly_cleaner_is_not_taken_while_later_ones_are_uncertain() {
    assert_eq!(placed(unsure(flat(), 0, 6), 48), (0, Why::Cleanest));
    assert_eq!(placed(unsure(flat(), 60, 6), 48), (6, Why::WorthWaiting));
    // One of few hours is less likely to turn out cleaner, and after the last none is left.
    assert_eq!(placed(unsure(flat(), 6, 6), 48), (6, Why::WorthWaiting));
    assert_eq!(placed(unsure(flat(), 6, 6), 7), (0, Why::Cleanest));
    assert_eq!(placed(unsure(flat(), 60, 6), 5), (0, Why::Cleanest));
}

#[test]
fn what_is_as_uncertain_when_it_comes_is_no_reason_to_wait() {
    assert_eq!(placed(unsure(flat(), 60, 0), 48), (0, Why::Cleanest));
}

#[test]
fn the_start_that_was_given_up_is_the_alternative() {
    let mut problem = unsure(flat(), 60, 6);
    problem.asks = vec![ask(1, 1, Some(49), 2)];
    let placement = &solve(&problem)[0];
    let other = placement.alternative.unwrap();
    assert_eq!((other.pool.0, other.start), (0, Timestamp(0)));
    assert!(other.expected_micrograms < placement.expected_micrograms);
}

#[test]
fn where_machines_are_scarce_nothing_waits_for_what_others_will_take() {
    let mut problem = unsure(flat(), 60, 6);
    let mut outlook = Outlook::clone(&problem.outlook);
    for pool in &mut outlook.pools {
        pool.gpus[30] = 0;
    }
    problem.outlook = Arc::new(outlook);
    assert_eq!(placed(problem, 48), (0, Why::Cleanest));
}

proptest! {
    /// Waiting keeps deadline and `max_delay`, and gives up only what is forecast to be cleaner.
    #[test]
    fn what_waits_is_in_time_and_forgoes_what_looks_best(
        home in prop::collection::vec(50_u32..600, HOURS),
        other in prop::collection::vec(50_u32..600, HOURS),
        hours in 1_u64..8,
        slack in 0_u64..50,
        delay in prop::option::of(0_u64..50),
        grams in 0_u32..300,
        from in 0_usize..12,
    ) {
        let plain = || world(&[("A", &home, &MANY), ("B", &other, &MANY)]);
        let mut job = ask(1, hours, Some(hours + slack), 2);
        job.start_by = delay.map(|delay| Timestamp(delay * HOUR));
        let solved = |mut problem: Problem| {
            problem.asks = vec![job.clone()];
            solve(&problem).remove(0)
        };
        let sure = solved(unsure(plain(), 0, 0));
        let unsure = solved(unsure(plain(), grams, from));
        prop_assert!(unsure.end() <= job.finish_by);
        prop_assert!(job.start_by.is_none_or(|by| unsure.start() <= Some(by)));
        if unsure.why == Why::WorthWaiting {
            prop_assert!(unsure.start() >= Some(Timestamp(6 * HOUR)));
            prop_assert!(sure.start() < Some(Timestamp(6 * HOUR)));
            prop_assert!(sure.expected_micrograms <= unsure.expected_micrograms);
        } else {
            prop_assert_eq!(sure.segments, unsure.segments);
        }
    }
}
