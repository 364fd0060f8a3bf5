//! Measures the errors of forecasts on recorded grids, by zone and horizon, compared with the same
//! hour of the day before.
//! `cargo run --release -p sunward-grid --example forecast [YEAR] [--every HOURS]` (default: 2023,
//! each hour; a zone whose record ends earlier uses the year before). Grids are read from
//! `$SUNWARD_SHARED/data/grid` (default `../shared`). It prints a JSON list of rows. Each forecast
//! uses only hours that had ended.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints, and stops where it cannot go on"
)]

use std::path::PathBuf;

use serde_json::{Value, json};
use sunward_core::Timestamp;
use sunward_grid::{Forecaster, Grid, Trace};

/// The horizons in hours. The first is the current hour.
const HORIZONS: [usize; 5] = [1, 6, 24, 48, 72];

fn main() {
    let shared = std::env::var_os("SUNWARD_SHARED").unwrap_or_else(|| "../shared".into());
    let folder = PathBuf::from(shared).join("data").join("grid");
    let mut year = 2023_i16;
    let mut every = 1;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--every" {
            every = args
                .next()
                .and_then(|text| text.parse().ok())
                .expect("--every HOURS");
        } else {
            year = arg.parse().expect("a year, as 2023");
        }
    }
    if !folder.is_dir() {
        eprintln!(
            "NOT RUN: no recorded grids under {}; set SUNWARD_SHARED",
            folder.display()
        );
        println!("[]");
        return;
    }
    let grid = Grid::open(&folder, None).expect("recorded grids");
    let rows: Vec<Value> = grid
        .zones
        .values()
        .flat_map(|trace| errors(trace, year, every))
        .collect();
    println!("{}", serde_json::to_string(&rows).expect("plain rows"));
}

/// One row for each horizon. Empty for a trace without data of the year and the year before.
fn errors(trace: &Trace, year: i16, every: usize) -> Vec<Value> {
    let ended = trace.end() <= begin(year);
    let year = if ended { year - 1 } else { year };
    let from = trace.known_by(begin(year));
    let until = trace.known_by(begin(year + 1));
    let longest = HORIZONS[HORIZONS.len() - 1];
    let forecaster = Forecaster::default();
    let mut sums = [[0.0_f64; 2]; HORIZONS.len()];
    let mut seen = 0_u32;
    let value = |at: usize| f64::from(trace.steps[at].average_mg_per_kwh);
    for known in (from..until.saturating_sub(longest)).step_by(every.max(1)) {
        // A fit needs a month of data.
        if known < 31 * 24 {
            continue;
        }
        let expected = forecaster.expect(trace, known, longest);
        for (horizon, sums) in HORIZONS.iter().zip(&mut sums) {
            let target = known + horizon - 1;
            let yesterday = value(target - horizon.div_ceil(24) * 24);
            let ours = f64::from(expected.mg_per_kwh[horizon - 1]);
            for (sum, value_expected) in sums.iter_mut().zip([ours, yesterday]) {
                *sum += (value_expected - value(target)).abs() / value(target);
            }
        }
        seen += 1;
    }
    if seen == 0 {
        return Vec::new();
    }
    let percent = |sum: f64| sum / f64::from(seen) * 100.0;
    let row = |(horizon, [ours, yesterday]): (&usize, &[f64; 2])| {
        json!({
            "zone": trace.zone,
            "year": year,
            "horizon_h": horizon,
            "forecasts": seen,
            "ours_mape_percent": percent(*ours),
            "yesterday_mape_percent": percent(*yesterday),
        })
    };
    HORIZONS.iter().zip(&sums).map(row).collect()
}

/// The beginning of a year, in UTC.
fn begin(year: i16) -> Timestamp {
    let midnight: jiff::Timestamp = format!("{year:04}-01-01T00:00:00Z")
        .parse()
        .expect("a year, as 2023");
    let ms = midnight.as_millisecond();
    Timestamp(u64::try_from(ms).expect("a year after 1970"))
}
