//! CSV and TSV: a header, then rows; types from what all of the rows hold.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use sunward_files::open_regular;

use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use arrow::error::ArrowError;
use arrow_schema::{DataType, Field, Schema};

use super::Opened;
use crate::error::DataError;

/// Rows read at a time.
const BATCH_ROWS: usize = 8192;

/// Opens a file. Types are inferred from every row: a column is a whole number, a number, a truth
/// value, a date or a time when all of its values are, and text otherwise; empty cells are null.
/// Columns that are declared have their declared types instead.
pub(super) fn open(
    path: &Path,
    delimiter: u8,
    declared: Option<&[Field]>,
) -> Result<Opened, DataError> {
    let (schema, _) = infer(path, delimiter, None)?;
    let schema = Arc::new(with_declared(path, schema, declared)?);
    let reader = ReaderBuilder::new(schema.clone())
        .with_header(true)
        .with_delimiter(delimiter)
        .with_batch_size(BATCH_ROWS)
        .build_buffered(text(path)?)
        .map_err(|error| fault(path, &error))?;
    let place = path.to_owned();
    let rows = reader.map(move |batch| batch.map_err(|error| fault(&place, &error)));
    Ok(Opened {
        schema,
        rows: Box::new(rows),
    })
}

/// Columns and the number of rows looked at.
pub(super) fn infer(
    path: &Path,
    delimiter: u8,
    rows: Option<usize>,
) -> Result<(Schema, usize), DataError> {
    let mut source = text(path)?;
    let empty = source
        .fill_buf()
        .map_err(DataError::io("read", path))?
        .is_empty();
    if empty {
        return Err(DataError::Format {
            path: path.to_owned(),
            expected: "CSV file",
            found: "it is empty".into(),
            hint: "a table without rows still has a line of column names".into(),
        });
    }
    let (schema, rows) = Format::default()
        .with_header(true)
        .with_delimiter(delimiter)
        .infer_schema(source, rows)
        .map_err(|error| fault(path, &error))?;
    let mut seen = BTreeSet::new();
    if let Some(twice) = schema.fields().iter().find(|f| !seen.insert(f.name())) {
        return Err(DataError::Format {
            path: path.to_owned(),
            expected: "CSV file",
            found: format!("two columns are called '{}'", twice.name()),
            hint: "give each column a name of its own".into(),
        });
    }
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            // Nothing but empty cells: text says least.
            DataType::Null => Field::new(field.name(), DataType::Utf8, true),
            _ => field.as_ref().clone(),
        })
        .collect();
    Ok((Schema::new(fields), rows))
}

fn with_declared(
    path: &Path,
    inferred: Schema,
    declared: Option<&[Field]>,
) -> Result<Schema, DataError> {
    let Some(declared) = declared else {
        return Ok(inferred);
    };
    let fields: Vec<Field> = inferred
        .fields()
        .iter()
        .map(|field| {
            let declared = declared.iter().find(|d| d.name() == field.name());
            declared.unwrap_or(field).clone()
        })
        .collect();
    if let Some(field) = fields.iter().find(|f| f.data_type().is_nested()) {
        return Err(DataError::Schema {
            place: path.display().to_string(),
            column: field.name().clone(),
            found: "is text in a CSV file".into(),
            expected: field.data_type().to_string(),
            hint: "write lists, tensors and structs as `format: arrow` or `format: parquet`".into(),
        });
    }
    Ok(Schema::new(fields))
}

/// A file's text without the mark by which some programs announce UTF-8.
fn text(path: &Path) -> Result<BufReader<File>, DataError> {
    let file = open_regular(path).map_err(DataError::io("open", path))?;
    let mut source = BufReader::with_capacity(1 << 16, file);
    let marked = source
        .fill_buf()
        .map_err(DataError::io("read", path))?
        .starts_with(&[0xef, 0xbb, 0xbf]);
    if marked {
        source.consume(3);
    }
    Ok(source)
}

fn fault(path: &Path, error: &ArrowError) -> DataError {
    let found = match error {
        ArrowError::CsvError(text) | ArrowError::ParseError(text) => text.clone(),
        other => other.to_string(),
    };
    DataError::Format {
        path: path.to_owned(),
        expected: "CSV file",
        found,
        hint: "every row needs as many cells as the header, in UTF-8; quote cells that hold a separator".into(),
    }
}
