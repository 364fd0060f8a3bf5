//! Reads one trace file: CSV with a header. Only the time and the average intensity are required.

use csv::StringRecord;
use sunward_core::Timestamp;
use sunward_core::ledger::Basis;
use sunward_workflows::quoted;

use super::{Step, Trace, TraceError};
use crate::moment::moment;
use crate::published::MOST_GRAMS;
use crate::whole::whole;

/// The most missing steps in a row that are interpolated and flagged as estimated. A longer gap is
/// a mistake.
const GAP_LIMIT: u64 = 3;

/// The most steps after the last measured one that may have a price: two weeks of five minutes.
const AHEAD_LIMIT: u64 = 14 * 24 * 12;

/// An hour in milliseconds; no step is longer.
const HOUR_MS: u64 = 3_600_000;

/// The least peak of a trace, in mgCO2e/kWh. The dirtiest hour of every grid exceeds it, since even
/// hydropower has 10 to 30 g over its plants' life. A trace below it has another unit.
const LEAST_PEAK_MG: u32 = 2000;

/// The most mistakes of one file that are listed.
const TOLD: usize = 10;

pub(super) const TIME: &str = "timestamp_utc";
pub(super) const AVERAGE: &str = "carbon_intensity_gco2e_per_kwh";
pub(super) const MARGINAL: &str = "marginal_gco2_per_kwh";
pub(super) const RENEWABLE: &str = "renewable_share";
pub(super) const PRICE: &str = "price_eur_per_mwh";
pub(super) const ESTIMATED: &str = "estimated";
pub(super) const BASIS: &str = "basis";

/// The position of each column.
struct Columns {
    time: usize,
    average: usize,
    marginal: Option<usize>,
    renewable: Option<usize>,
    price: Option<usize>,
    estimated: Option<usize>,
    basis: Option<usize>,
}

/// Reads a trace. Columns are named as in
/// `timestamp_utc,carbon_intensity_gco2e_per_kwh,renewable_share,
/// price_eur_per_mwh,marginal_gco2_per_kwh,estimated,basis`. The first two are required, others are
/// ignored, and an empty field is unknown. The basis is what an average counts, such as `life-cycle
/// emissions of consumption`; rows that state different ones are a mistake. Prices are those of the day-ahead auction, where there is
/// one: forecasts use them from 14:00 local time of the day before. Rows at the end may have a price
/// alone: that of an hour that was not measured yet.
///
/// # Errors
///
/// Returns each mistake with its line and what was expected.
pub fn read_trace(zone: &str, file: &str, bytes: &[u8]) -> Result<Trace, TraceError> {
    let wrong = |mistakes| TraceError::Wrong {
        file: file.to_owned(),
        mistakes,
    };
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let columns = columns(&mut reader).map_err(|mistake| wrong(vec![mistake]))?;
    let mut rows = Rows::default();
    for record in reader.records() {
        match record {
            Ok(record) => rows.row(&record, &columns),
            Err(error) => rows.mistakes.push(format!("{error}")),
        }
        if rows.mistakes.len() >= TOLD {
            rows.mistakes.push("and perhaps more".to_owned());
            break;
        }
    }
    let trace = rows.finish(zone);
    trace.map_err(wrong)
}

fn columns(reader: &mut csv::Reader<&[u8]>) -> Result<Columns, String> {
    let header = reader
        .headers()
        .map_err(|error| format!("line 1: {error}; expected a header with {TIME} and {AVERAGE}"))?
        .clone();
    let find = |name: &str| header.iter().position(|column| column.trim() == name);
    let needed = |name: &str| {
        find(name).ok_or_else(|| {
            let there: Vec<&str> = header.iter().collect();
            format!(
                "line 1: there is no column {name}; the columns are {}. Rename the column that holds it; the unit is part of the name",
                there.join(", ")
            )
        })
    };
    Ok(Columns {
        time: needed(TIME)?,
        average: needed(AVERAGE)?,
        marginal: find(MARGINAL),
        renewable: find(RENEWABLE),
        price: find(PRICE),
        estimated: find(ESTIMATED),
        basis: find(BASIS),
    })
}

/// The rows read so far.
#[derive(Default)]
struct Rows {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    step_ms: Option<u64>,
    steps: Vec<Step>,
    /// Unknown steps at the end so far.
    missing: u64,
    /// Their prices.
    prices: Vec<Option<i64>>,
    /// What each row with an average says that it counts.
    basis: Stated,
    mistakes: Vec<String>,
}

