//! `topk_merge` on any tables.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use arrow_schema::{DataType, Field, Schema};
use sunward_kernels::{Context, Inputs, KernelError, Params, Table, library};
use sunward_workflows::value::Value;

fn merge(table: Table, with: &[(&str, Value)]) -> Result<Table, KernelError> {
    let kernel = library().get("topk_merge").unwrap();
    let with = Params::resolve(
        kernel.entry(),
        with.iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    )?;
    let inputs = Inputs::new().with("hits", table);
    Ok(kernel
        .run(&inputs, &with, &Context::default())?
        .take("hits")
        .unwrap())
}

fn poses() -> Table {
    let receptor: ArrayRef = Arc::new(StringArray::from(vec!["x", "y", "x", "x", "y", "x"]));
    let pose: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 2, 3, 4, 5]));
    let affinity: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(-3.0),
        Some(-9.0),
        None,
        Some(-7.5),
        Some(f64::NAN),
        Some(-7.5),
    ]));
    let schema = Schema::new(vec![
        Field::new("receptor", DataType::Utf8, true),
        Field::new("pose", DataType::Int64, true),
        Field::new("affinity", DataType::Float64, true),
    ]);
    Table::from_columns(schema, vec![receptor, pose, affinity]).unwrap()
}

fn text(s: &str) -> Value {
    Value::String(s.to_owned())
}

fn chosen(table: &Table) -> (Vec<i64>, Vec<i32>) {
    let batch = &table.batches[0];
    let poses = batch
        .column_by_name("pose")
        .unwrap()
        .as_primitive::<Int64Type>();
    let ranks = batch
        .column_by_name("rank")
        .unwrap()
        .as_primitive::<Int32Type>();
    (poses.values().to_vec(), ranks.values().to_vec())
}

#[test]
fn the_lowest_scores_of_each_group_win_and_missing_ones_come_last() {
    let with = [
        ("by", text("receptor")),
        ("score", text("affinity")),
        ("order", text("ascending")),
    ];
    let merged = merge(poses(), &with).unwrap();
    assert_eq!(
        chosen(&merged),
        (vec![3, 5, 0, 2, 1, 4], vec![1, 2, 3, 4, 1, 2])
    );
    let scores = merged.batches[0].column_by_name("affinity").unwrap();
    assert!((scores.as_primitive::<Float64Type>().value(0) + 7.5).abs() < f64::EPSILON);
}

#[test]
fn all_rows_rank_together_without_a_group() {
    let with = [
        ("k", Value::Int(2)),
        ("by", text("none")),
        ("score", text("affinity")),
        ("order", text("ascending")),
    ];
    assert_eq!(
        chosen(&merge(poses(), &with).unwrap()),
        (vec![1, 3], vec![1, 2])
    );
}

#[test]
fn a_group_may_be_several_columns() {
    let with = [("by", text("receptor, pose")), ("score", text("pose"))];
    let merged = merge(poses(), &with).unwrap();
    assert_eq!(chosen(&merged), (vec![0, 1, 2, 3, 4, 5], vec![1; 6]));
}

#[test]
fn columns_that_are_not_there_or_no_numbers_are_named() {
    let error = merge(poses(), &[]).unwrap_err().to_string();
    assert!(error.contains("no column `sim`"), "{error}");
    let error = merge(poses(), &[("score", text("affinity"))])
        .unwrap_err()
        .to_string();
    assert!(error.contains("no column `query`"), "{error}");
    let error = merge(
        poses(),
        &[("score", text("receptor")), ("by", text("none"))],
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `receptor` of input `hits` is Utf8, but must be a number; convert it before this stage"
    );
    let error = merge(poses(), &[("k", Value::Int(0))])
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "parameter `k` of kernel `topk_merge` is 0, but must be a whole number from 1 to 10000000"
    );
    let error = merge(poses(), &[("kk", Value::Int(1))])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`with:` takes: k, by, score, order"),
        "{error}"
    );
}

/// One score in each row, all in one group.
fn scored(scores: &[f64]) -> Table {
    let column: ArrayRef = Arc::new(Float64Array::from(scores.to_vec()));
    let pose: ArrayRef = Arc::new(Int64Array::from_iter_values(0..scores.len() as i64));
    let schema = Schema::new(vec![
        Field::new("pose", DataType::Int64, true),
        Field::new("sim", DataType::Float64, true),
    ]);
    Table::from_columns(schema, vec![pose, column]).unwrap()
}

#[test]
fn ties_at_the_last_place_go_to_the_first_rows_and_infinities_are_scores() {
    let infinite = f64::INFINITY;
    let table = scored(&[1.0, -infinite, f64::NAN, 2.0, 1.0, infinite, 1.0]);
    let best = |k: i64, order: &str| {
        let with = [
            ("k", Value::Int(k)),
            ("by", text("none")),
            ("order", text(order)),
        ];
        chosen(&merge(table.clone(), &with).unwrap()).0
    };
    assert_eq!(best(3, "descending"), [5, 3, 0]);
    assert_eq!(best(4, "descending"), [5, 3, 0, 4]);
    assert_eq!(best(3, "ascending"), [1, 0, 4]);
    // More rows are wanted than there are. NaN comes last.
    assert_eq!(best(100, "descending"), [5, 3, 0, 4, 6, 1, 2]);
    let one = merge(scored(&[f64::NAN]), &[("by", text("none"))]).unwrap();
    assert_eq!(chosen(&one), (vec![0], vec![1]));
    let none = merge(scored(&[]), &[("by", text("none"))]).unwrap();
    assert_eq!(none.rows(), 0);
}
