//! A year in the simulator: time and memory.

use anyhow::Result;
use serde::Deserialize;

use super::figure::Figure;

/// The example's output for a year.
#[derive(Deserialize)]
struct Year {
    seconds: f64,
    peak_mib: f64,
    ours: Policy,
}

/// The printed figures of a policy.
#[derive(Deserialize)]
struct Policy {
    saved_percent: f64,
    deadlines_missed: f64,
}

/// A year of 20 pools with 10 000 devices and 100 000 runs, each a scatter of 100.
pub(crate) fn year() -> Result<Vec<Figure>> {
    let year: Year = super::example::run("sunward-sim", "year")?;
    Ok(vec![
        Figure::cost(
            "a year, 20 pools, 100 000 runs of 100 tasks",
            "s",
            year.seconds,
            None,
            "< 60",
        ),
        Figure::cost("its peak memory", "MiB", year.peak_mib, None, "< 4096"),
        Figure::rate(
            "its saving, compared with at once at home",
            "%",
            year.ours.saved_percent,
            None,
            "-",
        ),
        Figure::cost(
            "deadlines missed in it",
            "runs",
            year.ours.deadlines_missed,
            None,
            "0",
        ),
    ])
}
