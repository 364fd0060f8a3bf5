//! Reads several variables over the same rows as the columns of one table.
//!
//! Sunward writes a table without a grid in this way, and names the type of each column in an
//! attribute. Other programs write time series and lists of stations in this way.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float64Array, RecordBatch, TimestampMillisecondArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use super::axes::candidates;
use super::calendar::TimeUnits;
use super::error::NetcdfError;
use super::file::NetcdfFile;
use super::header::{Header, Kind, Variable};
use super::hyperslab::{Slab, to_usize};
use super::packing::Packing;
use super::tensor::Tensor;

/// The attribute that names the Arrow type of a column. Only tables without a grid have it.
pub(super) const TYPE_KEY: &str = "sunward_type";
/// The attribute that names a column whose name is not valid in a file.
pub(super) const NAME_KEY: &str = "sunward_name";

/// The approximate bytes of a batch. A single row may be larger.
const BATCH_BYTES: u64 = 8 << 20;

/// A variable that becomes a column.
#[derive(Debug)]
struct Column {
    variable: Variable,
    packing: Packing,
    /// The units of times.
    units: Option<TimeUnits>,
    /// The lengths of the dimensions beyond the rows.
    inner: Vec<u64>,
    field: Field,
}

/// Reads a table of several variables. It iterates over batches.
#[derive(Debug)]
pub(crate) struct PlainReader {
    file: NetcdfFile,
    columns: Vec<Column>,
    schema: SchemaRef,
    rows: u64,
    next: u64,
}

impl PlainReader {
    /// Opens a file as a table of several variables. Returns the file if it is none.
    pub(super) fn of(file: NetcdfFile) -> Result<Result<Self, NetcdfFile>, NetcdfError> {
        let header = &file.header;
        let chosen = marked(header).or_else(|| beside_each_other(header));
        let Some((dim, chosen)) = chosen else {
            return Ok(Err(file));
        };
        let rows = header.dimensions.get(dim).map_or(0, |dim| dim.length);
        let mut columns = Vec::new();
        for index in chosen {
            let variable = &header.variables[index];
            file.require_inside(variable)?;
            let units = variable.attributes.text("units").unwrap_or_default();
            let calendar = variable.attributes.text("calendar").unwrap_or_default();
            TimeUnits::checked(units, calendar)
                .map_err(|what| NetcdfError::no_moment(&file.path, &variable.name, &what))?;
            let column = Column::of(header, variable);
            columns.push(column.map_err(|source| NetcdfError::Arrow {
                path: file.path.clone(),
                source,
            })?);
        }
        let fields: Vec<Field> = columns.iter().map(|column| column.field.clone()).collect();
        Ok(Ok(Self {
            columns,
            schema: Arc::new(Schema::new(fields)),
            rows,
            next: 0,
            file,
        }))
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    fn batch(&mut self) -> Result<RecordBatch, NetcdfError> {
        let row_bytes: u64 = self.columns.iter().map(Column::row_bytes).sum();
        let count = (BATCH_BYTES / row_bytes.max(1)).clamp(1, self.rows - self.next);
        let columns = self
            .columns
            .iter()
            .map(|column| column.read(&self.file, self.next, count))
            .collect::<Result<Vec<ArrayRef>, NetcdfError>>()?;
        self.next += count;
        RecordBatch::try_new(self.schema(), columns).map_err(|source| NetcdfError::Arrow {
            path: self.file.path.clone(),
            source,
        })
    }
}

impl Iterator for PlainReader {
    type Item = Result<RecordBatch, NetcdfError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.rows {
            return None;
        }
        let batch = self.batch();
        if batch.is_err() {
            self.next = self.rows;
        }
        Some(batch)
    }
}

/// The dimension of the rows and the variables of a table that Sunward wrote. `None` if another
/// program has changed the file since so that they no longer belong together.
fn marked(header: &Header) -> Option<(usize, Vec<usize>)> {
    let is_marked = |at: &usize| header.variables[*at].attributes.text(TYPE_KEY).is_some();
    let found: Vec<usize> = (0..header.variables.len()).filter(is_marked).collect();
    shared(header, &found).map(|dim| (dim, found))
}

/// The dimension of the rows and the variables of a file that has several, all along one dimension.
/// The coordinate of that dimension comes first.
fn beside_each_other(header: &Header) -> Option<(usize, Vec<usize>)> {
    let mut found = candidates(header);
    let is_along_one = |at: &usize| header.variables[*at].dims.len() == 1;
    if found.len() < 2 || !found.iter().all(is_along_one) {
        return None;
    }
    let dim = shared(header, &found)?;
    let name = &header.dimensions.get(dim)?.name;
    let is_coordinate = |variable: &Variable| {
        variable.name == *name && variable.dims == [dim] && variable.kind.is_number()
    };
    if let Some(at) = header.variables.iter().position(is_coordinate) {
        found.insert(0, at);
    }
    Some((dim, found))
}

