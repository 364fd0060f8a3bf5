//! Four of five hours lie within the 80 % interval of their forecast.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

use std::path::PathBuf;

use proptest::prelude::*;
use sunward_core::Timestamp;
use sunward_grid::{Forecaster, Grid, Step, Trace, whole};

const HOUR_MS: u64 = 3_600_000;
const WEEK_H: usize = 7 * 24;

/// The horizons in hours, first and last, over which intervals are measured.
const RANGES: [(usize, usize); 4] = [(1, 6), (7, 24), (25, 96), (97, 168)];

/// The hours within their interval and all hours, by range of horizons.
type Held = [(u32, u32); RANGES.len()];

/// Adds the forecasts that are made in one week of a trace, every `every` hours.
fn judge(held: &mut Held, trace: &Trace, week: std::ops::Range<usize>, every: usize) {
    let forecaster = Forecaster::default();
    for known in week.step_by(every) {
        let expected = forecaster.expect(trace, known, 168);
        for ((first, last), (inside, all)) in RANGES.iter().zip(held.iter_mut()) {
            for ahead in first - 1..*last {
                let bounds = expected.low_mg_per_kwh[ahead]..=expected.high_mg_per_kwh[ahead];
                assert!(bounds.contains(&expected.mg_per_kwh[ahead]));
                let value = trace.steps[known + ahead].average_mg_per_kwh;
                *inside += u32::from(bounds.contains(&value));
                *all += 1;
            }
        }
    }
}

fn percent((inside, all): (u32, u32)) -> f64 {
    f64::from(inside) / f64::from(all) * 100.0
}

/// A grid with sun and wind: an hourly level that wanders, days that are alike, and noise that is
/// larger by day than by night.
fn sunny_and_windy(hours: usize) -> Trace {
    let mut seed: u64 = 5;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        f64::from(u32::try_from(seed >> 40).unwrap()) / 8_388_608.0 - 1.0
    };
    let mut level = 0.0;
    let steps = (0..hours).map(|hour| {
        level = 0.97 * level + 20.0 * random();
        let hour = i32::try_from(hour % 24).unwrap();
        let sun = f64::from(6 - (hour - 12).abs().min(6));
        let grams = (300.0 + level - 20.0 * sun + (5.0 + 3.0 * sun) * random()).max(20.0);
        Step {
            average_mg_per_kwh: u32::try_from(whole(grams * 1000.0)).unwrap(),
            ..Step::default()
        }
    });
    Trace {
        basis: sunward_core::ledger::Basis::default(),
        zone: "XX".into(),
        first: Timestamp(1_700_000_000_000 / HOUR_MS * HOUR_MS),
        step_ms: HOUR_MS,
        steps: steps.collect(),
        ahead: Vec::new(),
        weather: sunward_grid::Weather::default(),
    }
}

#[test]
fn on_a_grid_of_sun_and_wind_intervals_hold_four_hours_of_five() {
    let trace = sunny_and_windy(74 * WEEK_H);
    let mut held = Held::default();
    for week in (20..72).step_by(4) {
        judge(&mut held, &trace, week * WEEK_H..(week + 1) * WEEK_H, 11);
    }
    for (range, held) in RANGES.iter().zip(held) {
        let percent = percent(held);
        assert!(
            (76.0..84.0).contains(&percent),
            "{range:?} h ahead: {percent} %"
        );
    }
}

#[test]
fn on_recorded_grids_intervals_hold_four_hours_of_five_over_a_year() {
    let shared = std::env::var_os("SUNWARD_SHARED")
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let folder = PathBuf::from(shared).join("data").join("grid");
    // A quarter of the weeks of two zones. `cargo xtask bench forecast` measures all of them; it is
    // compiled for speed.
    let zones = ["DE", "GB"].map(str::to_owned);
    if !folder.is_dir() {
        let folder = folder.display();
        eprintln!("NOT RUN: no recorded grids in {folder}; set SUNWARD_SHARED");
        return;
    }
    let grid = Grid::open(&folder, Some(&zones)).unwrap();
    let mut all = Held::default();
    for trace in grid.zones.values() {
        // 2023-01-05, a Thursday: weeks are counted from the epoch.
        let first = trace.known_by(Timestamp(1_672_876_800_000));
        let mut held = Held::default();
        for week in (0..51).step_by(4) {
            let week = first + week * WEEK_H..first + (week + 1) * WEEK_H;
            judge(&mut held, trace, week, 17);
        }
        for (all, held) in all.iter_mut().zip(held) {
            all.0 += held.0;
            all.1 += held.1;
        }
    }
    for (range, held) in RANGES.iter().zip(all) {
        let percent = percent(held);
        assert!(
            (76.0..84.0).contains(&percent),
            "{range:?} h ahead: {percent} %"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]

    /// Garbage after a moment changes no interval before it.
    #[test]
    fn no_interval_knows_the_future(
        known in 20 * WEEK_H..22 * WEEK_H,
        garbage in prop::collection::vec(0_u32..2_000_000, 23 * WEEK_H),
    ) {
        let all = sunny_and_windy(23 * WEEK_H);
        let mut spoiled = all.clone();
        for (at, mg) in garbage.into_iter().enumerate().skip(known) {
            spoiled.steps[at].average_mg_per_kwh = mg;
        }
        let expect = |trace: &Trace| Forecaster::default().expect(trace, known, 100);
        prop_assert_eq!(expect(&all), expect(&spoiled));
    }
}
