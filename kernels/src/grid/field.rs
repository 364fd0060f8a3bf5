//! The values of a gridded table, one slice for each batch, and their way back into a table.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, FixedSizeListArray, Float32Array, Float64Array,
    RecordBatch,
};
use arrow::datatypes::{Float32Type, Float64Type};
use arrow_schema::extension::{
    EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY, ExtensionType, FixedShapeTensor,
};
use arrow_schema::{DataType, Field as ArrowField, FieldRef, Schema, SchemaRef};
use serde_json::{Value as Json, json};
use sunward_workflows::catalog::KernelEntry;

use super::{GRID_KEY, Grid};
use crate::table::wide;
use crate::{Inputs, KernelError, Table};

/// The column that holds the tensors.
const COLUMN: &str = "value";

/// The number type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatKind {
    /// 32 bits.
    Single,
    /// 64 bits.
    Double,
}

impl FloatKind {
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Single => DataType::Float32,
            Self::Double => DataType::Float64,
        }
    }

    /// Values as an array of this type, rounded to the nearest.
    pub(crate) fn array(self, values: Vec<f64>) -> ArrayRef {
        match self {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "rounding to the field's own type is wanted"
            )]
            Self::Single => Arc::new(Float32Array::from_iter_values(
                values.into_iter().map(|x| x as f32),
            )),
            Self::Double => Arc::new(Float64Array::from(values)),
        }
    }
}

/// The values of one batch, row by row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Values<'a> {
    /// 32 bits.
    Single(&'a [f32]),
    /// 64 bits.
    Double(&'a [f64]),
}

impl Values<'_> {
    /// One value in double precision.
    pub(crate) fn get(&self, index: usize) -> f64 {
        match self {
            Self::Single(values) => f64::from(values[index]),
            Self::Double(values) => values[index],
        }
    }
}

/// A gridded input.
pub(crate) struct Field<'a> {
    pub(crate) table: &'a Table,
    column: usize,
    /// The number of values in a row.
    pub(crate) size: usize,
    pub(crate) kind: FloatKind,
}

impl<'a> Field<'a> {
    /// Reads the column `value` of a port.
    pub(crate) fn read(
        inputs: &'a Inputs,
        entry: &KernelEntry,
        port: &str,
    ) -> Result<Self, KernelError> {
        let table = inputs.need(entry, port)?;
        let column = table.column(
            port,
            COLUMN,
            "tensor<float32> or tensor<float64>, one per row",
        )?;
        let field = table.schema.field(column);
        let wrong = || KernelError::ColumnType {
            port: port.to_owned(),
            column: COLUMN.to_owned(),
            expected:
                "tensor<float32>[…] or tensor<float64>[…] (arrow.fixed_shape_tensor, row-major)"
                    .to_owned(),
            found: field.data_type().to_string(),
        };
        let DataType::FixedSizeList(item, size) = field.data_type() else {
            return Err(wrong());
        };
        let kind = match item.data_type() {
            DataType::Float32 => FloatKind::Single,
            DataType::Float64 => FloatKind::Double,
            _ => return Err(wrong()),
        };
        let permuted = tensor(field)
            .and_then(|tensor| tensor.get("permutation").cloned())
            .is_some_and(|order| {
                order != json!((0..order.as_array().map_or(0, Vec::len)).collect::<Vec<_>>())
            });
        if permuted {
            return Err(wrong());
        }
        let field = Self {
            table,
            column,
            size: usize::try_from(*size).map_err(|_| wrong())?,
            kind,
        };
        field.refuse_nulls(port)?;
        Ok(field)
    }

    /// Missing values are NaN, never null.
    fn refuse_nulls(&self, port: &str) -> Result<(), KernelError> {
        let mut row = 0;
        for batch in &self.table.batches {
            let lists = batch.column(self.column).as_fixed_size_list();
            if lists.null_count() > 0 || lists.values().null_count() > 0 {
                let first =
                    (0..lists.len()).find(|&i| lists.is_null(i) || lists.value(i).null_count() > 0);
                if let Some(first) = first {
                    return Err(KernelError::Null {
                        port: port.to_owned(),
                        column: COLUMN.to_owned(),
                        row: row + wide(first),
                        advice: "write missing values as NaN inside the tensor".to_owned(),
                    });
                }
            }
            row += wide(batch.num_rows());
        }
        Ok(())
    }

    /// The grid, which must have as many cells as a row has values.
    pub(crate) fn grid(&self, port: &str) -> Result<Grid, KernelError> {
        let grid = Grid::read(self.table, port)?;
        if grid.cells() == self.size {
            return Ok(grid);
        }
        Err(KernelError::Input {
            port: port.to_owned(),
            problem: format!(
                "its tensors hold {} values, but its grid has {} latitudes and {} longitudes",
                self.size,
                grid.lat.len(),
                grid.lon.len()
            ),
            expected: "one value for each cell".to_owned(),
        })
    }