/// The first dimension, if all variables have the same.
fn shared(header: &Header, variables: &[usize]) -> Option<usize> {
    let first = |at: &usize| header.variables[*at].dims.first().copied();
    let dim = variables.first().and_then(first)?;
    let numbers = |at: &usize| header.variables[*at].kind.is_number();
    let same = variables.iter().all(|at| first(at) == Some(dim));
    (same && variables.iter().all(numbers)).then_some(dim)
}

impl Column {
    fn of(header: &Header, variable: &Variable) -> Result<Self, ArrowError> {
        let text = |name: &str| variable.attributes.text(name);
        let stated: Option<DataType> = text(TYPE_KEY).and_then(|text| text.parse().ok());
        let units = text("units")
            .filter(|units| units.contains(" since "))
            .and_then(|units| TimeUnits::parse(units, text("calendar").unwrap_or("standard")))
            .filter(|units| units.calendar().fits_timestamps());
        let units = units.filter(|_| stated.as_ref().is_none_or(DataType::is_temporal));
        let number = stated.unwrap_or_else(|| match &units {
            Some(_) => DataType::Timestamp(TimeUnit::Millisecond, None),
            None => stored_type(variable),
        });
        let inner: Vec<u64> = header.shape(variable).into_iter().skip(1).collect();
        let dims = variable.dims.iter().skip(1);
        let names = dims.filter_map(|dim| header.dimensions.get(*dim));
        let names = names.map(|dim| dim.name.clone()).collect();
        let name = text(NAME_KEY).unwrap_or_else(|| variable.own_name());
        let mut field = match inner.is_empty() {
            true => Field::new(name, number, true),
            false => {
                let shape = inner.iter().map(|length| to_usize(*length)).collect();
                Tensor::new(shape, names).field(name, number)?
            }
        };
        for key in ["units", "calendar", "long_name", "standard_name"] {
            if let Some(text) = text(key).filter(|text| !text.is_empty()) {
                field.metadata_mut().insert(key.to_owned(), text.to_owned());
            }
        }
        Ok(Self {
            variable: variable.clone(),
            packing: Packing::of(variable),
            units,
            inner,
            field,
        })
    }

    fn row_bytes(&self) -> u64 {
        self.inner.iter().copied().fold(8, u64::saturating_mul)
    }

    fn read(&self, file: &NetcdfFile, first: u64, count: u64) -> Result<ArrayRef, NetcdfError> {
        let mut slab = Slab {
            start: vec![0; self.inner.len() + 1],
            count: [&[count], self.inner.as_slice()].concat(),
        };
        slab.start[0] = first;
        let stored = file.read(&self.variable, &slab)?;
        self.array(stored).map_err(|source| NetcdfError::Arrow {
            path: file.path.clone(),
            source,
        })
    }

    fn array(&self, stored: Vec<f64>) -> Result<ArrayRef, ArrowError> {
        let values = self.packing.values(stored);
        let (number, list) = match self.field.data_type() {
            DataType::FixedSizeList(item, length) => (item.data_type(), Some((item, *length))),
            other => (other, None),
        };
        let plain: ArrayRef = match &self.units {
            Some(units) => {
                let known: Vec<f64> = values.iter().copied().flatten().collect();
                if !units.are_whole_milliseconds(&known) {
                    return Err(ArrowError::CastError(
                        "has times between two milliseconds, which would be cut; read the file `as: file`".to_owned(),
                    ));
                }
                let is_no_moment =
                    |value: &&f64| value.is_finite() && units.moment_ms(**value).is_none();
                if let Some(value) = known.iter().find(is_no_moment) {
                    return Err(ArrowError::CastError(format!(
                        "has the time {value}, which is not a moment in its units; read the file `as: file`"
                    )));
                }
                let moment = |value: Option<f64>| value.and_then(|value| units.moment_ms(value));
                let moments = values.into_iter().map(moment);
                Arc::new(moments.collect::<TimestampMillisecondArray>())
            }
            None => Arc::new(values.into_iter().collect::<Float64Array>()),
        };
        let strict = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let plain = match number {
            // Without a zone, the instants would count as local times of the other zone.
            DataType::Timestamp(_, Some(_)) => {
                let utc = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
                cast_with_options(&plain, &utc, &strict)?
            }
            _ => plain,
        };
        let plain = cast_with_options(&plain, number, &strict)?;
        Ok(match list {
            None => plain,
            Some((item, length)) => Arc::new(FixedSizeListArray::try_new(
                Arc::clone(item),
                length,
                plain,
                None,
            )?),
        })
    }
}

/// The type of a variable's values, if the file does not state one.
fn stored_type(variable: &Variable) -> DataType {
    let is_packed = ["scale_factor", "add_offset"]
        .iter()
        .any(|name| variable.attributes.get(name).is_some());
    match variable.kind {
        Kind::Float => DataType::Float32,
        _ if is_packed => DataType::Float64,
        Kind::Byte => DataType::Int8,
        Kind::UByte => DataType::UInt8,
        Kind::Short => DataType::Int16,
        Kind::UShort => DataType::UInt16,
        Kind::Int => DataType::Int32,
        Kind::UInt => DataType::UInt32,
        // Numbers are read in double precision.
        Kind::Int64 | Kind::UInt64 | Kind::Double | Kind::Text | Kind::Other => DataType::Float64,
    }
}
