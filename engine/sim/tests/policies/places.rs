//! Policies that know the local time and the prices of the pools' places.

use std::sync::Arc;

use sunward_core::Timestamp;
use sunward_core::place::Problem;
use sunward_grid::{Grid, Step, Trace};
use sunward_sim::{Locale, Locales, contender};

use crate::small::{HOUR_MS, ask, problem};

/// The zone of the home in small problems.
const ZONE: &str = "A-HOME";

/// The home in a time zone, with a price for each hour from the epoch on.
fn places(timezone: &str, prices: &[i64]) -> Locales {
    let step = |price: &i64| Step {
        price_milli_eur_per_mwh: Some(*price),
        ..Step::default()
    };
    let trace = Trace {
        zone: ZONE.into(),
        basis: sunward_core::ledger::Basis::default(),
        first: Timestamp(0),
        step_ms: HOUR_MS,
        steps: prices.iter().map(step).collect(),
        ..Trace::default()
    };
    let mut grid = Grid::default();
    grid.zones.insert(ZONE.into(), trace);
    let grid = Arc::new(grid);
    std::iter::once(Locale::new(timezone, ZONE, &grid)).collect()
}

/// The hour in which the only stage begins.
fn begins(policy: &str, places: &Locales, problem: &Problem) -> u64 {
    let solution = contender(policy, places).unwrap().placer.solve(problem);
    solution.placements[0].as_ref().unwrap().segments[0].start.0 / HOUR_MS
}

/// A stage of `hours` hours that must end by hour `by_h`, in a world that looks two days ahead.
fn stage(hours: u64, by_h: u64) -> Problem {
    problem(&[300; 48], &[300; 48], 4, vec![ask(1, 1, 1, hours, by_h)])
}

#[test]
fn nights_are_those_of_the_home() {
    for (timezone, hours, by_h, begin) in [
        ("UTC", 2, 24, 0),
        // Midnight is nine in the morning, and eight in the evening is at eleven.
        ("Asia/Tokyo", 2, 24, 11),
        ("Asia/Tokyo", 2, 8, 0),
        // The first night is over too early for ten hours.
        ("UTC", 10, 36, 20),
        // As little of the day as possible.
        ("UTC", 10, 14, 0),
        ("Asia/Kolkata", 14, 40, 13),
    ] {
        let begun = begins("nights-only", &places(timezone, &[]), &stage(hours, by_h));
        assert_eq!(begun, begin, "{timezone}, {hours} hours by {by_h}");
    }
}

#[test]
fn without_a_place_nothing_waits_for_night_or_price() {
    for policy in ["nights-only", "cheapest-window"] {
        assert_eq!(begins(policy, &Locales::default(), &stage(2, 24)), 0);
    }
    assert_eq!(
        begins("cheapest-window", &places("UTC", &[]), &stage(2, 24)),
        0
    );
}

#[test]
fn the_cheapest_window_is_that_of_the_known_prices() {
    // It is the second midnight. Without an auction, today's prices are expected to be yesterday's,
    // whatever they become.
    let mut today = stage(2, 48);
    today.now = Timestamp(24 * HOUR_MS);
    Arc::make_mut(&mut today.outlook).first_slot = 24;
    let mut prices = [90_000; 72];
    (prices[5], prices[6]) = (20_000, 40_000);
    let begun = |prices: &[i64]| begins("cheapest-window", &places("UTC", prices), &today);
    assert_eq!(begun(&prices), 29);
    prices[30..40].fill(-90_000);
    assert_eq!(begun(&prices), 29, "not yet known");
    prices[17] = -60_000;
    assert_eq!(begun(&prices), 24 + 16, "an hour at a negative price");
}
