//! SMILES and SDF files are read as RDKit reads them: the number of records, names, atoms, charges,
//! coordinates and data items. `../shared/oracles/chem_readers.py` made the expectation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    dead_code,
    reason = "tests say what they expect by panicking, and what did not run"
)]

mod bench;
#[path = "sdf/records.rs"]
mod records;

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use bench::Bench;
use records::{charges, columns, elements, texts, xyz};
use serde_json::Value;

/// The shared folder with what RDKit read, by file, if they are there.
fn oracle() -> Option<(PathBuf, BTreeMap<String, Value>)> {
    let shared = std::env::var_os("SUNWARD_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = shared.join("oracles/results/chem_readers.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "NOT RUN: {} is not there; set SUNWARD_SHARED",
            path.display()
        );
        return None;
    };
    let all: Value = serde_json::from_str(&text).unwrap();
    let files = all["files"].as_object().unwrap().clone();
    Some((shared, files.into_iter().collect()))
}

/// Our reading of each file of a kind, beside RDKit's.
fn readings(ending: &str) -> Vec<(String, RecordBatch, Vec<Value>)> {
    let Some((shared, files)) = oracle() else {
        return Vec::new();
    };
    let of_kind = files.into_iter().filter(|(name, _)| name.ends_with(ending));
    let read = |(name, known): (String, Value)| {
        let bench = Bench::new();
        let path = shared.join(&name).display().to_string();
        let table = bench.read(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name, bench.rows(&table), known.as_array().unwrap().clone())
    };
    let readings: Vec<_> = of_kind.map(read).collect();
    assert!(readings.len() >= 3, "{}", readings.len());
    readings
}

#[test]
fn names_of_smiles_are_those_of_rdkit() {
    for (name, batch, known) in readings(".smi") {
        // What RDKit cannot read, such as a header, is no row of its.
        let known: Vec<&Value> = known.iter().filter(|row| !row.is_null()).collect();
        let found = texts(&batch, "id");
        let reactions = texts(&batch, "smiles");
        let found: Vec<String> = found
            .into_iter()
            .zip(reactions)
            .filter(|(_, smiles)| !smiles.as_deref().unwrap_or_default().contains('>'))
            .map(|(id, _)| id.unwrap_or_default())
            .collect();
        assert_eq!(found.len(), known.len(), "{name}");
        for (row, (found, known)) in found.iter().zip(known).enumerate() {
            assert_eq!(*found, known["id"], "{name}, molecule {row}");
        }
    }
}

#[test]
fn records_of_sdf_are_those_of_rdkit() {
    for (name, batch, known) in readings(".sdf") {
        assert_eq!(batch.num_rows(), known.len(), "{name}");
        let (names, problems) = (texts(&batch, "id"), texts(&batch, "problem"));
        for (row, known) in known.iter().enumerate() {
            let place = format!("{name}, record {row}");
            assert_eq!(problems[row], None, "{place}");
            // A record without a name has its number.
            let number = (row + 1).to_string();
            let name = Some(known["id"].as_str().unwrap().trim()).filter(|name| !name.is_empty());
            assert_eq!(names[row].as_deref(), name.or(Some(&number)), "{place}");
            let symbols: Vec<&str> = strings(&known["elements"]);
            assert_eq!(elements(&batch, row), symbols, "{place}");
            let expected: Vec<i64> = list(&known["charges"], Value::as_i64);
            let found: Vec<i64> = charges(&batch, row).into_iter().map(i64::from).collect();
            assert_eq!(found, expected, "{place}");
            let expected: Vec<f64> = list(&known["xyz"], Value::as_f64);
            let found = xyz(&batch, row);
            assert_eq!(found.len(), expected.len(), "{place}");
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6;
            assert!(found.iter().zip(&expected).all(near), "{place}");
            assert_eq!(items(&batch, row), expected_items(known), "{place}");
        }
    }
}

fn list<T>(values: &Value, each: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    let values = values.as_array().unwrap().iter();
    values.map(|value| each(value).unwrap()).collect()
}

fn strings(values: &Value) -> Vec<&str> {
    let values = values.as_array().unwrap().iter();
    values.map(|value| value.as_str().unwrap()).collect()
}

fn items(batch: &RecordBatch, row: usize) -> BTreeMap<String, String> {
    let names = columns(batch).into_iter().skip(5);
    names
        .filter_map(|column| {
            let value = texts(batch, &column)[row].clone()?;
            let name = column.strip_prefix("property_").unwrap_or(&column);
            Some((name.to_owned(), value))
        })
        .collect()
}

fn expected_items(known: &Value) -> BTreeMap<String, String> {
    let items = known["items"].as_object().unwrap().iter();
    items
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}
