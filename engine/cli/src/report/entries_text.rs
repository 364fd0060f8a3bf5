//! The rows behind the ledger, as text.

use std::collections::BTreeMap;

use super::entries::{Entries, Intensity, Place, TransferEntry, UseEntry};
use crate::render::table::Table;
use crate::render::units::{bytes, seconds};
use crate::render::{Page, View};

/// The headings that energy in a place has in every table.
const PLACE: [&str; 8] = [
    "quarter",
    "pool",
    "zone",
    ">J",
    ">PUE",
    ">g/kWh",
    ">g CO2e",
    ">marginal g",
];

impl View for Entries {
    fn page(&self, page: &mut Page) {
        page.heading("Used");
        let rows = match self.each_row_is {
            "attempt" => "Each row is of one attempt in a quarter of an hour.",
            _ => "There are many attempts, so each row is of all that ended alike.",
        };
        page.line(format!("  {rows}"));
        page.table(&used(&self.used));
        if !self.transfers.is_empty() {
            page.heading("Moved");
            page.table(&moved(&self.transfers));
        }
        page.heading("At home and at once");
        let mut heads = vec!["stage"];
        heads.extend(PLACE);
        let mut home = Table::new(&heads).indented(2);
        for row in &self.at_home_now {
            let mut cells = vec![row.stage.clone()];
            cells.extend(place(&row.place));
            home.row(&cells);
        }
        page.table(&home);
        let sources = self.sources();
        if !sources.is_empty() {
            page.heading("Intensities");
        }
        for line in sources {
            page.line(format!("  {line}"));
        }
        page.heading("Totals");
        page.table(&self.totals());
        page.gap();
        page.line(self.how);
        page.gap();
        page.line(self.average_and_marginal);
    }
}

fn used(rows: &[UseEntry]) -> Table {
    let mut heads = vec!["task", ">attempt", "outcome"];
    heads.extend(PLACE);
    heads.extend(["energy", ">embodied g"]);
    let mut table = Table::new(&heads).indented(2);
    for row in rows {
        let attempts = row.attempts.map(|count| format!("{count} attempts"));
        let mut cells = vec![
            row.task.clone().unwrap_or_else(|| row.stage.clone()),
            match row.attempt {
                Some(attempt) => attempt.to_string(),
                None => attempts.unwrap_or_else(|| "all".to_owned()),
            },
            row.outcome_word(),
        ];
        cells.extend(place(&row.place));
        cells.push(row.source_word().to_owned());
        cells.push(figure(row.gco2e_embodied, "unknown"));
        table.row(&cells);
    }
    table
}

fn moved(rows: &[TransferEntry]) -> Table {
    let mut table = Table::new(&[
        "stage", "quarter", "from", "to", ">size", ">kWh/GB", ">J", ">g CO2e",
    ])
    .indented(2);
    for row in rows {
        table.row([
            row.stage.clone(),
            row.quarter.clone(),
            row.end(false),
            row.end(true),
            bytes(row.bytes),
            row.kwh_per_gb.to_string(),
            row.energy_joules.to_string(),
            format!(
                "{} + {}",
                figure(row.gco2e_from, "unknown"),
                figure(row.gco2e_to, "unknown")
            ),
        ]);
    }
    table
}

fn place(place: &Place) -> Vec<String> {
    let grams = |one: &Intensity| one.gco2e_per_kwh.to_string();
    vec![
        place.quarter.clone(),
        place.pool.clone(),
        place.zone.clone(),
        figure(place.energy_joules, "missing"),
        figure(place.pue, "unknown"),
        place
            .average
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), grams),
        figure(place.gco2e, "unknown"),
        figure(place.gco2e_marginal, "unknown"),
    ]
}

/// A figure with all of its digits, so that it can be recomputed.
pub(super) fn figure(value: Option<f64>, without: &str) -> String {
    value.map_or_else(|| without.to_owned(), |value| value.to_string())
}

impl UseEntry {
    /// `succeeded`, `failed`, `lost`.
    pub(super) fn outcome_word(&self) -> String {
        let word = |status| serde_json::to_value(status).ok();
        let word = self.outcome.and_then(word);
        let word = word.and_then(|word| word.as_str().map(str::to_owned));
        word.unwrap_or_else(|| "any".to_owned())
    }

