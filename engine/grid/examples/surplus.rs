//! Measures which hours with a price below zero outlooks tell as hours of surplus power, by zone.
//! `cargo run --release -p sunward-grid --example surplus [YEAR]` (default: 2023). Grids are read from
//! `$SUNWARD_SHARED/data/grid` (default `../shared`). It prints a JSON list with a row for each zone
//! that has a day-ahead market and such hours.
//!
//! At 14:00 local time the prices of tomorrow are published, so its hours are told then; a second
//! figure is of all outlooks of the year, one each hour, for the 24 hours that follow.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints, and stops where it cannot go on"
)]

use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use sunward_core::Timestamp;
use sunward_core::place::PoolOutlook;
use sunward_grid::{Almanac, Foresight, Grid, Trace};

const HOUR_MS: u64 = 3_600_000;

/// The zones with a day-ahead market, and its clock.
const MARKETS: [(&str, &str); 7] = [
    ("DE", "Europe/Berlin"),
    ("ES", "Europe/Madrid"),
    ("GB", "Europe/London"),
    ("JP-TK", "Asia/Tokyo"),
    ("US-CAL-CISO", "America/Los_Angeles"),
    ("US-MIDA-PJM", "America/New_York"),
    ("US-TEX-ERCO", "America/Chicago"),
];

/// The hours of an outlook: today's last ones, and tomorrow's.
const HOURS: usize = 36;

fn main() {
    let shared = std::env::var_os("SUNWARD_SHARED").unwrap_or_else(|| "../shared".into());
    let folder = PathBuf::from(shared).join("data").join("grid");
    let year: i16 = std::env::args()
        .nth(1)
        .map_or(2023, |text| text.parse().expect("a year, as 2023"));
    if !folder.is_dir() {
        eprintln!(
            "NOT RUN: no recorded grids under {}; set SUNWARD_SHARED",
            folder.display()
        );
        println!("[]");
        return;
    }
    let rows = MARKETS.into_iter().filter_map(|(zone, clock)| {
        let grid = Grid::open(&folder, Some(&[zone.to_owned()])).expect("a recorded grid");
        told(Arc::new(grid), (zone, clock), year)
    });
    let rows: Vec<Value> = rows.collect();
    println!("{}", serde_json::to_string(&rows).expect("plain rows"));
}

/// Hours with a price below zero, and those of them that were told, or have one at the same hour of
/// the day before.
#[derive(Clone, Copy, Default)]
struct Count {
    all: f64,
    told: f64,
    as_yesterday: f64,
}

impl Count {
    fn row(self) -> Value {
        json!({
            "hours": self.all,
            "recall": self.told / self.all,
            "recall_of_yesterday": self.as_yesterday / self.all,
        })
    }
}

/// The row of a zone; `None` if no price of the year is below zero.
fn told(grid: Arc<Grid>, (zone, clock): (&str, &str), year: i16) -> Option<Value> {
    let trace = &grid.zones[zone].clone();
    let almanac = Almanac::new(grid, Foresight::Past, HOUR_MS);
    let clock = TimeZone::get(clock).expect("a time zone");
    let at = |day: Date, hour: i8| {
        let moment = clock.to_timestamp(day.at(hour, 0, 0, 0)).expect("a moment");
        Timestamp(u64::try_from(moment.as_millisecond()).expect("after 1970"))
    };
    let (mut tomorrow, mut next_day) = (Count::default(), Count::default());
    let mut day = Date::new(year, 1, 1).expect("a date");
    while day.year() == year {
        let next = day.tomorrow().expect("a date");
        let looks = (at(day, 0).0..at(next, 0).0).step_by(usize::try_from(HOUR_MS).expect("small"));
        for now in looks.map(Timestamp) {
            if now >= trace.end() {
                break;
            }
            let surplus = surplus(&almanac, now);
            count(
                &mut next_day,
                trace,
                (now, now, now.after_ms(24 * HOUR_MS)),
                &surplus,
            );
            if now == at(day, 14) {
                let end = next.tomorrow().expect("a date");
                count(
                    &mut tomorrow,
                    trace,
                    (now, at(next, 0), at(end, 0)),
                    &surplus,
                );
            }
        }
        day = next;
    }
    (tomorrow.all > 0.0).then(|| {
        json!({
            "zone": zone,
            "year": year,
            "tomorrow": tomorrow.row(),
            "next_24_h": next_day.row(),
        })
    })
}

/// Which of the next hours have surplus power by the outlook at a moment.
fn surplus(almanac: &Almanac, now: Timestamp) -> Vec<bool> {
    let pool = PoolOutlook {
        gpus: vec![1; HOURS],
        cpus: vec![1; HOURS],
    };
    let outlook = almanac.outlook(now, vec![pool]);
    outlook.zones.first().expect("a zone").surplus.clone()
}

/// Counts the hours of a span in the outlook at a moment.
fn count(
    count: &mut Count,
    trace: &Trace,
    (now, from, until): (Timestamp, Timestamp, Timestamp),
    surplus: &[bool],
) {
    let index = |at: Timestamp, since: Timestamp| {
        usize::try_from(at.since_ms(since) / HOUR_MS).expect("small")
    };
    let is_below = |step: usize| trace.price_of(step).is_some_and(|price| price < 0);
    let known = index(now, trace.first);
    let told = surplus.iter().enumerate();
    for (hour, is_told) in told.take(index(until, now)).skip(index(from, now)) {
        let step = known + hour;
        if step < trace.steps.len() && is_below(step) {
            let yesterday = step - (hour / 24 + 1) * 24;
            count.all += 1.0;
            count.told += f64::from(u8::from(*is_told));
            count.as_yesterday += f64::from(u8::from(is_below(yesterday)));
        }
    }
}
