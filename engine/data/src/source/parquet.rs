//! Reads Parquet files. Page checksums are verified, footers must be consistent, and decompressed
//! sizes are limited before memory is allocated.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::Int32Type;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Encoding, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use sunward_files::open_regular;
use sunward_workflows::quoted;

use super::Opened;
use crate::encode::WRITTEN_SCHEMA;
use crate::error::DataError;
use crate::foreign::{self, Expansion};

/// The approximate bytes of a batch.
const BATCH_BYTES: u64 = 8 << 20;
/// The most rows of a batch.
const BATCH_ROWS: usize = 65_536;
/// The most bytes of a batch, under the assumption that every cell is as large as the pages of its
/// column.
const WORST_BATCH_BYTES: u64 = 1 << 30;

type Builder = ParquetRecordBatchReaderBuilder<File>;

/// Opens a Parquet file.
pub(super) fn open(path: &Path) -> Result<Opened, DataError> {
    let (builder, schema) = foreign::guarded(path, PARQUET, || builder(path))??;
    let rows = batch_rows(builder.metadata());
    let reader = foreign::guarded(path, PARQUET, || builder.with_batch_size(rows).build())?
        .map_err(|error| fault(path, &error.to_string()))?;
    let mut expansion = Expansion::of(path)?;
    let (place, target) = (path.to_owned(), schema.clone());
    let rows = reader.flat_map(move |batch| {
        let plain = batch
            .map_err(|error| fault(&place, &error.to_string()))
            .and_then(|batch| plain(&place, &batch, &target, &mut expansion));
        match plain {
            Ok(batches) => batches.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }
    });
    Ok(Opened {
        schema,
        rows: Box::new(rows),
    })
}

/// Reads the schema and the number of rows from the footer.
pub(super) fn probe(path: &Path) -> Result<(Schema, Option<u64>), DataError> {
    let (builder, schema) = foreign::guarded(path, PARQUET, || builder(path))??;
    let rows = builder.metadata().file_metadata().num_rows();
    Ok((schema.as_ref().clone(), u64::try_from(rows).ok()))
}

const PARQUET: &str = "Parquet file";

/// Creates a reader, and the schema of its rows.
fn builder(path: &Path) -> Result<(Builder, SchemaRef), DataError> {
    let open = || open_regular(path).map_err(DataError::io("open", path));
    let failed = |error: ParquetError| fault(path, &error.to_string());
    let first = Builder::try_new(open()?).map_err(failed)?;
    agrees(path, first.metadata())?;
    let mut schema = first.schema().as_ref().clone();
    let late = is_late(path, &first)?;
    let names = dictionary_columns(first.metadata());
    let mut read: Vec<Field> = Vec::with_capacity(schema.fields().len());
    let mut given: Vec<Field> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let mut target = field.as_ref().clone();
        if late
            && matches!(
                target.data_type(),
                DataType::Timestamp(TimeUnit::Nanosecond, None)
            )
        {
            target = target.with_data_type(DataType::Timestamp(TimeUnit::Microsecond, None));
        }
        let packed = names.contains(target.name()) && is_text(target.data_type());
        read.push(if packed {
            let values = Box::new(target.data_type().clone());
            let packed = DataType::Dictionary(Box::new(DataType::Int32), values);
            target.clone().with_data_type(packed)
        } else {
            target.clone()
        });
        given.push(target);
    }
    let metadata = schema.metadata.clone();
    schema = Schema::new_with_metadata(given, metadata.clone());
    let options =
        ArrowReaderOptions::new().with_schema(Arc::new(Schema::new_with_metadata(read, metadata)));
    let builder = reopened(open()?, &first, options).map_err(failed)?;
    let schema = as_written(schema, builder.metadata());
    Ok((builder, Arc::new(schema)))
}

/// A reader with other options. The footer is not read again.
fn reopened(
    file: File,
    first: &Builder,
    options: ArrowReaderOptions,
) -> Result<Builder, ParquetError> {
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(first.metadata()), options)?;
    Ok(Builder::new_with_metadata(file, metadata))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::Binary | DataType::LargeUtf8 | DataType::LargeBinary
    )
}

