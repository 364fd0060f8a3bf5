//! Columns as a kernel sees them: contiguous rows of equal width.

use std::fs::File;
use std::path::Path;

use arrow::array::{Array, ArrayData, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Schema};
use arrow::ipc::reader::FileReader;

use sunward_workflows::row_bytes;

use super::error::CudaTaskError;

/// A table that a task reads.
pub(super) struct Source {
    port: String,
    schema: Schema,
    batches: Vec<RecordBatch>,
}

impl Source {
    pub(super) fn open(port: &str, path: &Path) -> Result<Self, CudaTaskError> {
        let unreadable = |error: String| CudaTaskError::Input {
            port: port.to_owned(),
            problem: format!("{} cannot be read: {error}", sunward_files::shown(path)),
        };
        let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        let reader =
            FileReader::try_new(file, None).map_err(|error| unreadable(error.to_string()))?;
        Ok(Self {
            port: port.to_owned(),
            schema: reader.schema().as_ref().clone(),
            batches: reader
                .collect::<Result<_, _>>()
                .map_err(|error| unreadable(error.to_string()))?,
        })
    }

    /// The type of a column, if it exists.
    pub(super) fn kind(&self, column: &str) -> Option<&DataType> {
        let field = self.schema.field_with_name(column).ok()?;
        Some(field.data_type())
    }

    pub(super) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The bytes of a column, all rows contiguous.
    pub(super) fn bytes(&self, column: &str) -> Result<Vec<u8>, CudaTaskError> {
        let fault = |problem: String| CudaTaskError::Input {
            port: self.port.clone(),
            problem,
        };
        let at = self.schema.index_of(column).map_err(|_| {
            let names: Vec<&str> = self
                .schema
                .fields()
                .iter()
                .map(|f| f.name().as_str())
                .collect();
            fault(format!(
                "there is no column `{column}`; the columns are {}",
                names.join(", ")
            ))
        })?;
        let field = self.schema.field(at);
        let width = row_bytes(field.data_type()).ok_or_else(|| {
            let kind = field.data_type();
            fault(format!(
                "column `{column}` is {kind}, which has no fixed number of bytes per row; bind \
                 numbers, fixed_size_binary or a tensor"
            ))
        })?;
        let mut bytes = Vec::with_capacity(width * self.rows());
        for batch in &self.batches {
            let data = batch.column(at).to_data();
            append(&data, 0, data.len(), &mut bytes).map_err(|Null| {
                fault(format!(
                    "column `{column}` has a null, which a kernel cannot see; fill it, or drop such \
                     rows, before this stage"
                ))
            })?;
        }
        Ok(bytes)
    }
}

/// A value is missing.
struct Null;

/// Appends the bytes of `rows` rows of an array, from row `from` on.
fn append(data: &ArrayData, from: usize, rows: usize, to: &mut Vec<u8>) -> Result<(), Null> {
    if let Some(nulls) = data.nulls()
        && (from..from + rows).any(|row| nulls.is_null(row))
    {
        return Err(Null);
    }
    let from = data.offset() + from;
    if let (DataType::FixedSizeList(_, size), [child]) = (data.data_type(), data.child_data()) {
        let size = usize::try_from(*size).unwrap_or(0);
        return append(child, from * size, rows * size, to);
    }
    let width = row_bytes(data.data_type()).unwrap_or(0);
    if let [values, ..] = data.buffers() {
        to.extend_from_slice(&values[from * width..(from + rows) * width]);
    }
    Ok(())
}

/// An array of these bytes.
pub(super) fn array(
    kind: &DataType,
    rows: usize,
    bytes: Buffer,
) -> Result<ArrayData, CudaTaskError> {
    let data = match kind {
        DataType::FixedSizeList(item, size) => {
            let values = rows * usize::try_from(*size).unwrap_or(0);
            ArrayData::builder(kind.clone())
                .len(rows)
                .add_child_data(array(item.data_type(), values, bytes)?)
        }
        _ => ArrayData::builder(kind.clone()).len(rows).add_buffer(bytes),
    };
    // Bytes may be unaligned, but values of several bytes may not.
    data.align_buffers(true)
        .build()
        .map_err(|error| CudaTaskError::Output(format!("no array can be made of it: {error}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{FixedSizeBinaryArray, FixedSizeListArray, Int16Array, make_array};
    use arrow::datatypes::Field;
    use proptest::prelude::*;

    use super::*;

    fn lists(values: Vec<i16>, size: i32) -> FixedSizeListArray {
        let item = Arc::new(Field::new("item", DataType::Int16, true));
        FixedSizeListArray::new(item, size, Arc::new(Int16Array::from(values)), None)
    }

    proptest! {
        #[test]
        fn a_cut_of_lists_gives_the_bytes_of_its_own_rows(
            rows in prop::collection::vec(any::<[i16; 3]>(), 1..20),
            cut in (0_usize..20, 0_usize..20),
        ) {
            let from = cut.0 % rows.len();
            let count = cut.1 % (rows.len() - from + 1);
            let whole = lists(rows.concat(), 3);
            let data = whole.slice(from, count).to_data();
            let mut bytes = Vec::new();
            prop_assert!(append(&data, 0, data.len(), &mut bytes).is_ok());
            let expected: Vec<u8> =
                rows[from..from + count].concat().iter().flat_map(|x| x.to_le_bytes()).collect();
            prop_assert_eq!(&bytes, &expected);
            let again = array(whole.data_type(), count, Buffer::from_vec(bytes)).unwrap();
            prop_assert_eq!(&*make_array(again), &whole.slice(from, count) as &dyn Array);
        }
    }

    #[test]
    fn a_null_is_found_wherever_it_is() {
        let inner = Int16Array::from(vec![Some(1), None, Some(3), Some(4)]);
        let item = Arc::new(Field::new("item", DataType::Int16, true));
        let list = FixedSizeListArray::new(item, 2, Arc::new(inner), None);
        assert!(append(&list.to_data(), 0, 2, &mut Vec::new()).is_err());
        let second = list.slice(1, 1).to_data();
        assert!(append(&second, 0, 1, &mut Vec::new()).is_ok());
        let binary = FixedSizeBinaryArray::try_from(vec![Some(&b"ab"[..]), None]).unwrap();
        assert!(append(&binary.to_data(), 0, 2, &mut Vec::new()).is_err());
        let mut bytes = Vec::new();
        assert!(append(&binary.to_data(), 0, 1, &mut bytes).is_ok());
        assert_eq!(bytes, b"ab");
    }
}
