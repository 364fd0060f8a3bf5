//! The error of forecasts from a grid's past, compared with the same hour of the day before, and how
//! often the actual value is within their 80 % interval.

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

/// The 80 % intervals of one zone over a range of horizons.
#[derive(Deserialize)]
struct Interval {
    zone: String,
    from_h: u32,
    to_h: u32,
    held_percent: f64,
    width_percent: f64,
}

/// What the measurement prints.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Error(Row),
    Interval(Interval),
}

/// Prints the tables. The figures are the number of zones in which our error is smaller, its mean
/// over the zones, and the share of hours within their interval.
pub(crate) fn table() -> Result<Vec<Figure>> {
    let lines: Vec<Line> = super::example::run("sunward-grid", "forecast")?;
    let (mut rows, mut intervals) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Line::Error(row) => rows.push(row),
            Line::Interval(interval) => intervals.push(interval),
        }
    }
    let mut horizons: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        horizons.entry(row.horizon_h).or_default().push(row);
    }
    print(&rows, &horizons);
    let figures = horizons
        .iter()
        .flat_map(|(horizon, rows)| figures(*horizon, rows));
    let mut figures: Vec<Figure> = figures.collect();
    figures.extend(held(&intervals));
    Ok(figures)
}

/// Prints the intervals by zone and range of horizons. The figures are the means of the zones.
fn held(intervals: &[Interval]) -> Vec<Figure> {
    let mut ranges: BTreeMap<(u32, u32), Vec<&Interval>> = BTreeMap::new();
    for one in intervals {
        ranges.entry((one.from_h, one.to_h)).or_default().push(one);
    }
    if ranges.is_empty() {
        return Vec::new();
    }
    let head = ranges
        .keys()
        .map(|(from, to)| format!(" {:>15}", format!("{from} to {to} h")));
    shell::say(&format!(
        "\n% of hours within their 80 % interval / its mean width in % of the values\n{:<19}{}",
        "zone",
        head.collect::<String>()
    ));
    let cell = |held: f64, width: f64| format!(" {:>15}", format!("{held:.1} / {width:.1}"));
    for zone in intervals.chunk_by(|one, next| one.zone == next.zone) {
        let cells = zone
            .iter()
            .map(|one| cell(one.held_percent, one.width_percent));
        let name = zone.first().map_or("", |one| one.zone.as_str());
        shell::say(&format!("{name:<19}{}", cells.collect::<String>()));
    }
    let mut cells = String::new();
    let mut figures = Vec::new();
    for ((from, to), zones) in &ranges {
        let count = u32::try_from(zones.len()).map_or(f64::MAX, f64::from);
        let mean = |of: fn(&Interval) -> f64| zones.iter().map(|one| of(one)).sum::<f64>() / count;
        let held = mean(|one| one.held_percent);
        cells.push_str(&cell(held, mean(|one| one.width_percent)));
        let name = format!("hours within the 80 % interval, {from} to {to} h, mean of zones");
        figures.push(Figure::rate(&name, "%", held, None, "78 to 82"));
    }
    shell::say(&format!("{:<19}{cells}", "mean"));
    figures
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
