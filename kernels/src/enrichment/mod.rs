//! `enrichment`: how early a ranking finds the active rows.

mod entry;
mod metrics;

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{AsArray, Float64Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::Float64Type;
use arrow_schema::{DataType, Field, Schema};
use sunward_workflows::catalog::KernelEntry;

use self::metrics::Metrics;
use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params, Table};

const PORT: &str = "ranking";

/// The kernel.
pub(crate) struct Enrichment {
    entry: KernelEntry,
}

impl Enrichment {
    pub(crate) fn new() -> Self {
        Self {
            entry: entry::entry(),
        }
    }
}

impl Kernel for Enrichment {
    fn entry(&self) -> &KernelEntry {
        &self.entry
    }

    fn run(
        &self,
        inputs: &Inputs,
        with: &Params,
        context: &Context,
    ) -> Result<Outputs, KernelError> {
        inputs.check(&self.entry)?;
        let table = inputs.need(&self.entry, PORT)?;
        let mut scores = scores(table, with.text("score")?)?;
        let flag = with.text("active")?;
        let active = flags(table, flag)?;
        context.check()?;
        if with.text("order")? == "ascending" {
            scores.iter_mut().for_each(|score| *score = -*score);
        }
        let mut order: Vec<usize> = (0..scores.len()).collect();
        // The sort is stable: equal rows keep their order.
        order.sort_by(|&a, &b| best_first(scores[a], scores[b]));
        let ranked: Vec<bool> = order.into_iter().filter_map(|row| active[row]).collect();
        let metrics = answer(Metrics::of(&ranked), ranked.len())?;
        Ok(Outputs::new()
            .with("metrics", metrics)
            .with("rejects", rejects(&active, flag)?))
    }
}

/// Rows whose activity is unknown.
fn rejects(active: &[Option<bool>], flag: &str) -> Result<Table, KernelError> {
    let rows = (0_i64..).zip(active);
    let rows: Int64Array = rows
        .filter_map(|(row, active)| active.is_none().then_some(row))
        .collect();
    let reason = format!("whether it is active is not known: `{flag}` is null");
    let reasons: StringArray = std::iter::repeat_n(Some(reason), rows.len()).collect();
    let schema = Schema::new(vec![
        Field::new("row", DataType::Int64, false),
        Field::new("reason", DataType::Utf8, false),
    ]);
    Table::from_columns(schema, vec![Arc::new(rows), Arc::new(reasons)])
}

/// Higher scores come first, NaN last.
fn best_first(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// The scores; null becomes NaN.
fn scores(table: &Table, name: &str) -> Result<Vec<f64>, KernelError> {
    let column = table.column(PORT, name, "the score to rank by, a number")?;
    let found = table.schema.field(column).data_type();
    if !found.is_numeric() {
        return Err(wrong_type(name, "a number", found));
    }
    let mut scores = Vec::with_capacity(table.rows());
    for batch in &table.batches {
        let values = cast(batch.column(column), &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        scores.extend(values.iter().map(|value| value.unwrap_or(f64::NAN)));
    }
    Ok(scores)
}

/// Which rows are active, if known.
fn flags(table: &Table, name: &str) -> Result<Vec<Option<bool>>, KernelError> {
    let column = table.column(PORT, name, "bool, which rows are active")?;
    let found = table.schema.field(column).data_type();
    if *found != DataType::Boolean {
        return Err(wrong_type(name, "bool", found));
    }
    let mut flags = Vec::with_capacity(table.rows());
    for batch in &table.batches {
        flags.extend(batch.column(column).as_boolean());
    }
    Ok(flags)
}

fn wrong_type(column: &str, expected: &str, found: &DataType) -> KernelError {
    KernelError::ColumnType {
        port: PORT.to_owned(),
        column: column.to_owned(),
        expected: expected.to_owned(),
        found: found.to_string(),
    }
}

fn answer(metrics: Metrics, rows: usize) -> Result<Table, KernelError> {
    let real = |name: &str| Field::new(name, DataType::Float64, true);
    let schema = Schema::new(vec![
        real("ef1_percent"),
        real("ef5_percent"),
        real("auc"),
        real("bedroc20"),
        Field::new("ranked", DataType::Int64, false),
    ]);
    let one = |value: Option<f64>| Arc::new(Float64Array::from(vec![value]));
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Table::from_columns(
        schema,
        vec![
            one(metrics.ef1),
            one(metrics.ef5),
            one(metrics.auc),
            one(metrics.bedroc20),
            Arc::new(Int64Array::from(vec![rows])),
        ],
    )
}
