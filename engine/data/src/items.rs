//! Rows as plain values. A task of a scatter with one row per task gets such a value as its `item`.

use std::collections::BTreeSet;

use arrow::array::{Array, ArrayRef, AsArray as _, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_schema::DataType;
use sunward_core::Dataset;
use sunward_workflows::Value;

use crate::adopt::as_declared;
use crate::error::DataError;
use crate::halt::Halt;
use crate::instants;
use crate::source::{SourceOptions, local_path, open_guarded};
use crate::store::Store;
use crate::written::TextRows;

impl Store {
    /// Returns every row as a map from column name to value.
    ///
    /// Binary columns become lowercase hex. Dates and times become text. A `float32` becomes the
    /// shortest decimal that identifies it. A decimal becomes a number that prints with all its
    /// digits; without a fraction and beyond 64 bits it becomes text, as such integers do
    /// everywhere. A map becomes a map if its keys are different texts, otherwise a list of pairs. A
    /// cell of a table that was written as CSV prints as it is in the file.
    ///
    /// # Errors
    ///
    /// Fails if there are more than `limit` rows, or a part is missing or damaged.
    pub fn items(&self, dataset: &Dataset, limit: u64) -> Result<Vec<Value>, DataError> {
        if dataset.rows > limit {
            return Err(DataError::Unsupported(format!(
                "the table has {} rows, too many for one task per row (at most {limit}); say how many rows each task takes: `scatter: {{ over: …, rows: 1000 }}`",
                dataset.rows
            )));
        }
        let table = self.table(dataset)?;
        let names = table.column_names();
        let mut texts = TextRows::of(self, dataset, &names)?;
        let mut items = Vec::with_capacity(usize::try_from(table.rows()).unwrap_or(0));
        for batch in table.batches(None) {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                let cells = match &mut texts {
                    Some(texts) => texts.next()?,
                    None => None,
                };
                let fields = names
                    .iter()
                    .zip(batch.columns())
                    .enumerate()
                    .map(|(at, (name, column))| {
                        let value = value_at(column, row)?;
                        let cell = cells.as_ref().and_then(|cells| cells.get(at));
                        Ok((
                            name.clone(),
                            match cell {
                                Some(cell) => as_written(value, cell),
                                None => value,
                            },
                        ))
                    })
                    .collect::<Result<_, DataError>>()?;
                items.push(Value::Map(fields));
            }
        }
        Ok(items)
    }
}

/// The rows of a file as plain values, read without a store. `source` is a path or a `file://` URL.
/// Cells do not keep their text. `None` if the file cannot be read as a table, or has more than
/// `limit` rows.
#[must_use]
pub fn rows_of_file(source: &str, options: &SourceOptions, limit: usize) -> Option<Vec<Value>> {
    let path = local_path(source).ok()?;
    let opened = open_guarded(&path, options, &Halt::default()).ok()?;
    let opened = as_declared(&path, opened, options.schema.as_deref()).ok()?;
    let fields = opened.schema.fields().clone();
    let mut items = Vec::new();
    for batch in opened.rows {
        let batch = batch.ok()?;
        if items.len() + batch.num_rows() > limit {
            return None;
        }
        for row in 0..batch.num_rows() {
            let cells = fields.iter().zip(batch.columns());
            let cells = cells.map(|(field, column)| {
                let value = value_at(column, row).ok()?;
                Some((field.name().clone(), value))
            });
            items.push(Value::Map(cells.collect::<Option<_>>()?));
        }
    }
    Some(items)
}

/// The value, changed so that it prints like its cell.
pub(crate) fn as_written(value: Value, cell: &str) -> Value {
    match value {
        Value::String(_) => Value::String(cell.to_owned()),
        // A number with leading zeros prints without them. A shell would take it for text or an
        // octal number.
        value if is_padded(cell) => value,
        value => value.written_as(cell),
    }
}

fn is_padded(cell: &str) -> bool {
    let digits = cell.trim_start_matches(['+', '-']).as_bytes();
    matches!(digits, [b'0', next, ..] if next.is_ascii_digit())
}

/// A cell as a plain value.
///
/// # Errors
///
/// Fails if a value cannot be decoded.
pub fn value_at(array: &ArrayRef, row: usize) -> Result<Value, DataError> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    let list = |values: ArrayRef| {
        (0..values.len())
            .map(|i| value_at(&values, i))
            .collect::<Result<_, _>>()
            .map(Value::List)
    };
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Value::Int(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Value::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Value::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => Value::Int(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Value::Int(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Value::Int(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => Value::unsigned(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float16 => shortest(array.as_primitive::<Float16Type>().value(row).to_f32()),
        DataType::Float32 => shortest(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::String(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Value::String(array.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Value::String(array.as_string_view().value(row).to_owned()),
        DataType::List(_) => list(array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row))?,
        DataType::FixedSizeList(..) => list(array.as_fixed_size_list().value(row))?,
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let pairs = fields.iter().zip(columns);
            Value::Map(
                pairs
                    .map(|(field, column)| Ok((field.name().clone(), value_at(column, row)?)))
                    .collect::<Result<_, DataError>>()?,
            )
        }
        DataType::Map(..) => map_value(&array.as_map().value(row))?,
        DataType::Dictionary(_, plain) => {
            let one = cast(&array.slice(row, 1), plain)
                .map_err(DataError::arrow("cannot decode a value"))?;
            value_at(&one, 0)?
        }
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => decimal(text_at(array, row)?),
        _ => Value::String(text_at(array, row)?),
    })
}

/// The entries of one map: as a map if its keys are different texts, otherwise as pairs.
fn map_value(entries: &StructArray) -> Result<Value, DataError> {
    let column = |at: usize| {
        let column = entries.column(at);
        (0..column.len()).map(move |row| value_at(column, row))
    };
    let pairs: Vec<(Value, Value)> = column(0)
        .zip(column(1))
        .map(|(key, value)| Ok((key?, value?)))
        .collect::<Result<_, DataError>>()?;
    let texts: BTreeSet<&str> = pairs
        .iter()
        .filter_map(|(key, _)| match key {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let are_texts = matches!(
        entries.column(0).data_type(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    if !are_texts || texts.len() < pairs.len() {
        let pair = |(key, value)| Value::List(vec![key, value]);
        return Ok(Value::List(pairs.into_iter().map(pair).collect()));
    }
    let named = pairs.into_iter().filter_map(|(key, value)| match key {
        Value::String(key) => Some((key, value)),
        _ => None,
    });
    Ok(Value::Map(named.collect()))
}

/// The number of a decimal's digits.
fn decimal(text: String) -> Value {
    let number = match text.contains('.') {
        true => text.parse().ok().map(Value::Float),
        false => {
            let whole = text.parse().ok().map(Value::Int);
            whole.or_else(|| text.parse().ok().map(Value::unsigned))
        }
    };
    match number {
        Some(number) => number.written_as(&text),
        None => Value::String(text),
    }
}

/// The shortest decimal that identifies this number, so that 0.1 stays 0.1.
fn shortest(number: f32) -> Value {
    Value::Float(number.to_string().parse().unwrap_or_else(|_| number.into()))
}

fn text_at(array: &ArrayRef, row: usize) -> Result<String, DataError> {
    instants::text(array, row).map_err(DataError::arrow("cannot write a value as text"))
}