/// Refuses a footer whose counts contradict each other, because only some of the rows would be
/// read.
fn agrees(path: &Path, metadata: &ParquetMetaData) -> Result<(), DataError> {
    let stated = metadata.file_metadata().num_rows();
    let held = metadata
        .row_groups()
        .iter()
        .try_fold(0_i64, |sum, group| sum.checked_add(group.num_rows()));
    if stated < 0 || held != Some(stated) {
        let held = held.map_or_else(
            || "more than can be counted".into(),
            |rows| rows.to_string(),
        );
        let found = format!("its footer says {stated} rows, its row groups hold {held}");
        return Err(fault(path, &found));
    }
    for group in metadata.row_groups() {
        for column in group.columns() {
            let flat = column.column_descr().max_rep_level() == 0;
            if flat && column.num_values() != group.num_rows() {
                return Err(fault(
                    path,
                    &format!(
                        "column {} says {} values in a row group of {} rows",
                        quoted(column.column_path()),
                        column.num_values(),
                        group.num_rows()
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// The top-level byte columns that have a dictionary. They are read as keys and values, because a
/// dictionary of one long value and many keys is small in the file and arbitrarily large when it is
/// expanded.
fn dictionary_columns(metadata: &ParquetMetaData) -> Vec<String> {
    let mut names = Vec::new();
    for column in metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns())
    {
        let path = column.column_path().parts();
        let dictionary = column.dictionary_page_offset().is_some()
            || column
                .encodings()
                .any(|e| matches!(e, Encoding::RLE_DICTIONARY));
        if let ([name], true, Physical::BYTE_ARRAY) = (path, dictionary, column.column_type())
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    }
    names
}

/// Whether an INT96 column has a time outside the range of 64-bit nanoseconds: before 1677 or after
/// 2262. Such a file is read in microseconds.
fn is_late(path: &Path, first: &Builder) -> Result<bool, DataError> {
    let columns = first.parquet_schema().columns();
    let wide: Vec<usize> = (0..columns.len())
        .filter(|at| columns[*at].physical_type() == Physical::INT96)
        .collect();
    let top: Vec<String> = wide
        .iter()
        .filter_map(|at| match columns[*at].path().parts() {
            [name] => Some(name.clone()),
            _ => None,
        })
        .collect();
    if top.is_empty() {
        return Ok(false);
    }
    let fields: Vec<Field> = first
        .schema()
        .fields()
        .iter()
        .map(|field| {
            let field = field.as_ref().clone();
            if top.contains(field.name()) {
                return field.with_data_type(DataType::Timestamp(TimeUnit::Microsecond, None));
            }
            field
        })
        .collect();
    let failed = |error: ParquetError| fault(path, &error.to_string());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    let file = open_regular(path).map_err(DataError::io("open", path))?;
    let builder = reopened(file, first, options).map_err(failed)?;
    let mask = ProjectionMask::leaves(builder.parquet_schema(), wide);
    for batch in builder.with_projection(mask).build().map_err(failed)? {
        let batch = batch.map_err(|error| fault(path, &error.to_string()))?;
        for column in batch.columns() {
            let Some(micros) =
                column.as_primitive_opt::<arrow::datatypes::TimestampMicrosecondType>()
            else {
                continue;
            };
            if micros
                .iter()
                .flatten()
                .any(|us| us.checked_mul(1000).is_none())
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The original schema, if Sunward wrote the table with types that Parquet lacks.
fn as_written(read: Schema, metadata: &ParquetMetaData) -> Schema {
    let pairs = metadata.file_metadata().key_value_metadata();
    let text = pairs
        .into_iter()
        .flatten()
        .find(|pair| pair.key == WRITTEN_SCHEMA)
        .and_then(|pair| pair.value.as_deref());
    let mut metadata = read.metadata.clone();
    metadata.remove(WRITTEN_SCHEMA);
    let read = Schema::new_with_metadata(read.fields, metadata);
    let Some(written) = text.and_then(|text| serde_json::from_str::<Schema>(text).ok()) else {
        return read;
    };
    let same = written.fields().len() == read.fields().len()
        && written.fields().iter().zip(read.fields()).all(|(a, b)| {
            a.name() == b.name() && arrow::compute::can_cast_types(b.data_type(), a.data_type())
        });
    if same { written } else { read }
}

/// Expands the dictionaries of a batch, and splits it into batches of limited size.
fn plain(
    path: &Path,
    batch: &RecordBatch,
    schema: &SchemaRef,
    expansion: &mut Expansion,
) -> Result<Vec<RecordBatch>, DataError> {
    let rows = batch.num_rows();
    let mut row_bytes = vec![0_u64; rows];
    for column in batch.columns() {
        if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() {
            let sizes = cell_bytes(dictionary.values());
            for (total, key) in row_bytes.iter_mut().zip(dictionary.keys()) {
                let at = key.and_then(|key| usize::try_from(key).ok());
                let cell = at.and_then(|at| sizes.get(at)).copied().unwrap_or(0);
                *total = total.saturating_add(cell);
            }
        }
    }
    let written = row_bytes
        .iter()
        .fold(0_u64, |sum, row| sum.saturating_add(*row));
    let rest = u64::try_from(batch.get_array_memory_size()).unwrap_or(u64::MAX);
    expansion.add(written.saturating_add(rest))?;
    let mut pieces = Vec::new();
    let (mut start, mut held) = (0, 0_u64);
    for (row, bytes) in row_bytes.iter().enumerate() {
        held = held.saturating_add(*bytes);
        if held > 8 * BATCH_BYTES || row + 1 == rows {
            pieces.push(cast_all(
                path,
                &batch.slice(start, row + 1 - start),
                schema,
            )?);
            (start, held) = (row + 1, 0);
        }
    }
    if rows == 0 {
        pieces.push(cast_all(path, batch, schema)?);
    }
    Ok(pieces)
}

fn cell_bytes(values: &ArrayRef) -> Vec<u64> {
    let length = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    (0..values.len())
        .map(|at| match values.data_type() {
            DataType::Utf8 => length(values.as_string::<i32>().value(at).len()),
            DataType::LargeUtf8 => length(values.as_string::<i64>().value(at).len()),
            DataType::Binary => length(values.as_binary::<i32>().value(at).len()),
            DataType::LargeBinary => length(values.as_binary::<i64>().value(at).len()),
            _ => 0,
        })
        .collect()
}

fn cast_all(
    path: &Path,
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, DataError> {
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                return Ok(column.clone());
            }
            cast_with_options(column, field.data_type(), &strict)
                .map_err(|error| fault(path, &format!("column {}: {error}", quoted(field.name()))))
        })
        .collect::<Result<Vec<ArrayRef>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|error| fault(path, &error.to_string()))
}

/// The number of rows of a batch. A batch has a few megabytes, whether a row is a number or a map
/// of the world. Even if every cell is as long as its column allows, the batch is not too large.
fn batch_rows(metadata: &ParquetMetaData) -> usize {
    let (mut bytes, mut rows, mut worst_row) = (0_u64, 0_u64, 1_u64);
    for group in metadata.row_groups() {
        bytes = bytes.saturating_add(u64::try_from(group.total_byte_size()).unwrap_or(0));
        rows = rows.saturating_add(u64::try_from(group.num_rows()).unwrap_or(0));
        for column in group.columns() {
            // With nested dictionaries and with shared prefixes, any cell may be that long.
            let nested = column.column_path().parts().len() > 1;
            let shares = column.encodings().any(|encoding| {
                encoding == Encoding::DELTA_BYTE_ARRAY
                    || (nested && encoding == Encoding::RLE_DICTIONARY)
            });
            if shares && column.column_type() == Physical::BYTE_ARRAY {
                let chunk = u64::try_from(column.uncompressed_size()).unwrap_or(0);
                worst_row = worst_row.max(chunk);
            }
        }
    }
    let row_bytes = (bytes / rows.max(1)).max(1);
    let wanted = (BATCH_BYTES / row_bytes).min(WORST_BATCH_BYTES / worst_row);
    usize::try_from(wanted)
        .unwrap_or(BATCH_ROWS)
        .clamp(1, BATCH_ROWS)
}

fn fault(path: &Path, found: &str) -> DataError {
    if found.contains("CRC checksum mismatch") {
        return DataError::Format {
            path: PathBuf::from(path),
            expected: PARQUET,
            found: "a page does not match its checksum".to_owned(),
            hint: "the file is damaged; copy or write it again".to_owned(),
        };
    }
    let encrypted = found.to_ascii_lowercase().contains("encrypt");
    DataError::Format {
        path: PathBuf::from(path),
        expected: PARQUET,
        found: if encrypted {
            format!("it is encrypted ({found})")
        } else {
            found.to_owned()
        },
        hint: if encrypted {
            "decrypt it first, for example with pyarrow; Sunward has no keys".into()
        } else {
            "write it again, and close the writer before the program ends".into()
        },
    }
}
