//! How many of the hours with a price below zero are told as hours of surplus power, by zone.

use anyhow::Result;
use serde::Deserialize;

use super::figure::Figure;
use crate::shell;

/// The recall in one zone.
#[derive(Deserialize)]
struct Row {
    zone: String,
    year: i16,
    /// By outlooks at 14:00 local time, of the hours of the next day.
    tomorrow: Recall,
    /// By all outlooks, of the 24 hours that follow.
    next_24_h: Recall,
}

/// Hours with a price below zero, and the shares of them that are told by outlooks, or by the same hour
/// of the day before.
#[derive(Deserialize)]
struct Recall {
    hours: f64,
    recall: f64,
    recall_of_yesterday: f64,
}

/// The zones whose recall is a figure: the others have few such hours.
const JUDGED: [&str; 2] = ["DE", "US-CAL-CISO"];

/// Prints the table. The figures are the recalls of tomorrow's hours.
pub(super) fn table() -> Result<Vec<Figure>> {
    let rows: Vec<Row> = super::example::run("sunward-grid", "surplus")?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    shell::say(&format!(
        "\n% of hours with a price below zero that are told as surplus / by the same hour of the day before\n{:<19} {:>8} {:>22} {:>22}",
        "zone and year", "hours", "tomorrow, at 14:00", "next 24 h, each hour"
    ));
    for row in &rows {
        let cell = |one: &Recall| {
            let (ours, theirs) = (one.recall * 100.0, one.recall_of_yesterday * 100.0);
            format!("{ours:.1} / {theirs:.1}")
        };
        shell::say(&format!(
            "{:<19} {:>8} {:>22} {:>22}",
            format!("{} {}", row.zone, row.year),
            row.tomorrow.hours,
            cell(&row.tomorrow),
            cell(&row.next_24_h)
        ));
    }
    let judged = rows.iter().filter(|row| JUDGED.contains(&&*row.zone));
    let figure = |row: &Row| {
        let yesterday = row.tomorrow.recall_of_yesterday * 100.0;
        Figure::rate(
            &format!("tomorrow's hours below zero told as surplus, {}", row.zone),
            "%",
            row.tomorrow.recall * 100.0,
            Some(("same hour yesterday", yesterday)),
            ">= 90",
        )
    };
    Ok(judged.map(figure).collect())
}
