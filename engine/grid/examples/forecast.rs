//! Measures the errors of forecasts on recorded grids, by zone and horizon, compared with the same
//! hour of the day before, and how often the actual value is within the 80 % interval.
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

use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde_json::{Value, json};
use sunward_core::Timestamp;
use sunward_grid::{Forecaster, Grid, Trace};

/// The horizons in hours. The first is the current hour.
const HORIZONS: [usize; 5] = [1, 6, 24, 48, 72];

/// The ranges of horizons in hours over which intervals are measured, first and last.
const RANGES: [(usize, usize); 4] = [(1, 6), (7, 24), (25, 96), (97, 168)];

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
    let longest = RANGES[RANGES.len() - 1].1;
    let forecaster = Forecaster::default();
    let mut sums = [[0.0_f64; 2]; HORIZONS.len()];
    let mut held = [Held::default(); RANGES.len()];
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
        for ((first, last), held) in RANGES.iter().zip(&mut held) {
            for ahead in first - 1..*last {
                let bounds = expected.low_mg_per_kwh[ahead]..=expected.high_mg_per_kwh[ahead];
                held.add(bounds, trace.steps[known + ahead].average_mg_per_kwh);
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
    let errors = HORIZONS.iter().zip(&sums).map(row);
    let intervals = RANGES.iter().zip(&held).map(|((first, last), held)| {
        json!({
            "zone": trace.zone,
            "year": year,
            "from_h": first,
            "to_h": last,
            "held_percent": held.inside / held.all * 100.0,
            "width_percent": held.width / held.values * 100.0,
        })
    });
    errors.chain(intervals).collect()
}

/// How often values were within their interval.
#[derive(Clone, Copy, Default)]
struct Held {
    inside: f64,
    all: f64,
    /// The sums of the widths and of the values.
    width: f64,
    values: f64,
}

impl Held {
    fn add(&mut self, bounds: RangeInclusive<u32>, value: u32) {
        self.inside += f64::from(u8::from(bounds.contains(&value)));
        self.all += 1.0;
        self.width += f64::from(bounds.end() - bounds.start());
        self.values += f64::from(value);
    }
}

/// The beginning of a year, in UTC.
fn begin(year: i16) -> Timestamp {
    let midnight: jiff::Timestamp = format!("{year:04}-01-01T00:00:00Z")
        .parse()
        .expect("a year, as 2023");
    let ms = midnight.as_millisecond();
    Timestamp(u64::try_from(ms).expect("a year after 1970"))
}
