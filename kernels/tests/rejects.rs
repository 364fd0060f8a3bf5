//! `tanimoto_topk` with rows without a fingerprint.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryBuilder, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use sunward_kernels::{Context, FingerprintIndex, Inputs, Outputs, Params, Table, library};
use sunward_workflows::value::Value;

fn run(inputs: &Inputs, with: &[(&str, Value)]) -> Outputs {
    let kernel = library().get("tanimoto_topk").unwrap();
    let pairs = with.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    let with = Params::resolve(kernel.entry(), pairs).unwrap();
    kernel.run(inputs, &with, &Context::new(2)).unwrap()
}

/// A table of these ids and fingerprints.
fn holed(ids: ArrayRef, bits: &[Option<u8>]) -> RecordBatch {
    let mut column = FixedSizeBinaryBuilder::new(8);
    for bits in bits {
        match bits {
            Some(bits) => column.append_value([*bits; 8]).unwrap(),
            None => column.append_null(),
        }
    }
    let schema = Schema::new(vec![
        Field::new("id", ids.data_type().clone(), true),
        Field::new("bits", DataType::FixedSizeBinary(8), true),
    ]);
    RecordBatch::try_new(Arc::new(schema), vec![ids, Arc::new(column.finish())]).unwrap()
}

fn names(ids: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(ids.to_vec()))
}

/// The rows of a table as text, with commas between cells.
fn rows_of(table: &Table) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in &table.batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter();
            let cells = cells.map(|c| arrow::util::display::array_value_to_string(c, row).unwrap());
            rows.push(cells.collect::<Vec<_>>().join(","));
        }
    }
    rows
}

#[test]
fn rows_without_a_fingerprint_are_rejected_and_the_rest_is_as_without_them() {
    let parts = [
        holed(names(&["a", "none"]), &[Some(0b111), None]),
        holed(names(&["alone"]), &[None]),
        holed(
            names(&["b", "gap", "c", "d"]),
            &[Some(0b101), None, Some(0), Some(0b111)],
        ),
    ];
    let table = |batches: Vec<RecordBatch>| Table::new(batches[0].schema(), batches);
    let full = table(vec![holed(
        names(&["a", "b", "c", "d"]),
        &[Some(0b111), Some(0b101), Some(0), Some(0b111)],
    )]);
    let queries = table(vec![holed(names(&["x", "q"]), &[None, Some(0b111)])]);
    let query = table(vec![holed(names(&["q"]), &[Some(0b111)])]);
    for fuse in ["none", "max"] {
        let with = [("fuse", Value::String(fuse.into()))];
        let search = |library: &Table, queries: &Table| {
            let inputs = Inputs::new()
                .with("library", library.clone())
                .with("queries", queries.clone());
            run(&inputs, &with)
        };
        let holed = search(&table(parts.to_vec()), &queries);
        let whole = search(&full, &query);
        assert_eq!(
            rows_of(holed.get("hits").unwrap()),
            rows_of(whole.get("hits").unwrap())
        );
        let why = "it has no fingerprint: `bits` is null";
        let expected = ["library,none", "library,alone", "library,gap", "queries,x"];
        let expected = expected.map(|row| format!("{row},{why}"));
        assert_eq!(rows_of(holed.get("rejects").unwrap()), expected);
        assert_eq!(whole.get("rejects").unwrap().rows(), 0);
    }
}

#[test]
fn nothing_but_rejects_is_no_error_and_ids_of_two_types_are_told_as_text() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None]));
    let library = holed(numbers, &[None, None]);
    let queries = holed(names(&["q"]), &[None]);
    let table = |batch: RecordBatch| Table::new(batch.schema(), vec![batch]);
    let inputs = Inputs::new()
        .with("library", table(library.clone()))
        .with("queries", table(queries));
    let outputs = run(&inputs, &[]);
    assert_eq!(outputs.get("hits").unwrap().rows(), 0);
    let rejects = rows_of(outputs.get("rejects").unwrap());
    let ids: Vec<&str> = rejects
        .iter()
        .map(|r| r.split(',').nth(1).unwrap())
        .collect();
    assert_eq!(ids, ["7", "", "q"]);
    // The index refers to rows by number, so none may be missing.
    let inputs = Inputs::new().with("library", table(library));
    let error = FingerprintIndex::build(&inputs, &Context::new(1))
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("`bits` of input `library` is null in row 0"),
        "{error}"
    );
}
