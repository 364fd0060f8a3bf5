//! The error of forecasts from a grid's past, compared with the same hour of the day before.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use super::figure::Figure;
use crate::shell;

/// The errors of one zone at one horizon.
#[derive(Deserialize)]
struct Row {
    zone: String,
    year: i16,
    horizon_h: u32,
    ours_mape_percent: f64,
    yesterday_mape_percent: f64,
}

/// Prints the table. The figures are the number of zones in which our error is smaller, and its
/// mean over the zones.
pub(crate) fn table() -> Result<Vec<Figure>> {
    let rows: Vec<Row> = super::example::run("sunward-grid", "forecast")?;
    let mut horizons: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        horizons.entry(row.horizon_h).or_default().push(row);
    }
    print(&rows, &horizons);
    let figures = horizons
        .iter()
        .flat_map(|(horizon, rows)| figures(*horizon, rows));
    Ok(figures.collect())
}

fn print(rows: &[Row], horizons: &BTreeMap<u32, Vec<&Row>>) {
    if rows.is_empty() {
        shell::say("no recorded grids; set SUNWARD_SHARED");
        return;
    }
    let head: String = horizons
        .keys()
        .map(|horizon| format!(" {:>15}", format!("{horizon} h")))
        .collect();
    shell::say(&format!(
        "\nmean absolute error in % of the hour's value: ours / same hour of the day before\n{:<19}{head}",
        "zone and year"
    ));
    for zone in rows.chunk_by(|one, next| one.zone == next.zone) {
        let cells: String = zone
            .iter()
            .map(|row| {
                let (ours, theirs) = (row.ours_mape_percent, row.yesterday_mape_percent);
                let worse = if ours < theirs { ' ' } else { '!' };
                format!(" {:>14}{worse}", format!("{ours:.2} / {theirs:.2}"))
            })
            .collect();
        let name = zone
            .first()
            .map_or_else(String::new, |row| format!("{} {}", row.zone, row.year));
        shell::say(&format!("{name:<19}{cells}"));
    }
}

fn figures(horizon: u32, rows: &[&Row]) -> [Figure; 2] {
    let count = |number: usize| u32::try_from(number).map_or(f64::MAX, f64::from);
    let all = count(rows.len());
    let better = rows
        .iter()
        .filter(|row| row.ours_mape_percent < row.yesterday_mape_percent)
        .count();
    let mean = |of: fn(&Row) -> f64| rows.iter().map(|row| of(row)).sum::<f64>() / all;
    [
        Figure::rate(
            &format!("zones of {all} better than yesterday at {horizon} h"),
            "zones",
            count(better),
            None,
            "all",
        ),
        Figure::cost(
            &format!("forecast's error at {horizon} h, mean of zones"),
            "%",
            mean(|row| row.ours_mape_percent),
            Some((
                "same hour yesterday",
                mean(|row| row.yesterday_mape_percent),
            )),
            "ahead",
        ),
    ]
}
