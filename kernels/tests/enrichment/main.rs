//! `enrichment` compared with RDKit's ML.Scoring (from `scoring.py`), with ties, and with wrong
//! input.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "tests"
)]

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use arrow_schema::{Field, Schema};
use sunward_kernels::{Context, Inputs, KernelError, Params, Table, library};
use sunward_workflows::value::Value;

fn table(sim: ArrayRef, active: ArrayRef) -> Table {
    let schema = Schema::new(vec![
        Field::new("sim", sim.data_type().clone(), true),
        Field::new("active", active.data_type().clone(), true),
    ]);
    Table::from_columns(schema, vec![sim, active]).unwrap()
}

/// The metrics, and the rejects as `row: reason`.
fn run(table: Table, with: &[(&str, &str)]) -> Result<(Table, Vec<String>), KernelError> {
    let kernel = library().get("enrichment").unwrap();
    let text = |value: &&str| Value::String((*value).to_owned());
    let with = Params::resolve(kernel.entry(), with.iter().map(|(k, v)| (*k, text(v))))?;
    let inputs = Inputs::new().with("ranking", table);
    let mut outputs = kernel.run(&inputs, &with, &Context::new(1))?;
    let rejects = outputs.take("rejects").unwrap();
    let lines = rejects.batches.iter().flat_map(|batch| {
        let rows = batch.column(0).as_primitive::<Int64Type>().iter();
        let reasons = batch.column(1).as_string::<i32>().iter();
        let lines = rows.zip(reasons);
        lines.map(|(row, reason)| format!("{}: {}", row.unwrap(), reason.unwrap()))
    });
    Ok((outputs.take("metrics").unwrap(), lines.collect()))
}

/// The four metrics and the number of rows.
fn metrics(table: &Table) -> ([Option<f64>; 4], i64) {
    let names: Vec<&str> = table.schema.fields().iter().map(|f| &**f.name()).collect();
    let expected = ["ef1_percent", "ef5_percent", "auc", "bedroc20", "ranked"];
    assert_eq!(names, expected);
    assert_eq!(table.rows(), 1);
    let value = |i: usize| {
        let column = table.batches[0].column(i);
        (!column.is_null(0)).then(|| column.as_primitive::<Float64Type>().value(0))
    };
    let ranked = table.batches[0].column(4).as_primitive::<Int64Type>();
    ([value(0), value(1), value(2), value(3)], ranked.value(0))
}

fn of(sim: &[Option<f64>], active: &[bool], with: &[(&str, &str)]) -> ([Option<f64>; 4], i64) {
    let sim: ArrayRef = Arc::new(Float64Array::from(sim.to_vec()));
    let active: ArrayRef = Arc::new(BooleanArray::from(active.to_vec()));
    let (table, rejects) = run(table(sim, active), with).unwrap();
    assert!(rejects.is_empty(), "{rejects:?}");
    metrics(&table)
}

#[test]
fn metrics_are_those_of_rdkit() {
    let answers: Vec<Vec<f64>> = serde_json::from_str(include_str!("scoring.json")).unwrap();
    assert_eq!(answers.len(), 4);
    for answer in answers {
        let [rows, seed, modulus, part] = [0, 1, 2, 3].map(|i: usize| answer[i] as u64);
        let active: Vec<bool> = (0..rows)
            .map(|i| (i * i * 7 + i * seed) % modulus < part)
            .collect();
        // The ranking is reversed, so that there is something to rank.
        let sim: Vec<Option<f64>> = (0..rows).map(|i| Some(i as f64)).collect();
        let backwards: Vec<bool> = active.iter().rev().copied().collect();
        for (active, order) in [(&active, "ascending"), (&backwards, "descending")] {
            let (found, ranked) = of(&sim, active, &[("order", order)]);
            assert_eq!(ranked as u64, rows);
            for (found, expected) in found.iter().zip(&answer[4..]) {
                let found = found.unwrap();
                assert!(
                    (found - expected).abs() <= 1e-12 * expected.abs(),
                    "{found} {answer:?}"
                );
            }
        }
    }
}

#[test]
fn equals_keep_their_order_and_missing_scores_come_last() {
    let auc =
        |sim: &[Option<f64>], active: &[bool], order| of(sim, active, &[("order", order)]).0[2];
    let tied = [Some(0.5), Some(0.5)];
    assert_eq!(auc(&tied, &[true, false], "descending"), Some(1.0));
    assert_eq!(auc(&tied, &[false, true], "descending"), Some(0.0));
    for order in ["ascending", "descending"] {
        let missing = [None, Some(f64::NAN), Some(-1.0)];
        assert_eq!(auc(&missing, &[false, false, true], order), Some(1.0));
        // Infinities are scores. One is the best, the other the worst except for missing ones.
        let infinite = [
            Some(f64::NEG_INFINITY),
            Some(0.0),
            Some(f64::INFINITY),
            None,
        ];
        let first = order == "descending";
        let active = [!first, false, first, false];
        assert_eq!(auc(&infinite, &active, order), Some(1.0));
    }
}

#[test]
fn rankings_without_actives_or_without_rows_have_no_metrics() {
    assert_eq!(of(&[], &[], &[]), ([None; 4], 0));
    assert_eq!(of(&[Some(1.0)], &[false], &[]), ([None; 4], 1));
    assert_eq!(
        of(&[Some(1.0)], &[true], &[]),
        ([Some(1.0), Some(1.0), None, None], 1)
    );
}

#[test]
fn rows_that_nobody_knows_of_whether_they_are_active_are_rejected() {
    let sim: ArrayRef = Arc::new(Float64Array::from(vec![9.0, 3.0, 5.0, 2.0, 1.0]));
    let active: ArrayRef = Arc::new(BooleanArray::from(vec![
        None,
        Some(false),
        Some(true),
        None,
        Some(false),
    ]));
    let (found, rejects) = run(table(sim, active), &[]).unwrap();
    assert_eq!(
        metrics(&found),
        of(
            &[Some(3.0), Some(5.0), Some(1.0)],
            &[false, true, false],
            &[]
        )
    );
    let why = "whether it is active is not known: `active` is null";
    assert_eq!(rejects, [format!("0: {why}"), format!("3: {why}")]);
}

#[test]
fn wrong_columns_are_refused() {
    let sim: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
    let active: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let refused = |table: Table, with: &[(&str, &str)]| run(table, with).unwrap_err().to_string();
    let score = refused(table(Arc::clone(&text), Arc::clone(&active)), &[]);
    assert!(score.contains("must be a number"), "{score}");
    let flag = refused(table(Arc::clone(&sim), text), &[]);
    assert!(flag.contains("must be bool"), "{flag}");
    let missing = refused(table(sim, active), &[("score", "affinity")]);
    assert!(missing.contains("no column `affinity`"), "{missing}");
}
