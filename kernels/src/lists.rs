//! Columns of lists of numbers or words, at any nesting.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{Float32Type, Float64Type};
use arrow_schema::DataType;

use crate::KernelError;

/// A flattened column of lists: all values, and the range of each row.
pub(crate) struct Lists {
    values: ArrayRef,
    /// `None` for a row that is null.
    rows: Vec<Option<Range<usize>>>,
}

impl Lists {
    /// Coordinates: `list`, `fixed_size_list` or tensor of float32 or float64, also as lists of
    /// triples.
    pub(crate) fn numbers(port: &str, name: &str, array: &ArrayRef) -> Result<Self, KernelError> {
        let wanted = |kind: &DataType| matches!(kind, DataType::Float32 | DataType::Float64);
        Self::read(array, 0)
            .filter(|lists| wanted(lists.values.data_type()))
            .ok_or_else(|| KernelError::ColumnType {
                port: port.to_owned(),
                column: name.to_owned(),
                expected: "a list of float32 or float64 in each row, x, y and z of each atom in \
                           turn (list, fixed_size_list or a tensor of shape [atoms, 3])"
                    .to_owned(),
                found: array.data_type().to_string(),
            })
    }

    /// Words, one for each atom.
    pub(crate) fn words(port: &str, name: &str, array: &ArrayRef) -> Result<Self, KernelError> {
        let wrong = || KernelError::ColumnType {
            port: port.to_owned(),
            column: name.to_owned(),
            expected: "a list of utf8 in each row, one word per atom".to_owned(),
            found: array.data_type().to_string(),
        };
        let lists = Self::read(array, 0).ok_or_else(wrong)?;
        if !matches!(
            lists.values.data_type(),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..)
        ) {
            return Err(wrong());
        }
        Ok(Self {
            values: cast(&lists.values, &DataType::Utf8)?,
            rows: lists.rows,
        })
    }

    /// One or two levels of lists; `None` if the column is not a list.
    fn read(array: &ArrayRef, depth: usize) -> Option<Self> {
        let whole = |i: usize, range: Range<usize>| array.is_valid(i).then_some(range);
        let (values, rows): (ArrayRef, Vec<_>) = match array.data_type() {
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                let places = lists.value_offsets().windows(2).enumerate();
                let place = |offset: i32| usize::try_from(offset).unwrap_or(0);
                let rows = places.map(|(i, pair)| whole(i, place(pair[0])..place(pair[1])));
                (ArrayRef::clone(lists.values()), rows.collect())
            }
            DataType::LargeList(_) => {
                let lists = array.as_list::<i64>();
                let places = lists.value_offsets().windows(2).enumerate();
                let place = |offset: i64| usize::try_from(offset).unwrap_or(0);
                let rows = places.map(|(i, pair)| whole(i, place(pair[0])..place(pair[1])));
                (ArrayRef::clone(lists.values()), rows.collect())
            }
            DataType::FixedSizeList(_, size) => {
                let lists = array.as_fixed_size_list();
                let size = usize::try_from(*size).unwrap_or(0);
                let rows = (0..lists.len()).map(|i| whole(i, i * size..(i + 1) * size));
                (ArrayRef::clone(lists.values()), rows.collect())
            }
            _ => return None,
        };
        if depth == 0
            && let Some(inner) = Self::read(&values, 1)
        {
            return Some(inner.under(rows));
        }
        Some(Self { values, rows })
    }

    /// Lists of these lists. A null inner list makes the whole row null.
    fn under(self, outer: Vec<Option<Range<usize>>>) -> Self {
        let join = |range: Range<usize>| {
            let inner: Option<Vec<&Range<usize>>> =
                self.rows[range].iter().map(Option::as_ref).collect();
            let inner = inner?;
            match (inner.first(), inner.last()) {
                (Some(first), Some(last)) => Some(first.start..last.end),
                _ => Some(0..0),
            }
        };
        Self {
            rows: outer.into_iter().map(|row| row.and_then(join)).collect(),
            values: self.values,
        }
    }

    /// A row's numbers, NaN for null; `None` for a null row.
    pub(crate) fn row_of_numbers(&self, row: usize) -> Option<Vec<f64>> {
        let range = self.rows[row].clone()?;
        let valid = |i: usize, x: f64| if self.values.is_valid(i) { x } else { f64::NAN };
        Some(match self.values.data_type() {
            DataType::Float32 => {
                let values = self.values.as_primitive::<Float32Type>().values();
                range.map(|i| valid(i, values[i].into())).collect()
            }
            _ => {
                let values = self.values.as_primitive::<Float64Type>().values();
                range.map(|i| valid(i, values[i])).collect()
            }
        })
    }

    /// Whether a row and all its values are not null.
    pub(crate) fn is_whole(&self, row: usize) -> bool {
        let whole = |range: &Range<usize>| {
            self.values.null_count() == 0 || range.clone().all(|i| self.values.is_valid(i))
        };
        self.rows[row].as_ref().is_some_and(whole)
    }

    /// Whether the numbers are float32.
    pub(crate) fn are_single(&self) -> bool {
        *self.values.data_type() == DataType::Float32
    }

    /// The number of values in a row; `None` for a null row.
    pub(crate) fn length(&self, row: usize) -> Option<usize> {
        self.rows[row].as_ref().map(Range::len)
    }

    /// Copies a row's numbers, as float32 if `single`, else float64; null becomes NaN. `into` must
    /// have exactly their size.
    pub(crate) fn write(&self, row: usize, single: bool, into: &mut [u8]) {
        let size = if single { 4 } else { 8 };
        if self.values.null_count() == 0 && single == self.are_single() {
            let bytes = if single {
                self.values.as_primitive::<Float32Type>().values().inner()
            } else {
                self.values.as_primitive::<Float64Type>().values().inner()
            };
            if let Some(range) = &self.rows[row] {
                into.copy_from_slice(&bytes[range.start * size..range.end * size]);
            }
            return;
        }
        let numbers = self.row_of_numbers(row).unwrap_or_default();
        for (bytes, number) in into.chunks_exact_mut(size).zip(numbers) {
            if single {
                bytes.copy_from_slice(&narrow(number).to_le_bytes());
            } else {
                bytes.copy_from_slice(&number.to_le_bytes());
            }
        }
    }

    /// A row's words, empty for null; `None` for a null row.
    pub(crate) fn row_of_words(&self, row: usize) -> Option<Vec<&str>> {
        let words = self.values.as_string::<i32>();
        let word = |i: usize| {
            if words.is_valid(i) {
                words.value(i)
            } else {
                ""
            }
        };
        Some(self.rows[row].clone()?.map(word).collect())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it was a float32")]
fn narrow(x: f64) -> f32 {
    x as f32
}