    /// The values of a batch.
    pub(crate) fn values(&self, batch: &'a RecordBatch) -> Values<'a> {
        match self.kind {
            FloatKind::Single => Values::Single(self.numbers::<Float32Type>(batch)),
            FloatKind::Double => Values::Double(self.numbers::<Float64Type>(batch)),
        }
    }

    /// The values of a batch whose number type is known.
    pub(crate) fn numbers<P: ArrowPrimitiveType>(&self, batch: &'a RecordBatch) -> &'a [P::Native] {
        let lists = batch.column(self.column).as_fixed_size_list();
        lists.values().as_primitive::<P>().values()
    }

    /// The schema with tensors of another shape or grid.
    pub(crate) fn schema(
        &self,
        kind: FloatKind,
        shape: &[usize],
        dims: Option<Vec<String>>,
        grid: Option<&Grid>,
    ) -> Result<SchemaRef, KernelError> {
        let mut fields: Vec<FieldRef> = self.table.schema.fields().to_vec();
        let old = &fields[self.column];
        let new = tensor_field(COLUMN, kind, shape, dims, Some(old))?;
        fields[self.column] = Arc::new(new);
        let mut metadata = self.table.schema.metadata().clone();
        if let Some(grid) = grid {
            metadata.insert(GRID_KEY.to_owned(), grid.to_json());
        }
        Ok(Arc::new(Schema::new_with_metadata(fields, metadata)))
    }

    /// The schema with the same tensors, and with another grid description if one is given.
    pub(crate) fn like(&self, grid: Option<&Grid>) -> SchemaRef {
        let Some(grid) = grid else {
            return Arc::clone(&self.table.schema);
        };
        let mut metadata = self.table.schema.metadata().clone();
        metadata.insert(GRID_KEY.to_owned(), grid.to_json());
        let fields = self.table.schema.fields().clone();
        Arc::new(Schema::new_with_metadata(fields, metadata))
    }

    /// The index of the column that holds the tensors.
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// A column of tensors of the same shape with this number type.
    pub(crate) fn tensors(&self, kind: FloatKind) -> Result<ArrowField, KernelError> {
        let old = self.table.schema.field(self.column);
        let told = tensor(old);
        let list = |key: &str| {
            told.as_ref()
                .and_then(|t| t.get(key))
                .and_then(Json::as_array)
        };
        let shape: Option<Vec<usize>> = list("shape").and_then(|shape| {
            shape
                .iter()
                .map(|n| usize::try_from(n.as_u64()?).ok())
                .collect()
        });
        let dims: Option<Vec<String>> = list("dim_names")
            .and_then(|dims| dims.iter().map(|d| d.as_str().map(str::to_owned)).collect());
        tensor_field(
            COLUMN,
            kind,
            &shape.unwrap_or_else(|| vec![self.size]),
            dims,
            Some(old),
        )
    }

    /// A batch of that schema with other values; the other columns stay.
    pub(crate) fn replaced(
        &self,
        batch: &RecordBatch,
        schema: &SchemaRef,
        values: ArrayRef,
    ) -> Result<RecordBatch, KernelError> {
        let mut columns = batch.columns().to_vec();
        columns[self.column] = with_values(schema.field(self.column), values, batch.num_rows())?;
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }
}

/// The tensor description in a column's metadata.
fn tensor(field: &ArrowField) -> Option<Json> {
    let metadata = field.metadata();
    (metadata.get(EXTENSION_TYPE_NAME_KEY)? == FixedShapeTensor::NAME)
        .then(|| serde_json::from_str(metadata.get(EXTENSION_TYPE_METADATA_KEY)?).ok())
        .flatten()
}

/// A column of tensors, with the child and further metadata of another column if one is given. The
/// metadata is written here and not by `FixedShapeTensor`, which refuses the nullable child that
/// other Arrow implementations write.
fn tensor_field(
    name: &str,
    kind: FloatKind,
    shape: &[usize],
    dims: Option<Vec<String>>,
    like: Option<&ArrowField>,
) -> Result<ArrowField, KernelError> {
    let size: usize = shape.iter().product();
    let size = i32::try_from(size).map_err(|_| KernelError::TooLarge {
        what: "a row's tensor".to_owned(),
        found: wide(size),
        limit: i32::MAX.unsigned_abs().into(),
    })?;
    let item = match like.map(ArrowField::data_type) {
        Some(DataType::FixedSizeList(item, _)) => {
            ArrowField::clone(item).with_data_type(kind.data_type())
        }
        _ => ArrowField::new("item", kind.data_type(), true),
    };
    let field = ArrowField::new(name, DataType::FixedSizeList(Arc::new(item), size), true);
    let mut metadata = like.map(|like| like.metadata().clone()).unwrap_or_default();
    let mut tensor = json!({ "shape": shape });
    if let Some(dims) = dims {
        tensor["dim_names"] = json!(dims);
    }
    metadata.insert(
        EXTENSION_TYPE_NAME_KEY.to_owned(),
        FixedShapeTensor::NAME.to_owned(),
    );
    metadata.insert(EXTENSION_TYPE_METADATA_KEY.to_owned(), tensor.to_string());
    let nullable = like.is_none_or(ArrowField::is_nullable);
    Ok(field.with_nullable(nullable).with_metadata(metadata))
}

/// An array for such a column.
pub(crate) fn with_values(
    field: &ArrowField,
    values: ArrayRef,
    rows: usize,
) -> Result<ArrayRef, KernelError> {
    let DataType::FixedSizeList(item, size) = field.data_type() else {
        return Ok(values);
    };
    let lists =
        FixedSizeListArray::try_new_with_length(Arc::clone(item), *size, values, None, rows)?;
    Ok(Arc::new(lists))
}
