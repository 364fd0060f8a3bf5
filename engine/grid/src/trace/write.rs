//! Adds fetched figures to a trace file without losing rows.

use std::collections::BTreeMap;

use sunward_core::Timestamp;
use sunward_core::ledger::Basis;

use super::read::{AVERAGE, BASIS, ESTIMATED, MARGINAL, PRICE, RENEWABLE, TIME, read_trace};
use super::{Step, Trace, TraceError};
use crate::moment::{moment, moment_shown};

/// The columns of a new file.
const COLUMNS: [&str; 7] = [TIME, AVERAGE, RENEWABLE, PRICE, MARGINAL, ESTIMATED, BASIS];

/// A trace file that contains these steps. Rows of `old` for other times stay, and so do its other
/// columns and the values that the steps lack. With `marginal_only`, averages stay as they are, and
/// only rows that have one change.
///
/// # Errors
///
/// Fails if the old file is not a trace, or both together are not: their steps differ in length,
/// there is a gap between them, or they count different things.
pub fn merge_trace(
    file: &str,
    old: Option<&[u8]>,
    new: &Trace,
    marginal_only: bool,
) -> Result<Vec<u8>, TraceError> {
    let wrong = |mistake: String| TraceError::Wrong {
        file: file.to_owned(),
        mistakes: vec![mistake],
    };
    let mut sheet = match old {
        Some(bytes) => {
            read_trace(&new.zone, file, bytes)?;
            Sheet::read(bytes).map_err(|error| wrong(error.to_string()))?
        }
        None => Sheet::empty(),
    };
    let mut at = new.first;
    for step in &new.steps {
        sheet.put(at, step, new.basis, marginal_only);
        at = at.after_ms(new.step_ms);
    }
    for price in &new.ahead {
        if let (Some(price), false) = (price, marginal_only) {
            sheet.set(at, [(PRICE, thousandths(*price))]);
        }
        at = at.after_ms(new.step_ms);
    }
    if let Some(kept) = sheet.other_basis(new.basis) {
        return Err(wrong(format!(
            "its rows count {kept}, and what was fetched counts {}; figures that count different things cannot be compared, so write them to another folder",
            new.basis
        )));
    }
    let bytes = sheet.bytes().map_err(|error| wrong(error.to_string()))?;
    read_trace(&new.zone, file, &bytes).map_err(|error| match (error, old) {
        (TraceError::Wrong { file, mut mistakes }, Some(_)) => {
            mistakes.push(format!(
                "there is a gap between the existing file and what was fetched ({} to {}); fetch that span too, or write to another file",
                moment_shown(new.first),
                moment_shown(new.end())
            ));
            TraceError::Wrong { file, mistakes }
        }
        (error, _) => error,
    })?;
    Ok(bytes)
}

/// The fields of a file, by row in order of time.
struct Sheet {
    header: Vec<String>,
    rows: BTreeMap<Timestamp, Vec<String>>,
}