impl Rows {
    fn row(&mut self, record: &StringRecord, columns: &Columns) {
        let line = record.position().map_or(0, csv::Position::line);
        let field = |at: usize| record.get(at).unwrap_or("").trim();
        let Some(at) = moment(field(columns.time)) else {
            self.mistakes.push(format!(
                "line {line}: {} is not a time; expected one such as 2023-03-01T05:00:00Z",
                quoted(field(columns.time))
            ));
            return;
        };
        if let Err(mistake) = self.follow(at) {
            self.mistakes.push(format!("line {line}: {mistake}"));
            return;
        }
        let beside = self.beside(record, columns, line);
        let average = field(columns.average);
        if average.is_empty() {
            self.missing += 1;
            self.price(beside.price_milli_eur_per_mwh);
            return;
        }
        let Some(average) = milligrams(average) else {
            self.mistakes.push(format!(
                "line {line}: {AVERAGE} is {}; expected grams from 0 to {MOST_GRAMS:.0}",
                quoted(average)
            ));
            return;
        };
        let words = columns.basis.map_or("", field);
        if let Err(mistake) = self.basis.row(words) {
            self.mistakes.push(format!("line {line}: {mistake}"));
        }
        let step = Step {
            average_mg_per_kwh: average,
            ..beside
        };
        self.put(line, step);
    }

    /// Reads the optional figures of a row. An empty field is unknown; an unreadable one is a
    /// mistake.
    fn beside(&mut self, record: &StringRecord, columns: &Columns, line: u64) -> Step {
        let mut field = Fields {
            record,
            line,
            mistakes: &mut self.mistakes,
        };
        let grams = format!("grams from 0 to {MOST_GRAMS:.0}, or nothing");
        let share = |text: &str| {
            let share = u32::try_from(thousandths(text)?).ok()?;
            (share <= 1000).then_some(share)
        };
        let flag = |text: &str| match text.to_ascii_lowercase().as_str() {
            "0" | "false" => Some(false),
            "1" | "true" => Some(true),
            _ => None,
        };
        Step {
            average_mg_per_kwh: 0,
            marginal_mg_per_kwh: field.read(columns.marginal, MARGINAL, milligrams, &grams),
            renewable_permille: field.read(
                columns.renewable,
                RENEWABLE,
                share,
                "a share from 0 to 1, or nothing",
            ),
            price_milli_eur_per_mwh: field.read(
                columns.price,
                PRICE,
                thousandths,
                "a number of euros, or nothing",
            ),
            estimated: field
                .read(columns.estimated, ESTIMATED, flag, "0 or 1, or nothing")
                .unwrap_or(false),
        }
    }

    /// Checks that a row follows the one before by the file's step.
    fn follow(&mut self, at: Timestamp) -> Result<(), String> {
        let Some(last) = self.last else {
            self.first = Some(at);
            self.last = Some(at);
            return Ok(());
        };
        if at <= last {
            return Err(
                "its time is not after the previous one; sort the rows and remove duplicates"
                    .to_owned(),
            );
        }
        let passed = at.since_ms(last);
        let step_ms = *self.step_ms.get_or_insert(passed);
        if step_ms > HOUR_MS || !HOUR_MS.is_multiple_of(step_ms) {
            return Err("expected rows an hour apart, or a whole fraction of an hour".to_owned());
        }
        if !passed.is_multiple_of(step_ms) {
            return Err(format!(
                "its time is not a multiple of {} min after the first",
                step_ms / 60_000
            ));
        }
        for _ in 0..(passed / step_ms - 1).min(AHEAD_LIMIT) {
            self.price(None);
        }
        self.missing += passed / step_ms - 1;
        self.last = Some(at);
        Ok(())
    }

    /// Notes the price of an unknown step.
    fn price(&mut self, price: Option<i64>) {
        if u64::try_from(self.prices.len()).is_ok_and(|length| length < AHEAD_LIMIT) {
            self.prices.push(price);
        }
    }

    /// Adds a step, after interpolating missing ones before it.
    fn put(&mut self, line: u64, step: Step) {
        let missing = std::mem::take(&mut self.missing);
        let prices = std::mem::take(&mut self.prices);
        if missing > GAP_LIMIT {
            self.mistakes.push(format!(
                "line {line}: {missing} values are missing before it; up to {GAP_LIMIT} in a row are filled in"
            ));
        } else if missing > 0 {
            let Some(before) = self.steps.last().copied() else {
                self.mistakes
                    .push(format!("line {line}: the first value is missing"));
                return;
            };
            for (at, price) in (1..=missing).zip(prices) {
                let from = u64::from(before.average_mg_per_kwh) * (missing + 1 - at);
                let to = u64::from(step.average_mg_per_kwh) * at;
                let between = u32::try_from((from + to) / (missing + 1));
                self.steps.push(Step {
                    average_mg_per_kwh: between.unwrap_or(before.average_mg_per_kwh),
                    price_milli_eur_per_mwh: price,
                    estimated: true,
                    ..Step::default()
                });
            }
        }
        self.steps.push(step);
    }

