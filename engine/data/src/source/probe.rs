//! Examines files without converting them, for `check`, which runs nothing.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use arrow_schema::Schema;
use sunward_files::spelling::{REMEDY, other_spelling};
use sunward_files::{irregular, open_regular};
use sunward_workflows::{ColumnSpec, FileFact, Form, Input, from_arrow};

use super::{
    SourceFormat, SourceOptions, csv, format_of, layout, local_path, open, parquet, pdbqt, sdf,
    smiles, stream,
};
use crate::adopt::as_declared;
use crate::error::DataError;
use crate::foreign;
use crate::gather::column_indices;
use crate::halt::Halt;
use crate::netcdf;
use crate::part::Part;

/// Text files of at most this many bytes are read completely, so that types and numbers of rows are
/// exact. Of larger files, only the first rows are read, and later rows may widen the types.
const WHOLE_BYTES: u64 = 8 << 20;
/// The number of rows that are read of a larger file.
const HEAD_ROWS: usize = 10_000;

/// Examines a source as `input` reads it. A file that is passed on unchanged is not opened. The
/// columns of the input are not selected, so that an error can name the missing ones.
#[must_use]
pub fn probe_input(source: &str, input: &Input) -> FileFact {
    if input.form == Form::File {
        return probe_path(source);
    }
    let options = SourceOptions {
        columns: Vec::new(),
        ..SourceOptions::of(input)
    };
    probe(source, &options)
}

/// Examines whether a file or folder exists. It is not opened.
#[must_use]
pub fn probe_path(source: &str) -> FileFact {
    match look(source) {
        Ok((_, found)) if found.is_dir() => FileFact::Folder,
        Ok(_) => FileFact::File,
        Err(fact) => fact,
    }
}

/// Reads the metadata of a source. FIFOs and devices are refused.
fn look(source: &str) -> Result<(PathBuf, Metadata), FileFact> {
    let unreadable = |error: DataError| FileFact::Unreadable(error.to_string());
    let path = local_path(source).map_err(unreadable)?;
    match fs::metadata(&path) {
        Ok(found) if found.is_dir() => Ok((path, found)),
        Ok(found) => match irregular(found.file_type()) {
            Some(what) => Err(FileFact::Unreadable(format!(
                "it is {what}; expected a regular file or a folder"
            ))),
            None => Ok((path, found)),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Err(match other_spelling(&path) {
            Some(other) => FileFact::Unreadable(format!(
                "there is no such file as it is written, but {} in another spelling: {REMEDY}",
                sunward_files::shown(&other)
            )),
            None => FileFact::Missing,
        }),
        Err(error) => Err(unreadable(DataError::io("read", &path)(error))),
    }
}

/// Examines a path or a `file://` URL as a table. The columns come from a footer, a header or the
/// first rows.
#[must_use]
pub fn probe(source: &str, options: &SourceOptions) -> FileFact {
    let (path, found) = match look(source) {
        Ok(found) => found,
        Err(fact) => return fact,
    };
    if found.is_dir() {
        return FileFact::Folder;
    }
    let table = foreign::guarded(&path, "table", || table(&path, found.len(), options));
    match table.and_then(|table| table) {
        Ok(Some((schema, rows))) => FileFact::Table {
            columns: schema.fields().iter().map(|f| from_arrow(f)).collect(),
            rows,
        },
        Ok(None) => FileFact::File,
        Err(error) => FileFact::Unreadable(error.to_string()),
    }
}

type Found = Option<(Schema, Option<u64>)>;

fn table(path: &Path, bytes: u64, options: &SourceOptions) -> Result<Found, DataError> {
    let format = match options.format {
        Some(format) => format,
        None => match format_of(path)? {
            Some(format) => format,
            None => return Ok(None),
        },
    };
    let is_text = matches!(format, SourceFormat::Csv | SourceFormat::Tsv);
    let is_whole = is_text && bytes <= WHOLE_BYTES;
    let (schema, rows) = match format {
        SourceFormat::Arrow => arrow(path)?,
        SourceFormat::Parquet => parquet::probe(path)?,
        SourceFormat::Csv | SourceFormat::Tsv => text(path, &layout(format, options), bytes)?,
        SourceFormat::Smiles => (smiles::schema().as_ref().clone(), None),
        SourceFormat::Netcdf => netcdf(path, options)?,
        SourceFormat::Pdbqt => (pdbqt::schema().as_ref().clone(), None),
        SourceFormat::Sdf => (sdf::schema(path)?.as_ref().clone(), None),
    };
    fits_declared(path, &schema, options, is_whole)?;
    if options.columns.is_empty() {
        return Ok(Some((schema, rows)));
    }
    let indices = column_indices(&schema, &options.columns)?;
    let schema = schema
        .project(&indices)
        .map_err(DataError::arrow("cannot select columns"))?;
    Ok(Some((schema, rows)))
}

/// Reads the rows with the types that the input declares, as a run does: all of them, or the first.
/// Columns that the file lacks are reported by name elsewhere.
fn fits_declared(
    path: &Path,
    found: &Schema,
    options: &SourceOptions,
    is_whole: bool,
) -> Result<(), DataError> {
    let Some(declared) = options.schema.as_deref() else {
        return Ok(());
    };
    let has = |column: &ColumnSpec| found.column_with_name(&column.name).is_some();
    if !declared.iter().all(has) {
        return Ok(());
    }
    let opened = open(path, options, &Halt::default())?;
    let mut left = if is_whole { usize::MAX } else { HEAD_ROWS };
    for batch in as_declared(path, opened, Some(declared))?.rows {
        left = left.saturating_sub(batch?.num_rows());
        if left == 0 {
            break;
        }
    }
    Ok(())
}

fn arrow(path: &Path) -> Result<(Schema, Option<u64>), DataError> {
    if stream::is_stream(path)? {
        return Ok((stream::open(path)?.schema().as_ref().clone(), None));
    }
    let part = Part::open_foreign(path)?;
    Ok((part.schema().as_ref().clone(), Some(part.rows())))
}

fn text(path: &Path, layout: &csv::Layout, bytes: u64) -> Result<(Schema, Option<u64>), DataError> {
    if bytes > WHOLE_BYTES {
        return Ok((csv::infer(path, layout, Some(HEAD_ROWS))?.0, None));
    }
    let (schema, rows) = csv::infer(path, layout, None)?;
    Ok((schema, u64::try_from(rows).ok()))
}

fn netcdf(path: &Path, options: &SourceOptions) -> Result<(Schema, Option<u64>), DataError> {
    let file = open_regular(path).map_err(DataError::io("open", path))?;
    let name = sunward_files::shown(path);
    let variable = options.variable.as_deref();
    let table = netcdf::open(file, &name, variable, options.rows)?;
    Ok((table.schema.as_ref().clone(), Some(table.rows)))
}
