//! Shows a simulation's report.

use serde::Serialize;
use sunward_core::Timestamp;
use sunward_sim::report::{NOW_HOME, PolicyReport, Report};

use crate::machine::shown;
use crate::render::table::{Table, Tone};
use crate::render::units::plural;
use crate::render::{Page, View};

/// The length of the longest bar in characters.
const BAR: usize = 24;

/// The answer: the report, with notes.
#[derive(Serialize)]
pub(crate) struct SimulationView {
    #[serde(flatten)]
    pub(crate) report: Report,
    /// Notes on parts of the input that have no effect, and on the data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

impl View for SimulationView {
    fn page(&self, page: &mut Page) {
        let report = &self.report;
        page.line(format!(
            "{}, from {} on",
            page.style.strong(&plural(report.runs, "run")),
            shown(Timestamp(report.begin_ms))
        ));
        page.gap();
        page.table(&table(report));
        page.gap();
        if report.policies.iter().any(|one| one.idle_kwh.is_some()) {
            page.line(
                "idle: emissions of open devices that no task has, which gCO2e and saved leave out",
            );
        }
        page.line("delay: mean and 95th percentile; missed: deadlines; used: the fleet's share in use; |: the bound");
        if let Some(bound) = &report.bound {
            page.line(format!(
                "bound ({}): {}, saves {:.1} %; nothing can be below it",
                bound.kind,
                grams(bound.gco2e),
                bound.saved_percent
            ));
        }
        let late: Vec<&PolicyReport> = report
            .policies
            .iter()
            .filter(|policy| policy.unfinished > 0)
            .collect();
        for policy in late {
            let line = format!(
                "{}: {} failed or had not ended when the traces ended; their energy counts, and the saving is not known",
                policy.name,
                plural(policy.unfinished, "run")
            );
            page.line(page.style.warn(&line));
        }
        if !self.notes.is_empty() {
            page.heading("Notes");
        }
        for line in &self.notes {
            page.line(format!("  {line}"));
        }
    }
}

fn table(report: &Report) -> Table {
    // Most fleets do not say what idle devices draw.
    let has_idle = report.policies.iter().any(|one| one.idle_kwh.is_some());
    let idle: &[&str] = match has_idle {
        true => &[">idle", ">saved with idle"],
        false => &[],
    };
    let heads = [
        &["policy", ">gCO2e", ">saved", ">of achievable"],
        idle,
        &[
            ">marginal",
            ">energy",
            ">transfer",
            ">delay",
            ">p95",
            ">missed",
            ">used",
            "",
        ],
    ];
    let mut table = Table::new(&heads.concat());
    let most = report.policies.iter().map(|one| one.gco2e);
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let bound = report.bound.as_ref().map(|bound| bound.gco2e);
    for policy in &report.policies {
        let tone = match policy.name.as_str() {
            "sunward" => Tone::Good,
            NOW_HOME => Tone::Faint,
            _ => Tone::Plain,
        };
        let missed = if policy.deadlines_missed > 0 {
            Tone::Bad
        } else {
            Tone::Plain
        };
        let mut cells = vec![
            (policy.name.clone(), tone),
            (grams(policy.gco2e), tone),
            (
                optional(policy.saved_percent, |saved| format!("{saved:.1} %")),
                tone,
            ),
            (optional(policy.achievable_share, percent), tone),
        ];
        if has_idle {
            let saved = |saved: f64| format!("{saved:.1} %");
            cells.push((optional(policy.idle_gco2e, grams), Tone::Plain));
            cells.push((optional(policy.saved_with_idle_percent, saved), tone));
        }
        cells.extend([
            (optional(policy.gco2e_marginal, grams), Tone::Plain),
            (format!("{:.1} kWh", policy.kwh), Tone::Plain),
            (grams(policy.transfer_gco2e), Tone::Plain),
            (optional(policy.delay_mean_h, hours), Tone::Plain),
            (optional(policy.delay_p95_h, hours), Tone::Plain),
            (policy.deadlines_missed.to_string(), missed),
            (optional(policy.utilization, percent), Tone::Plain),
            (
                bar(policy.gco2e / most, bound.map(|one| one / most)),
                Tone::Faint,
            ),
        ]);
        table.toned(cells);
    }
    table
}

/// A bar with a mark for the bound.
fn bar(share: f64, bound: Option<f64>) -> String {
    let cells = cells(share);
    let mark = bound.map(self::cells);
    (0..BAR.max(cells))
        .map(|at| match mark {
            Some(mark) if at == mark => '|',
            _ if at < cells => '=',
            _ => ' ',
        })
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// The length of a bar in characters, from its share of the longest bar.
fn cells(share: f64) -> usize {
    let wanted = format!("{:.0}", share.clamp(0.0, 1.0) * 24.0);
    wanted.parse().unwrap_or(0)
}

fn optional(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn hours(hours: f64) -> String {
    format!("{hours:.1} h")
}

/// `812 g`, `1.24 kg`, `3.10 t`.
pub(crate) fn grams(grams: f64) -> String {
    match grams {
        grams if grams.abs() >= 1e6 => format!("{:.2} t", grams / 1e6),
        grams if grams.abs() >= 1e3 => format!("{:.2} kg", grams / 1e3),
        grams if grams.abs() >= 10.0 => format!("{grams:.0} g"),
        grams => format!("{grams:.2} g"),
    }
}

#[cfg(test)]
mod tests {
    use super::{bar, grams};

    #[test]
    fn a_bar_shows_where_the_bound_is() {
        assert_eq!(bar(1.0, Some(0.25)), "======|=================");
        assert_eq!(bar(0.25, None), "======");
        assert_eq!(bar(0.0, None), "");
    }

    #[test]
    fn emissions_read_well() {
        assert_eq!(grams(0.5), "0.50 g");
        assert_eq!(grams(1240.0), "1.24 kg");
        assert_eq!(grams(3.1e6), "3.10 t");
    }
}
