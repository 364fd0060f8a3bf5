//! Writes a table as one file for other programs: Arrow, Parquet, CSV or NetCDF.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::csv::WriterBuilder;
use arrow::ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use sunward_workflows::{Form, quoted};

use crate::behind::WriteBehind;
use crate::error::DataError;
use crate::foreign::caught;
use crate::instants::{self, is_named};
use crate::items::value_at;
use crate::nearest;
use crate::netcdf::{self, NetcdfError};
use crate::reader::Batches;
use crate::writer::options;

/// The key under which a Parquet file keeps the original schema, as JSON.
pub(crate) const WRITTEN_SCHEMA: &str = "sunward:schema";

/// The most rows of a Parquet row group.
const GROUP_ROWS: usize = 1 << 20;

/// The usual suffix of a table's file in this form.
#[must_use]
pub fn suffix(form: Form) -> &'static str {
    match form {
        Form::Arrow | Form::File | Form::Files => "arrow",
        Form::Parquet => "parquet",
        Form::Csv => "csv",
        Form::Netcdf => "nc",
    }
}

/// Batches of rows, as they come.
trait Rows: Iterator<Item = Result<RecordBatch, DataError>> {}

impl<T: Iterator<Item = Result<RecordBatch, DataError>>> Rows for T {}

/// Writes one batch of rows as a file of its own. What is there is replaced. NetCDF is not a form for
/// it.
///
/// # Errors
///
/// Fails if the file cannot be written, or its form cannot hold the columns.
pub fn write_table(form: Form, batch: RecordBatch, path: &Path) -> Result<(), DataError> {
    let file = File::create(path).map_err(DataError::io("create", path))?;
    let (schema, file) = (batch.schema(), WriteBehind::new(file));
    let rows = std::iter::once(Ok(batch));
    let file = match form {
        Form::Arrow | Form::File | Form::Files => write_arrow(&schema, rows, file, path)?,
        Form::Parquet => write_parquet(&schema, rows, file, path)?,
        Form::Csv => write_csv(&schema, rows, file, path)?,
        Form::Netcdf => {
            return Err(DataError::Unsupported(format!(
                "cannot write {} as NetCDF",
                sunward_files::shown(path)
            )));
        }
    };
    file.sync().map_err(DataError::io("sync", path))
}

/// Writes a table to a file that is open at its beginning, and makes it durable.
pub(crate) fn write(
    form: Form,
    schema: &SchemaRef,
    batches: Batches,
    file: File,
    path: &Path,
) -> Result<(), DataError> {
    let file = match form {
        Form::Netcdf => return write_netcdf(schema, batches, file, path),
        Form::Arrow | Form::File | Form::Files => {
            write_arrow(schema, batches, WriteBehind::new(file), path)?
        }
        Form::Parquet => write_parquet(schema, batches, WriteBehind::new(file), path)?,
        Form::Csv => write_csv(schema, batches, WriteBehind::new(file), path)?,
    };
    file.sync().map_err(DataError::io("sync", path))
}

fn write_arrow(
    schema: &SchemaRef,
    batches: impl Rows,
    file: WriteBehind,
    path: &Path,
) -> Result<WriteBehind, DataError> {
    let sink = BufWriter::new(file);
    let mut writer = FileWriter::try_new_with_options(sink, schema, options()?)
        .map_err(DataError::writing(path))?;
    for batch in batches {
        writer.write(&batch?).map_err(DataError::writing(path))?;
    }
    let sink = writer.into_inner().map_err(DataError::writing(path))?;
    unbuffer(sink, path)
}

fn write_parquet(
    schema: &SchemaRef,
    batches: impl Rows,
    file: WriteBehind,
    path: &Path,
) -> Result<WriteBehind, DataError> {
    let nearest = Arc::new(nearest::schema(schema));
    let written = (nearest != *schema)
        .then(|| serde_json::to_string(schema.as_ref()))
        .transpose()
        .map_err(|error| DataError::Unsupported(format!("cannot describe a schema: {error}")))?
        .map(|text| vec![KeyValue::new(WRITTEN_SCHEMA.to_owned(), text)]);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(written)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build();
    let fault = |error: ParquetError| match error {
        ParquetError::External(source) if source.is::<std::io::Error>() => DataError::Io {
            what: "write",
            path: path.to_owned(),
            source: source
                .downcast::<std::io::Error>()
                .map_or_else(|_| std::io::Error::other("unknown"), |e| *e),
        },
        other => DataError::Unsupported(format!(
            "cannot write {} as Parquet: {other}; `as: arrow` holds every table",
            sunward_files::shown(path)
        )),
    };
    let sink = BufWriter::new(file);
    // The writer panics on some types that it claims to support.
    let write = || {
        let mut writer =
            ArrowWriter::try_new(sink, nearest.clone(), Some(properties)).map_err(fault)?;
        for batch in batches {
            writer
                .write(&nearest::batch(&batch?, &nearest)?)
                .map_err(fault)?;
        }
        unbuffer(writer.into_inner().map_err(fault)?, path)
    };
    caught(write).unwrap_or_else(|_| {
        let types: BTreeSet<String> = schema
            .fields()
            .iter()
            .map(|field| field.data_type().to_string())
            .collect();
        let types: Vec<String> = types.into_iter().collect();
        Err(DataError::Unsupported(format!(
            "cannot write {} as Parquet: its writer fails on a column of type {}; `as: arrow` holds every table",
            sunward_files::shown(path),
            types.join(" or ")
        )))
    })
}

