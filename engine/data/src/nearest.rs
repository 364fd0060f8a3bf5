//! The nearest Parquet and CSV type for each Arrow type, so that other programs read times as times
//! and not as integers.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BinaryArray, FixedSizeBinaryArray, RecordBatch,
    RecordBatchOptions,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::Date64Type;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use sunward_workflows::quoted;

use crate::error::DataError;
use crate::instants::{DAY_MS, with_known_zone};

/// Replaces every type in a schema by the nearest one.
pub(crate) fn schema(schema: &Schema) -> Schema {
    let fields: Vec<Field> = schema.fields().iter().map(nearest_field).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

fn nearest_field(field: &FieldRef) -> Field {
    field
        .as_ref()
        .clone()
        .with_data_type(nearest(field.data_type()))
}

fn nearest(data_type: &DataType) -> DataType {
    let inner = |field: &FieldRef| Arc::new(nearest_field(field));
    if let Some(known) = with_known_zone(data_type) {
        return nearest(&known);
    }
    match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
        }
        DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Date64 => DataType::Date32,
        DataType::FixedSizeBinary(0) => DataType::Binary,
        DataType::Dictionary(_, value) => nearest(value),
        DataType::RunEndEncoded(_, value) => nearest(value.data_type()),
        DataType::List(field) => DataType::List(inner(field)),
        DataType::LargeList(field) => DataType::LargeList(inner(field)),
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(inner(field), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        other => other.clone(),
    }
}

/// Converts a batch to a schema of nearest types.
///
/// # Errors
///
/// Fails if a value does not fit, for example a `date64` with a time of day.
pub(crate) fn batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, DataError> {
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| values(column, field))
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(DataError::arrow(
        "cannot bring a table to types that other formats have",
    ))
}

fn values(column: &ArrayRef, field: &FieldRef) -> Result<ArrayRef, DataError> {
    let wanted = field.data_type();
    if column.data_type() == wanted {
        return Ok(column.clone());
    }
    let part_of_a_day = |ms: i64| ms % DAY_MS != 0;
    if let Some(dates) = column.as_primitive_opt::<Date64Type>()
        && dates.iter().flatten().any(part_of_a_day)
    {
        return Err(DataError::Unsupported(format!(
            "column {} is date64 and contains times of day, which a date cannot have; write it as timestamp[ms], or read it `as: arrow`",
            quoted(field.name())
        )));
    }
    if let Some(empty) = column.as_fixed_size_binary_opt()
        && empty.value_length() == 0
    {
        return Ok(Arc::new(unsized_bytes(empty)));
    }
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(column, wanted, &strict).map_err(DataError::arrow(format!(
        "column {} of {} has no equivalent type in this format; `as: arrow` holds it",
        quoted(field.name()),
        column.data_type()
    )))
}

fn unsized_bytes(array: &FixedSizeBinaryArray) -> BinaryArray {
    (0..array.len())
        .map(|row| array.is_valid(row).then_some(b""))
        .collect()
}
