//! Reads the rows of a gridded variable, batch by batch.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Float64Array, Int32Array, RecordBatch,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use sunward_workflows::model::GridRows;

use super::axes::choose;
use super::error::NetcdfError;
use super::file::NetcdfFile;
use super::grid::{GRID_KEY, Grid, VALUE};
use super::hyperslab::{permute, to_usize};
use super::layout::{LayingOut, Layout};
use super::packing::single;
use super::tensor::Tensor;

/// The approximate bytes of a batch. A single row may be larger.
const BATCH_BYTES: u64 = 8 << 20;

/// Reads a variable as a gridded table. It iterates over batches of a few megabytes each. The
/// documentation of the module describes the columns.
#[derive(Debug)]
pub struct GridReader {
    file: NetcdfFile,
    layout: Layout,
    schema: SchemaRef,
    next_row: u64,
}

impl GridReader {
    /// Reads the header of a file and plans the table for one of its variables. `path` names the
    /// file in messages.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or the variable cannot become a table.
    pub fn new(
        source: File,
        path: &str,
        variable: Option<&str>,
        rows: GridRows,
    ) -> Result<Self, NetcdfError> {
        Self::of(NetcdfFile::new(source, path)?, variable, rows)
    }

    /// Plans the table for a variable of an open file.
    pub(super) fn of(
        file: NetcdfFile,
        variable: Option<&str>,
        rows: GridRows,
    ) -> Result<Self, NetcdfError> {
        let index = choose(&file.header, variable, &file.path)?;
        let layout = LayingOut::new(&file).layout(index, rows)?;
        let schema = schema(&layout, rows).map_err(|source| NetcdfError::Arrow {
            path: file.path.clone(),
            source,
        })?;
        Ok(Self {
            file,
            layout,
            schema: Arc::new(schema),
            next_row: 0,
        })
    }

    /// The columns and the metadata of the table.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.layout.rows()
    }

    /// The next block of rows: the indices along the leading row axes, and the start and length of
    /// a range along the next one.
    fn next_block(&self) -> (Vec<u64>, u64, u64) {
        let row_bytes = self.layout.tensor_length().saturating_mul(8).max(1);
        let rows_wanted = (BATCH_BYTES / row_bytes).max(1);
        let lengths: Vec<u64> = self.layout.row_axes.iter().map(|a| a.length).collect();
        // The block is a range along the first axis at which one step, with all axes after it, is
        // small enough.
        let mut step: u64 = lengths.iter().product();
        let mut fixed = Vec::new();
        let mut rest = self.next_row;
        for length in &lengths {
            step /= (*length).max(1);
            let index = rest / step.max(1);
            rest %= step.max(1);
            if step <= rows_wanted {
                let count = (rows_wanted / step.max(1)).min(length - index);
                return (fixed, index, count.max(1));
            }
            fixed.push(index);
        }
        (fixed, 0, 1)
    }

    fn read_batch(&mut self) -> Result<RecordBatch, NetcdfError> {
        let (fixed, start, count) = self.next_block();
        let layout = &self.layout;
        let slab = layout.slab(&self.file.header, &fixed, start, count);
        let mut values = self.file.read(&layout.variable, &slab)?;
        layout.packing.unpack(&mut values);
        let values = permute(values, &slab.count, &layout.order());
        let first = to_usize(self.next_row);
        let rows = values.len() / to_usize(layout.tensor_length().max(1));
        self.next_row += super::hyperslab::to_u64(rows);
        self.assemble(values, first, rows)
            .map_err(|source| NetcdfError::Arrow {
                path: self.file.path.clone(),
                source,
            })
    }

    fn assemble(
        &self,
        values: Vec<f64>,
        first: usize,
        rows: usize,
    ) -> Result<RecordBatch, ArrowError> {
        let layout = &self.layout;
        let mut columns: Vec<ArrayRef> = Vec::new();
        if let Some(cells) = &layout.cells {
            let ids = (first..first + rows).map(|id| i32::try_from(id).unwrap_or(i32::MAX));
            columns.push(Arc::new(Int32Array::from_iter_values(ids)));
            for coordinate in [&cells.lat, &cells.lon] {
                let at = |cell: usize| single(coordinate.get(cell).copied().unwrap_or(f64::NAN));
                columns.push(Arc::new(Float32Array::from_iter_values(
                    (first..first + rows).map(at),
                )));
            }
        } else if let Some(times) = &layout.times {
            columns.extend(times.columns(first, rows));
        }
        let flat: ArrayRef = if layout.packing.is_single {
            Arc::new(Float32Array::from_iter_values(
                values.into_iter().map(single),
            ))
        } else {
            Arc::new(Float64Array::from(values))
        };
        let field = self.schema.field_with_name(VALUE)?;
        columns.push(match field.data_type() {
            DataType::FixedSizeList(item, length) => Arc::new(FixedSizeListArray::try_new(
                Arc::clone(item),
                *length,
                flat,
                None,
            )?),
            _ => flat,
        });
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

impl Iterator for GridReader {
    type Item = Result<RecordBatch, NetcdfError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next_row >= self.layout.rows() {
            return None;
        }
        let batch = self.read_batch();
        if batch.is_err() {
            // After an error, the file is not read any further.
            self.next_row = u64::MAX;
        }
        Some(batch)
    }
}

fn schema(layout: &Layout, rows: GridRows) -> Result<Schema, ArrowError> {
    let mut fields = Vec::new();
    match (rows, &layout.times) {
        (GridRows::Time, Some(times)) => fields.extend(times.fields()),
        (GridRows::Time, None) => {}
        (GridRows::Cell, _) => fields.extend([
            Field::new("cell_id", DataType::Int32, true),
            Field::new("lat", DataType::Float32, true),
            Field::new("lon", DataType::Float32, true),
        ]),
    }
    fields.push(value_field(layout)?);
    let grid =
        serde_json::to_string(&layout.grid).map_err(|e| ArrowError::ExternalError(Box::new(e)))?;
    Ok(Schema::new_with_metadata(
        fields,
        [(GRID_KEY.to_owned(), grid)],
    ))
}

fn value_field(layout: &Layout) -> Result<Field, ArrowError> {
    let number = if layout.packing.is_single {
        DataType::Float32
    } else {
        DataType::Float64
    };
    let mut field = if layout.tensor_axes.is_empty() {
        Field::new(VALUE, number, true)
    } else {
        Tensor::new(layout.shape(), layout.grid.dims.clone()).field(VALUE, number)?
    };
    let Grid {
        units,
        long_name,
        standard_name,
        ..
    } = &layout.grid;
    for (key, text) in [
        ("units", units),
        ("long_name", long_name),
        ("standard_name", standard_name),
    ] {
        if let Some(text) = text {
            field.metadata_mut().insert(key.to_owned(), text.clone());
        }
    }
    Ok(field)
}
