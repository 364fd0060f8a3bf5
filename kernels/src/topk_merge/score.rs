//! Scores of rows, comparable without rounding.

use std::cmp::Ordering;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use arrow_schema::DataType;

use crate::{KernelError, Table};

/// One row's score. Greater is better; `Missing` is worst.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Score {
    /// Null or NaN.
    Missing,
    /// An integer.
    Int(i64),
    /// Any number.
    Float(f64),
    /// Bits in common and bits in either.
    Ratio(i64, i64),
}

impl Score {
    /// Compares two scores of one column.
    pub(super) fn cmp(&self, other: &Self, ascending: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Missing, Self::Missing) => return Ordering::Equal,
            (Self::Missing, _) => return Ordering::Less,
            (_, Self::Missing) => return Ordering::Greater,
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Ratio(c, u), Self::Ratio(d, v)) => (c * v.max(&1)).cmp(&(d * u.max(&1))),
            (a, b) => a
                .number()
                .partial_cmp(&b.number())
                .unwrap_or(Ordering::Equal),
        };
        if ascending { order.reverse() } else { order }
    }

    fn number(&self) -> f64 {
        match *self {
            Self::Missing => f64::NAN,
            #[expect(clippy::cast_precision_loss, reason = "only reached for floats")]
            Self::Int(i) => i as f64,
            Self::Float(f) => f,
            #[expect(
                clippy::cast_precision_loss,
                reason = "counts of bits are far below 2^53"
            )]
            Self::Ratio(c, u) => c as f64 / u.max(1) as f64,
        }
    }
}

/// The source of scores.
pub(super) enum Source {
    /// A numeric column.
    Column(usize),
    /// The columns `common` and `union` of wide fingerprints.
    Counts(usize, usize),
}

impl Source {
    /// The column to rank by, checked.
    pub(super) fn find(table: &Table, name: &str, counts: bool) -> Result<Self, KernelError> {
        if counts
            && let (Ok(common), Ok(union)) = (
                table.schema.index_of("common"),
                table.schema.index_of("union"),
            )
        {
            return Ok(Self::Counts(common, union));
        }
        let column = table.column("hits", name, "the score to rank by, a number")?;
        let found = table.schema.field(column).data_type();
        if found.is_numeric() {
            Ok(Self::Column(column))
        } else {
            Err(KernelError::ColumnType {
                port: "hits".to_owned(),
                column: name.to_owned(),
                expected: "a number".to_owned(),
                found: found.to_string(),
            })
        }
    }

    /// The scores of a batch.
    pub(super) fn scores(&self, batch: &RecordBatch) -> Result<Vec<Score>, KernelError> {
        match *self {
            Self::Column(column) => numbers(batch.column(column)),
            Self::Counts(common, union) => {
                let counts = |i: usize| cast(batch.column(i), &DataType::Int32);
                let (common, union) = (counts(common)?, counts(union)?);
                let common = common.as_primitive::<Int32Type>();
                let union = union.as_primitive::<Int32Type>();
                Ok(common
                    .iter()
                    .zip(union)
                    .map(|pair| match pair {
                        (Some(c), Some(u)) => Score::Ratio(c.into(), u.into()),
                        _ => Score::Missing,
                    })
                    .collect())
            }
        }
    }
}

fn numbers(array: &dyn Array) -> Result<Vec<Score>, KernelError> {
    let whole = array.data_type().is_integer() && *array.data_type() != DataType::UInt64;
    if whole {
        let array = cast(array, &DataType::Int64)?;
        let values = array.as_primitive::<Int64Type>();
        return Ok(values
            .iter()
            .map(|value| value.map_or(Score::Missing, Score::Int))
            .collect());
    }
    let array = cast(array, &DataType::Float64)?;
    let values = array.as_primitive::<Float64Type>();
    Ok(values
        .iter()
        .map(|value| match value {
            Some(value) if !value.is_nan() => Score::Float(value),
            _ => Score::Missing,
        })
        .collect())
}