fn write_csv(
    schema: &SchemaRef,
    batches: impl Rows,
    file: WriteBehind,
    path: &Path,
) -> Result<WriteBehind, DataError> {
    let nearest = Arc::new(nearest::schema(schema));
    let flat = Arc::new(flat_schema(&nearest));
    let mut writer = WriterBuilder::new()
        .with_header(true)
        .build(BufWriter::new(file));
    let mut any = false;
    for batch in batches {
        let batch = flatten(&nearest::batch(&batch?, &nearest)?, &flat)?;
        any = true;
        writer.write(&batch).map_err(DataError::writing(path))?;
    }
    if !any {
        // The header is written with the first batch, so a table without rows needs an empty one.
        let empty = RecordBatch::new_empty(flat);
        writer.write(&empty).map_err(DataError::writing(path))?;
    }
    unbuffer(writer.into_inner(), path)
}

/// The header contains the number of rows, so the file must be seekable.
fn write_netcdf(
    schema: &SchemaRef,
    batches: Batches,
    file: File,
    path: &Path,
) -> Result<(), DataError> {
    let handle = file.try_clone().map_err(DataError::io("write", path))?;
    netcdf::write_to(file, &sunward_files::shown(path), schema, batches).map_err(|error| {
        match error {
            NetcdfError::Io { source, .. } => DataError::io("write", path)(source),
            NetcdfError::Rows { path, source } => match source.downcast::<DataError>() {
                Ok(source) => *source,
                Err(source) => NetcdfError::Rows { path, source }.into(),
            },
            other => other.into(),
        }
    })?;
    handle.sync_all().map_err(DataError::io("sync", path))
}

/// The file below a buffer, with everything written to it.
pub(crate) fn unbuffer(
    sink: BufWriter<WriteBehind>,
    path: &Path,
) -> Result<WriteBehind, DataError> {
    let mut sink = sink;
    sink.flush().map_err(DataError::io("write", path))?;
    sink.into_inner()
        .map_err(|error| DataError::io("write", path)(error.into_error()))
}

/// CSV cannot express nested types; such columns become JSON text. Instants in a named zone become
/// text here, because the writer drops seconds of an offset. Half precision is written as single
/// precision, which keeps the fraction of whole numbers.
fn flat_schema(schema: &Schema) -> Schema {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| {
            let data_type = field.data_type();
            if data_type.is_nested() || is_named(data_type) {
                Field::new(field.name(), DataType::Utf8, true)
            } else if *data_type == DataType::Float16 {
                field.as_ref().clone().with_data_type(DataType::Float32)
            } else {
                field.as_ref().clone()
            }
        })
        .collect();
    Schema::new(fields)
}

fn flatten(batch: &RecordBatch, flat: &SchemaRef) -> Result<RecordBatch, DataError> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(batch.schema_ref().fields())
        .map(|(array, field)| {
            if array.data_type().is_nested() {
                json_texts(array)
            } else if is_named(array.data_type()) {
                let context = format!("cannot write column {}", quoted(field.name()));
                instants::texts(array).map_err(DataError::arrow(context))
            } else if *array.data_type() == DataType::Float16 {
                cast(array, &DataType::Float32).map_err(DataError::arrow("cannot write numbers"))
            } else {
                Ok(array.clone())
            }
        })
        .collect::<Result<_, _>>()?;
    RecordBatch::try_new(flat.clone(), columns)
        .map_err(DataError::arrow("cannot write rows as CSV"))
}

fn json_texts(array: &ArrayRef) -> Result<ArrayRef, DataError> {
    let texts: Vec<Option<String>> = (0..array.len())
        .map(|row| {
            if array.is_null(row) {
                return Ok(None);
            }
            value_at(array, row).map(|value| Some(value.to_json().to_string()))
        })
        .collect::<Result<_, DataError>>()?;
    Ok(Arc::new(StringArray::from(texts)))
}
