//! How much placement saves on recorded grids, for each policy, compared with a policy that knows
//! the future; and how many hours of surplus power outlooks tell.

use anyhow::Result;
use serde::Deserialize;

use super::figure::Figure;
use crate::shell;

/// The result of one policy in one table.
#[derive(Deserialize)]
struct Row {
    table: String,
    bound: Option<String>,
    bound_saved_percent: Option<f64>,
    clairvoyant_saved_percent: Option<f64>,
    runs: u64,
    step_h: Option<u64>,
    name: String,
    gco2e: f64,
    saved_percent: Option<f64>,
    saved_with_idle_percent: Option<f64>,
    achievable_share: Option<f64>,
    delay_mean_h: Option<f64>,
    makespan_mean_h: Option<f64>,
    deadlines_missed: u64,
}

/// The goal of each table: our share of the achievable savings, in percent.
const GOALS: [(&str, &str); 25] = [
    ("1 h", ">= 97.3"),
    ("6 h", ">= 97.9"),
    ("24 h", ">= 96"),
    ("6 h, DE alone", ">= 88"),
    ("6 h, GB alone", ">= 77"),
    ("6 h, US-TEX-ERCO alone", ">= 84"),
    ("6 h, US-CAL-CISO alone", ">= 97"),
    ("24 h, DE alone", ">= 55"),
    ("24 h, GB alone", ">= 50"),
    ("24 h, US-TEX-ERCO alone", ">= 52"),
    ("6 h, six dirty zones", ">= 92"),
    ("24 h, six dirty zones", ">= 91"),
    ("24 h, pausable", ">= 95"),
    ("6 h, fleet load 15 %", ">= 97.5"),
    ("6 h, fleet load 30 %", ">= 96"),
    ("6 h, fleet load 60 %", ">= 94.5"),
    ("6 h, fleet load 80 %", ">= 88"),
    ("6 h, pausable, fleet load 15 %", ">= 97.5"),
    ("6 h, pausable, fleet load 30 %", ">= 96"),
    ("6 h, pausable, fleet load 60 %", ">= 94"),
    ("6 h, pausable, fleet load 80 %", ">= 90"),
    ("6 h, 100 GB", ">= 92"),
    ("6 h, 100 GB, six dirty zones", ">= 85"),
    ("6 h, a week of slack", ">= 96.5"),
    ("24 h, a week of slack", ">= 96.5"),
];

/// Prints the tables. The figures compare our result with the best of the other policies, and the last
/// ones are the recall of hours with surplus power.
pub(crate) fn tables() -> Result<Vec<Figure>> {
    let rows: Vec<Row> = super::example::run("sunward-sim", "carbon")?;
    let mut figures = Vec::new();
    for table in rows.chunk_by(|one, next| one.table == next.table) {
        print(table);
        figures.extend(figure(table));
    }
    figures.extend(super::surplus::table()?);
    Ok(figures)
}

fn print(table: &[Row]) {
    // The bound and the number of runs are those of our row; other rows may have fewer runs.
    let ours = table.iter().find(|row| row.name == "sunward");
    let Some(first) = ours.or(table.first()) else {
        return;
    };
    let bound = first.bound.as_deref().unwrap_or("no bound");
    let saved = first.bound_saved_percent.unwrap_or_default();
    let whole = first
        .clairvoyant_saved_percent
        .map_or_else(String::new, |saved| {
            format!("; a clairvoyant without pauses saves {saved:.2} %")
        });
    let steps = steps(table, first);
    let has_idle = table
        .iter()
        .any(|row| row.saved_with_idle_percent.is_some());
    let idle = if has_idle { " with idle" } else { "" };
    shell::say(&format!(
        "\n{}: {} runs{steps}; {bound} saves {saved:.2} %{whole}\n{:<28} {:>8} {:>8} {:>12} {:>8} {:>10} {:>7}{idle}",
        first.table,
        first.runs,
        "policy",
        "saved %",
        "share %",
        "gCO2e",
        "delay h",
        "makespan h",
        "missed"
    ));
    for row in table {
        let idle = row.saved_with_idle_percent;
        let idle = idle.map_or_else(String::new, |saved| format!(" {saved:>9.2}"));
        // Work that did not finish is not a saving.
        let saved = row.saved_percent;
        let saved = saved.map_or_else(|| "-".to_owned(), |saved| format!("{saved:.2}"));
        shell::say(&format!(
            "{:<28} {saved:>8} {:>8.2} {:>12.0} {:>8.2} {:>10.2} {:>7}{idle}",
            row.name,
            row.achievable_share.unwrap_or_default() * 100.0,
            row.gco2e,
            row.delay_mean_h.unwrap_or_default(),
            row.makespan_mean_h.unwrap_or_default(),
            row.deadlines_missed
        ));
    }
}

/// The hours between arrivals, where the rows of a table do not have the same.
fn steps(table: &[Row], ours: &Row) -> String {
    let mut others = table.iter().filter(|row| row.step_h != ours.step_h);
    match (ours.step_h, others.find_map(|row| row.step_h)) {
        (Some(own), Some(other)) => {
            format!(", every {own} h (other policies: every {other} h)")
        }
        (Some(own), None) => format!(", every {own} h"),
        (None, _) => String::new(),
    }
}

/// Our share of the achievable savings, compared with the best of the other policies. Without a
/// bound, the savings themselves are compared.
fn figure(table: &[Row]) -> Option<Figure> {
    let share = |row: &Row| {
        row.achievable_share
            .map_or(row.saved_percent.unwrap_or_default(), |share| share * 100.0)
    };
    let ours = table.iter().find(|row| row.name == "sunward")?;
    let others = table.iter().filter(|row| row.name != "sunward");
    let best = others.max_by(|one, other| share(one).total_cmp(&share(other)));
    let goal = GOALS.iter().find(|(name, _)| *name == ours.table);
    let goal = goal.map_or("ahead", |(_, goal)| *goal);
    Some(Figure::rate(
        &ours.table,
        "%",
        share(ours),
        best.map(|row| (row.name.as_str(), share(row))),
        goal,
    ))
}
