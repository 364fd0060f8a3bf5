//! The results of `eof` as tables.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow_schema::{DataType, Field as ArrowField, FieldRef, Schema};

use super::decompose::Modes;
use crate::grid::{Field, FloatKind, with_values};
use crate::{KernelError, Outputs, Table};

pub(super) fn outputs(
    field: &Field<'_>,
    modes: &Modes,
    patterns: Vec<Vec<f64>>,
) -> Result<Outputs, KernelError> {
    Ok(Outputs::new()
        .with("index", index(field, modes)?)
        .with("pcs", components(field, modes)?)
        .with("patterns", pattern_table(field, patterns)?)
        .with("variance", variance(modes)?))
}

fn numbers() -> impl Iterator<Item = i32> {
    1..=i32::MAX
}

fn nullable(name: &str, data_type: DataType) -> ArrowField {
    ArrowField::new(name, data_type, true)
}

/// The input's other columns, in one batch.
fn others(field: &Field<'_>) -> Result<RecordBatch, KernelError> {
    let keep: Vec<usize> = (0..field.table.schema.fields().len())
        .filter(|&i| i != field.column())
        .collect();
    let schema = Arc::new(field.table.schema.project(&keep)?);
    let batches: Result<Vec<RecordBatch>, _> = field
        .table
        .batches
        .iter()
        .map(|batch| batch.project(&keep))
        .collect();
    Ok(concat_batches(&schema, &batches?)?)
}

fn index(field: &Field<'_>, modes: &Modes) -> Result<Table, KernelError> {
    let others = others(field)?;
    let years: ArrayRef = match others.column_by_name("year") {
        Some(years) => cast(years, &DataType::Int32)?,
        None => Arc::new(Int32Array::new_null(others.num_rows())),
    };
    let first = modes.components.first().cloned().unwrap_or_default();
    let schema = Schema::new(vec![
        nullable("year", DataType::Int32),
        nullable("index", DataType::Float64),
    ]);
    Table::from_columns(schema, vec![years, Arc::new(Float64Array::from(first))])
}

fn components(field: &Field<'_>, modes: &Modes) -> Result<Table, KernelError> {
    let others = others(field)?;
    let mut fields: Vec<FieldRef> = others.schema().fields().to_vec();
    let mut columns = others.columns().to_vec();
    for (mode, component) in numbers().zip(&modes.components) {
        fields.push(Arc::new(nullable(&format!("pc{mode}"), DataType::Float64)));
        columns.push(Arc::new(Float64Array::from(component.clone())));
    }
    Table::from_columns(Schema::new(fields), columns)
}

fn pattern_table(field: &Field<'_>, patterns: Vec<Vec<f64>>) -> Result<Table, KernelError> {
    let count = patterns.len();
    let value = field.tensors(FloatKind::Double)?;
    let values: ArrayRef = Arc::new(Float64Array::from(patterns.concat()));
    let values = with_values(&value, values, count)?;
    let modes: ArrayRef = Arc::new(Int32Array::from_iter_values(numbers().take(count)));
    let fields = vec![nullable("mode", DataType::Int32), value];
    let metadata = field.table.schema.metadata().clone();
    Table::from_columns(
        Schema::new_with_metadata(fields, metadata),
        vec![modes, values],
    )
}

fn variance(modes: &Modes) -> Result<Table, KernelError> {
    let count = modes.eigenvalues.len();
    let schema = Schema::new(vec![
        nullable("mode", DataType::Int32),
        nullable("fraction", DataType::Float64),
        nullable("eigenvalue", DataType::Float64),
    ]);
    Table::from_columns(
        schema,
        vec![
            Arc::new(Int32Array::from_iter_values(numbers().take(count))),
            Arc::new(Float64Array::from(modes.fractions.clone())),
            Arc::new(Float64Array::from(modes.eigenvalues.clone())),
        ],
    )
}