    fn finish(self, zone: &str) -> Result<Trace, Vec<String>> {
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        let (Some(first), Some(step_ms)) = (self.first, self.step_ms) else {
            return Err(vec!["expected two rows or more".to_owned()]);
        };
        if self.steps.is_empty() {
            return Err(vec![format!(
                "{AVERAGE} is empty in every row; expected grams, for example 385.2. If they are in another column, rename it"
            )]);
        }
        let most = self.steps.iter().map(|step| step.average_mg_per_kwh).max();
        if let Some(most) = most.filter(|most| (1..LEAST_PEAK_MG).contains(most)) {
            return Err(vec![format!(
                "{AVERAGE} is never above {:.3}; expected grams. Are these kilograms per kWh, or tonnes per MWh? Multiply them by 1000",
                f64::from(most) / 1000.0
            )]);
        }
        let mut ahead = self.prices;
        let known = ahead.iter().rposition(Option::is_some);
        ahead.truncate(known.map_or(0, |last| last + 1));
        Ok(Trace {
            zone: zone.to_owned(),
            basis: self.basis.of_all(),
            first,
            step_ms,
            steps: self.steps,
            ahead,
            weather: crate::weather::Weather::default(),
        })
    }
}

/// What the rows so far say that they count.
#[derive(Default)]
struct Stated {
    basis: Option<Basis>,
    /// Whether a row does not say it.
    has_gap: bool,
}

impl Stated {
    fn row(&mut self, words: &str) -> Result<(), String> {
        if words.is_empty() {
            self.has_gap = true;
            return Ok(());
        }
        let Some(basis) = Basis::of_words(words) else {
            let known: Vec<String> = Basis::stated()
                .map(|basis| quoted(basis).to_string())
                .collect();
            return Err(format!(
                "{BASIS} is {}; expected nothing, or one of {}",
                quoted(words),
                known.join(", ")
            ));
        };
        let before = *self.basis.get_or_insert(basis);
        if before != basis {
            return Err(format!(
                "{BASIS} is {}, and {} in rows before; figures that count different things cannot be compared, so keep them in files of different folders",
                quoted(basis),
                quoted(before)
            ));
        }
        Ok(())
    }

    /// What all rows count.
    fn of_all(&self) -> Basis {
        self.basis.filter(|_| !self.has_gap).unwrap_or_default()
    }
}

/// The optional fields of one row.
struct Fields<'a> {
    record: &'a StringRecord,
    line: u64,
    mistakes: &'a mut Vec<String>,
}

impl Fields<'_> {
    fn read<T>(
        &mut self,
        at: Option<usize>,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Option<T> {
        let text = self.record.get(at?)?.trim();
        if text.is_empty() {
            return None;
        }
        let value = read(text);
        if value.is_none() {
            let line = self.line;
            self.mistakes.push(format!(
                "line {line}: {name} is {}; expected {expected}",
                quoted(text)
            ));
        }
        value
    }
}

/// Grams as milligrams.
fn milligrams(text: &str) -> Option<u32> {
    let grams: f64 = text.parse().ok()?;
    if !(0.0..=MOST_GRAMS).contains(&grams) {
        return None;
    }
    u32::try_from(whole(grams * 1000.0)).ok()
}

