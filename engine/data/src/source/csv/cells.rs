//! Converts cells to typed columns. If the type cannot hold a cell exactly, the error names the
//! cell.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, StringArray, StringBuilder};
use arrow::compute::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, SchemaRef};
use csv::ByteRecord;
use sunward_workflows::{from_arrow, quoted};

use super::{Layout, utf8};
use crate::error::DataError;

/// The columns of a file, with their types.
pub(super) struct Columns {
    path: PathBuf,
    layout: Layout,
    schema: SchemaRef,
}

/// The text of the cells of one batch.
pub(super) struct Cells<'c> {
    columns: &'c Columns,
    texts: Vec<StringBuilder>,
    /// The line number at which each row begins.
    lines: Vec<u64>,
}

impl Columns {
    pub(super) fn new(path: &Path, layout: &Layout, schema: SchemaRef) -> Self {
        Self {
            path: path.to_owned(),
            layout: layout.clone(),
            schema,
        }
    }

    pub(super) fn batch(&self) -> Cells<'_> {
        Cells {
            columns: self,
            texts: self
                .schema
                .fields()
                .iter()
                .map(|_| StringBuilder::new())
                .collect(),
            lines: Vec::new(),
        }
    }

    fn typed(
        &self,
        text: StringArray,
        field: &Field,
        lines: &[u64],
    ) -> Result<ArrayRef, DataError> {
        let wanted = field.data_type();
        let text = if self.layout.decimal_comma() && is_fractional(wanted) {
            with_points(&text)
        } else {
            text
        };
        let text: ArrayRef = Arc::new(text);
        if *wanted == DataType::Utf8 {
            return Ok(text);
        }
        let refused = |row: usize, why: &str| {
            let line = lines.get(row).copied().unwrap_or_default();
            let cell = arrow::array::AsArray::as_string::<i32>(&text).value(row);
            DataError::Schema {
                place: format!("{}, line {line}", sunward_files::shown(&self.path)),
                column: field.name().clone(),
                found: format!("holds {}{why}", quoted(cell)),
                expected: quoted(from_arrow(field).column_type.0).to_string(),
                hint: "correct the cell, or declare another type with `schema:`".into(),
            }
        };
        let lenient = CastOptions {
            safe: true,
            ..CastOptions::default()
        };
        let array = cast_with_options(&text, wanted, &lenient).map_err(DataError::arrow(
            format!("cannot read column {}", quoted(field.name())),
        ))?;
        if let Some(row) = (0..text.len()).find(|row| array.is_null(*row) && text.is_valid(*row)) {
            return Err(refused(row, ""));
        }
        match inexact(&text, &array, wanted) {
            Some((row, why)) => Err(refused(row, why)),
            None => Ok(array),
        }
    }
}

impl Cells<'_> {
    pub(super) fn rows(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn push(&mut self, record: &ByteRecord, line: u64) -> Result<(), DataError> {
        for (at, (builder, cell)) in self.texts.iter_mut().zip(record).enumerate() {
            let cell = utf8(&self.columns.path, cell, line, at)?;
            if self.columns.layout.is_null(cell) {
                builder.append_null();
            } else {
                builder.append_value(cell);
            }
        }
        self.lines.push(line);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<RecordBatch, DataError> {
        let columns = self
            .texts
            .into_iter()
            .zip(self.columns.schema.fields())
            .map(|(mut text, field)| self.columns.typed(text.finish(), field, &self.lines))
            .collect::<Result<_, _>>()?;
        RecordBatch::try_new(self.columns.schema.clone(), columns)
            .map_err(DataError::arrow("cannot read rows of CSV"))
    }
}

pub(super) fn is_fractional(data_type: &DataType) -> bool {
    data_type.is_floating() || data_type.is_decimal()
}

fn with_points(text: &StringArray) -> StringArray {
    text.iter()
        .map(|cell| cell.map(|cell| cell.replacen(',', ".", 1)))
        .collect()
}

/// The first cell that was rounded, overflowed or became zero in the conversion to a number, and
/// what happened to it.
fn inexact(text: &ArrayRef, array: &ArrayRef, wanted: &DataType) -> Option<(usize, &'static str)> {
    let cells: &StringArray = arrow::array::AsArray::as_string(text);
    let scale = match wanted {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(i64::from(*scale)),
        _ => None,
    };
    if let Some(scale) = scale {
        let row = (0..cells.len())
            .find(|row| cells.is_valid(*row) && decimals(cells.value(*row)) > scale)?;
        return Some((row, ", which does not fit without rounding"));
    }
    if !wanted.is_floating() {
        return None;
    }
    if let Some(row) =
        (0..cells.len()).find(|row| cells.is_valid(*row) && rounds_integer(cells.value(*row)))
    {
        return Some((row, ", which does not fit without rounding"));
    }
    let numbers = arrow::compute::cast(array, &DataType::Float64).ok()?;
    let numbers: &arrow::array::Float64Array = arrow::array::AsArray::as_primitive(&numbers);
    (0..cells.len())
        .filter(|row| numbers.is_valid(*row))
        .find_map(|row| Some((row, lost(cells.value(row), numbers.value(row))?)))
}

/// Why a float does not hold the number in a cell.
fn lost(cell: &str, number: f64) -> Option<&'static str> {
    let mantissa = cell.split(['e', 'E']).next().unwrap_or_default();
    if number == 0.0 && mantissa.contains(|c: char| matches!(c, '1'..='9')) {
        return Some(", which is closer to 0 than the smallest float");
    }
    let overflows = number.is_infinite() && !cell.to_ascii_lowercase().contains("inf");
    overflows.then_some(", which is too large")
}

/// Whether a cell is an integer that a 64-bit floating-point number cannot hold. It may be an
/// identifier, which must not change. Integers up to 2^53 can all be held.
fn rounds_integer(cell: &str) -> bool {
    let digits = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    if digits.len() < 16 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    digits.parse().is_ok_and(|number: u128| {
        let significant = number >> number.trailing_zeros().min(u128::BITS - 1);
        u128::BITS - significant.leading_zeros() > f64::MANTISSA_DIGITS
    })
}

/// The number of decimal places that a number needs. Trailing zeros do not count, and the exponent
/// shifts the point. It is negative for a multiple of ten.
fn decimals(cell: &str) -> i64 {
    let (number, exponent) = cell.split_once(['e', 'E']).unwrap_or((cell, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    let places = if fraction.is_empty() {
        let zeros = whole.len() - whole.trim_end_matches('0').len();
        -i64::try_from(zeros).unwrap_or(0)
    } else {
        i64::try_from(fraction.len()).unwrap_or(i64::MAX)
    };
    places.saturating_sub(exponent)
}