impl Sheet {
    fn empty() -> Self {
        Self {
            header: COLUMNS.map(str::to_owned).to_vec(),
            rows: BTreeMap::new(),
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, csv::Error> {
        let mut reader = csv::Reader::from_reader(bytes);
        let fields = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
        let header: Vec<String> = fields(reader.headers()?);
        let time = header.iter().position(|name| name.trim() == TIME);
        let mut rows = BTreeMap::new();
        for record in reader.records() {
            let row: Vec<String> = fields(&record?);
            let at = time
                .and_then(|time| row.get(time))
                .and_then(|text| moment(text.trim()));
            if let Some(at) = at {
                rows.insert(at, row);
            }
        }
        Ok(Self { header, rows })
    }

    /// The position of a column, which is added if missing.
    fn column(&mut self, name: &str) -> usize {
        if let Some(at) = self.header.iter().position(|one| one.trim() == name) {
            return at;
        }
        self.header.push(name.to_owned());
        for row in self.rows.values_mut() {
            row.push(String::new());
        }
        self.header.len() - 1
    }

    fn put(&mut self, at: Timestamp, step: &Step, basis: Basis, marginal_only: bool) {
        let mut fields = Vec::new();
        if !marginal_only {
            let flag = if step.estimated { "1" } else { "0" };
            fields.extend([
                (AVERAGE, Some(thousandths(step.average_mg_per_kwh.into()))),
                (ESTIMATED, Some(flag.to_owned())),
                (BASIS, self.basis_field(basis)),
                (
                    RENEWABLE,
                    step.renewable_permille
                        .map(|share| thousandths(share.into())),
                ),
                (PRICE, step.price_milli_eur_per_mwh.map(thousandths)),
            ]);
        } else if !self.rows.contains_key(&at) {
            return;
        }
        let marginal = step.marginal_mg_per_kwh;
        fields.push((MARGINAL, marginal.map(|mg| thousandths(mg.into()))));
        let known = fields.into_iter();
        self.set(at, known.filter_map(|(name, value)| Some((name, value?))));
    }

    /// Sets fields of a row, which is added if missing.
    fn set(&mut self, at: Timestamp, fields: impl IntoIterator<Item = (&'static str, String)>) {
        let time = (TIME, moment_shown(at));
        for (name, value) in std::iter::once(time).chain(fields) {
            let column = self.column(name);
            let width = self.header.len();
            let row = self
                .rows
                .entry(at)
                .or_insert_with(|| vec![String::new(); width]);
            if let Some(field) = row.get_mut(column) {
                *field = value;
            }
        }
    }

    /// What to write for a basis. One that states nothing empties the field, if there is one.
    fn basis_field(&self, basis: Basis) -> Option<String> {
        if basis != Basis::default() {
            return Some(basis.to_string());
        }
        let has_column = self.header.iter().any(|name| name.trim() == BASIS);
        has_column.then(String::new)
    }

    /// The basis that a row states, if it is not this one. A basis that states nothing differs from
    /// none.
    fn other_basis(&self, basis: Basis) -> Option<Basis> {
        let column = self.header.iter().position(|name| name.trim() == BASIS)?;
        let fields = self.rows.values().filter_map(|row| row.get(column));
        let mut stated = fields.filter_map(|field| Basis::of_words(field.trim()));
        stated.find(|stated| basis != Basis::default() && *stated != basis)
    }

    fn bytes(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.header)?;
        for row in self.rows.values() {
            writer.write_record(row)?;
        }
        writer
            .into_inner()
            .map_err(|error| error.into_error().into())
    }
}

/// `213790` as `213.79`.
fn thousandths(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (value.unsigned_abs() / 1000, value.unsigned_abs() % 1000);
    let text = format!("{sign}{whole}.{rest:03}");
    let text = text.trim_end_matches('0');
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use sunward_core::Timestamp;

    use sunward_core::ledger::{Basis, Factors, Flow};

    use super::{Step, Trace, merge_trace, read_trace, thousandths};

    const HOUR_MS: u64 = 3_600_000;
    /// 2023-01-01T00:00:00Z.
    const NEW_YEAR: u64 = 1_672_531_200_000;

    fn trace(hour: u64, values: &[u32]) -> Trace {
        let step = |mg: &u32| Step {
            average_mg_per_kwh: *mg,
            marginal_mg_per_kwh: Some(mg + 1),
            ..Step::default()
        };
        Trace {
            zone: "DE".into(),
            basis: Basis::default(),
            first: Timestamp(NEW_YEAR + hour * HOUR_MS),
            step_ms: HOUR_MS,
            steps: values.iter().map(step).collect(),
            ahead: Vec::new(),
            weather: crate::weather::Weather::default(),
        }
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let new = trace(0, &[213_790, 70_000, 5]);
        let bytes = merge_trace("DE.csv", None, &new, false).unwrap();
        assert_eq!(read_trace("DE", "DE.csv", &bytes).unwrap(), new);
    }

    #[test]
    fn other_rows_and_columns_stay() {
        let old = "wind,timestamp_utc,carbon_intensity_gco2e_per_kwh\n\
            7,2023-01-01T00:00:00Z,400.5\n8,2023-01-01T01:00:00Z,300\n";
        let merged = |new: &Trace, marginal_only| {
            merge_trace("DE.csv", Some(old.as_bytes()), new, marginal_only).map(text)
        };
        assert_eq!(
            merged(&trace(1, &[1000, 2000]), false).unwrap(),
            "wind,timestamp_utc,carbon_intensity_gco2e_per_kwh,estimated,marginal_gco2_per_kwh\n\
            7,2023-01-01T00:00:00Z,400.5,,\n\
            8,2023-01-01T01:00:00Z,1,0,1.001\n\
            ,2023-01-01T02:00:00Z,2,0,2.001\n"
        );
        assert_eq!(
            merged(&trace(1, &[1000, 2000]), true).unwrap(),
            "wind,timestamp_utc,carbon_intensity_gco2e_per_kwh,marginal_gco2_per_kwh\n\
            7,2023-01-01T00:00:00Z,400.5,\n\
            8,2023-01-01T01:00:00Z,300,1.001\n"
        );
        let far = merged(&trace(40, &[1000, 2000]), false).unwrap_err();
        assert!(far.to_string().contains("there is a gap between"), "{far}");
    }

    #[test]
    fn rows_of_different_bases_are_never_in_one_file() {
        let of = |flow, hour| Trace {
            basis: Basis {
                factors: Factors::Direct,
                flow,
            },
            ..trace(hour, &[100_000, 200_000])
        };
        let merged = |old: &[u8], new: &Trace| merge_trace("DE.csv", Some(old), new, false);
        let read = |bytes: &[u8]| read_trace("DE", "DE.csv", bytes).unwrap();
        let old = merge_trace("DE.csv", None, &of(Flow::Generation, 0), false).unwrap();
        assert_eq!(read(&old), of(Flow::Generation, 0));

        let refused = merged(&old, &of(Flow::Consumption, 2))
            .unwrap_err()
            .to_string();
        let expected = "its rows count direct emissions of generation, and what was fetched counts direct emissions of consumption";
        assert!(refused.contains(expected), "{refused}");
        assert!(!refused.contains("gap"), "{refused}");

        // All rows are replaced, so that nothing is mixed.
        let replaced = merged(&old, &of(Flow::Consumption, 0)).unwrap();
        assert_eq!(read(&replaced), of(Flow::Consumption, 0));

        // Of a file in which some rows state nothing, the basis is not known.
        let vague = merged(&old, &trace(2, &[100_000, 200_000])).unwrap();
        assert_eq!(read(&vague).basis, Basis::default());
        let grown = merged(&vague, &of(Flow::Generation, 2)).unwrap();
        assert_eq!(read(&grown).basis, of(Flow::Generation, 0).basis);
    }

    #[test]
    fn figures_are_written_without_needless_noughts() {
        let all = [0, 5, 1000, 213_790, -1500].map(thousandths);
        assert_eq!(all, ["0", "0.005", "1", "213.79", "-1.5"]);
    }
}