fn thousandths(text: &str) -> Option<i64> {
    let value: f64 = text.parse().ok()?;
    (value.abs() < 1e9).then(|| format!("{:.0}", value * 1000.0).parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{Step, Trace, read_trace};

    fn read(rows: &str) -> Result<Trace, String> {
        let text =
            format!("timestamp_utc,carbon_intensity_gco2e_per_kwh,marginal_gco2_per_kwh\n{rows}");
        read_trace("DE", "DE.csv", text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn kilograms_are_not_taken_for_grams() {
        let told = read("2023-01-01T00:00:00Z,0.4,\n2023-01-01T01:00:00Z,1.2,\n").unwrap_err();
        assert!(told.contains("never above 1.200; expected grams"), "{told}");
        assert!(read("2023-01-01T00:00:00Z,0.4,\n2023-01-01T01:00:00Z,12,\n").is_ok());
    }

    #[test]
    fn hours_become_milligrams_and_short_gaps_are_filled_and_flagged() {
        let trace = read(
            "2023-01-01T00:00:00Z,400.5,\n2023-01-01T01:00:00Z,300,250\n2023-01-01T04:00:00Z,600,\n",
        )
        .unwrap();
        let values: Vec<(u32, bool)> = trace
            .steps
            .iter()
            .map(|step| (step.average_mg_per_kwh, step.estimated))
            .collect();
        assert_eq!(
            values,
            [
                (400_500, false),
                (300_000, false),
                (400_000, true),
                (500_000, true),
                (600_000, false)
            ]
        );
        assert_eq!(trace.steps[1].marginal_mg_per_kwh, Some(250_000));
        assert_eq!(trace.end().since_ms(trace.first), 5 * 3_600_000);
        assert_eq!(trace.known_by(trace.first.after_ms(3_599_999)), 0);
    }

    #[test]
    fn what_cannot_be_read_in_any_column_is_a_mistake_and_empty_is_not_known() {
        let read = |fields: &str| {
            let text = format!(
                "timestamp_utc,carbon_intensity_gco2e_per_kwh,marginal_gco2_per_kwh,renewable_share,price_eur_per_mwh,estimated\n2023-01-01T00:00:00Z,400,,,,\n2023-01-01T01:00:00Z,400,{fields}\n"
            );
            read_trace("DE", "DE.csv", text.as_bytes()).map_err(|error| error.to_string())
        };
        let known = read("250,0.5,-3.5,true").unwrap().steps;
        let expected = Step {
            average_mg_per_kwh: 400_000,
            ..Step::default()
        };
        assert_eq!(known[0], expected);
        let expected = Step {
            marginal_mg_per_kwh: Some(250_000),
            renewable_permille: Some(500),
            price_milli_eur_per_mwh: Some(-3_500),
            estimated: true,
            ..expected
        };
        assert_eq!(known[1], expected);
        let wrong = read("n/a,54,cheap,perhaps").unwrap_err();
        for mistake in [
            "line 3: marginal_gco2_per_kwh is `n/a`; expected grams from 0 to 3000",
            "line 3: renewable_share is `54`; expected a share from 0 to 1",
            "line 3: price_eur_per_mwh is `cheap`; expected a number",
            "line 3: estimated is `perhaps`; expected 0 or 1",
        ] {
            assert!(wrong.contains(mistake), "{wrong}");
        }
    }

    #[test]
    fn a_file_says_what_it_counts() {
        let read = |first: &str, second: &str| {
            let text = format!(
                "timestamp_utc,carbon_intensity_gco2e_per_kwh,basis\n2023-01-01T00:00:00Z,400,{first}\n2023-01-01T01:00:00Z,400,{second}\n"
            );
            let trace = read_trace("DE", "DE.csv", text.as_bytes());
            trace
                .map(|trace| trace.basis.to_string())
                .map_err(|error| error.to_string())
        };
        let both = "life-cycle emissions of consumption";
        assert_eq!(read(both, both).unwrap(), both);
        assert_eq!(read(both, "").unwrap(), "basis not stated");
        let mixed = read(both, "direct emissions").unwrap_err();
        let expected = "line 3: basis is `direct emissions`, and `life-cycle emissions of consumption` in rows before";
        assert!(mixed.contains(expected), "{mixed}");
        let unknown = read("lifecycle", "").unwrap_err();
        assert!(unknown.contains("line 2: basis is `lifecycle`; expected nothing, or one of `life-cycle emissions of consumption`"), "{unknown}");
    }

    #[test]
    fn a_trace_without_any_average_is_none() {
        let empty = read("2023-01-01T00:00:00Z,,250\n2023-01-01T01:00:00Z,,250\n").unwrap_err();
        assert!(
            empty.contains("carbon_intensity_gco2e_per_kwh is empty in every row"),
            "{empty}"
        );
    }

    #[test]
    fn what_is_no_trace_is_told_with_its_line_and_what_to_do() {
        let bad = |rows: &str| read(rows).unwrap_err();
        assert!(
            bad("2023-01-01T00:00:00Z,400,\n2023-01-01T00:00:00Z,400,\n")
                .contains("line 3: its time is not after")
        );
        assert!(bad("2023-01-01T00:00:00Z,NaN,\n").contains("expected grams from 0 to 3000"));
        assert!(bad("2023-01-01T00:00:00Z,-4,\n").contains("`-4`"));
        assert!(bad("2023-01-01T00:00:00Z,400000,\n").contains("`400000`"));
        assert!(bad("1.1.2023,400,\n").contains("not a time"));
        assert!(
            bad("2023-01-01T00:00:00Z,400,\n2023-01-01T01:00:00Z,400,\n2023-01-01T09:00:00Z,1,\n")
                .contains("7 values are missing")
        );
        assert!(bad("").contains("two rows"));
        let units = read_trace("DE", "DE.csv", b"timestamp_utc,ci_lbs_per_mwh\n").unwrap_err();
        assert!(
            units
                .to_string()
                .contains("no column carbon_intensity_gco2e_per_kwh")
        );
    }
}