    /// `measured`, `modelled`, `missing`.
    pub(super) const fn source_word(&self) -> &'static str {
        use sunward_core::ledger::EnergySource;
        match self.energy_source {
            EnergySource::Measured => "measured",
            EnergySource::Modelled => "modelled",
            EnergySource::MeasuredAndModelled => "measured and modelled",
            EnergySource::Missing => "missing",
        }
    }
}

impl TransferEntry {
    /// One end with its intensity: `mid (DE, 200 g/kWh)`.
    pub(super) fn end(&self, is_end: bool) -> String {
        let (pool, zone, average) = match is_end {
            true => (&self.to_pool, &self.to_zone, &self.to_average),
            false => (&self.from_pool, &self.from_zone, &self.from_average),
        };
        let grams = average.as_ref().map(|one| one.gco2e_per_kwh);
        format!("{pool} ({zone}, {} g/kWh)", figure(grams, "unknown"))
    }
}

/// The ages of intensities that are alike in everything else, in seconds: the least and the greatest.
type Ages = (f64, f64);

impl Intensity {
    /// `average, actual (life-cycle emissions of consumption): uk: measured`.
    pub(super) fn words(&self, kind: &str) -> String {
        let provider = match self.provider.is_empty() {
            true => String::new(),
            false => format!("{}: ", self.provider),
        };
        let certainty = format!("{:?}", self.certainty).to_lowercase();
        format!(
            "{kind}, {certainty} ({}): {provider}{}",
            self.basis, self.how
        )
    }

    /// When it was measured, read and published.
    pub(super) fn times(&self) -> String {
        let published = self.published.as_ref();
        let published = published.map_or_else(String::new, |at| format!(", published {at}"));
        format!(
            "measured until {}, read {}{published}",
            self.measured_until, self.known_at
        )
    }
}

/// `measured in the same quarter`, `measured 15 min 0 s to 1 h 0 min before`.
fn ages((least, most): Ages) -> String {
    if most <= 0.0 {
        return "measured in the same quarter".to_owned();
    }
    match least < most {
        true => format!("measured {} to {} before", seconds(least), seconds(most)),
        false => format!("measured {} before", seconds(most)),
    }
}

impl Entries {
    /// Where the intensities come from: a line for each kind of them, with the span of their ages.
    pub(super) fn sources(&self) -> Vec<String> {
        let used = self.used.iter().map(|row| &row.place);
        let home = self.at_home_now.iter().map(|row| &row.place);
        let mut kinds: BTreeMap<String, Ages> = BTreeMap::new();
        for place in used.chain(home) {
            let figures = [
                (place.average.as_ref(), "average"),
                (place.marginal.as_ref(), "marginal"),
            ];
            for (figure, kind) in figures {
                let Some(figure) = figure else { continue };
                let line = format!("{}, {}", place.zone, figure.words(kind));
                let age = figure.age_seconds;
                let ages = kinds.entry(line).or_insert((age, age));
                *ages = (ages.0.min(age), ages.1.max(age));
            }
        }
        let lines = kinds.into_iter();
        lines
            .map(|(line, span)| format!("{line}; {}", ages(span)))
            .collect()
    }

    /// The totals, each with its name in JSON.
    pub(super) fn totals(&self) -> Table {
        let totals = &self.totals;
        let mut table = Table::new(&["", ">"]).indented(2);
        let rows = [
            ("energy_joules", Some(totals.energy_joules)),
            ("gco2e", totals.gco2e),
            ("gco2e_transfer", totals.gco2e_transfer),
            ("gco2e_at_home_now", totals.gco2e_at_home_now),
            ("gco2e_saved", totals.gco2e_saved),
            ("gco2e_marginal", totals.gco2e_marginal),
            (
                "gco2e_marginal_at_home_now",
                totals.gco2e_marginal_at_home_now,
            ),
            ("gco2e_embodied", totals.gco2e_embodied),
        ];
        for (name, value) in rows {
            table.row([name.to_owned(), figure(value, "unknown")]);
        }
        for one in &totals.gco2e_by_basis {
            table.row([format!("gco2e, {}", one.basis), one.gco2e.to_string()]);
        }
        if let Some(sci) = &totals.sci {
            table.row([
                format!("SCI, gco2e per {}", sci.per),
                sci.gco2e_per_task.to_string(),
            ]);
        }
        table
    }
}
