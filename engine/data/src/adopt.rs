//! Turns what a command wrote into a dataset: it is checked, then moved into the store or
//! converted.

use std::fs;
use std::io;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use sunward_core::{Blame, Dataset, DatasetKind, Digest, PartRef, Written};
use sunward_workflows::{ColumnSpec, Form, OutputFormat, from_arrow, to_arrow_field};

use crate::content::content_digest;
use crate::content::schema::{conform, same_type, type_text};
use crate::error::{DataError, io_blame};
use crate::halt::Halt;
use crate::incoming::Incoming;
use crate::mode::{is_ours_alone, lstat, mend};
use crate::part::{PART_BYTES, Part};
use crate::source::{Opened, SourceFormat, open_written};
use crate::store::Store;

/// Rows of an Arrow file that are hashed at a time.
const PIECE_ROWS: usize = 1 << 20;

/// The files directly in a folder.
const ALL_FILES: &str = "*";

impl Store {
    /// Takes what a command left at `path` as one of its outputs.
    ///
    /// An uncompressed Arrow file becomes a part by being renamed; anything else is converted.
    /// `declared` columns must exist with their types (further columns may exist). Encodings of the
    /// same values, for example `large_utf8` or a dictionary for `utf8`, are converted to the
    /// declared one.
    ///
    /// # Errors
    ///
    /// Fails if there is nothing, or not what was declared. The error names the file, the column,
    /// what was found and what was expected.
    pub fn adopt(
        &self,
        path: &Path,
        format: OutputFormat,
        declared: Option<&[ColumnSpec]>,
    ) -> Result<Dataset, DataError> {
        // A later step may move the file.
        let leads_away = leads_away(path);
        self.adopt_any(path, format, declared)
            .map_err(|error| of_command(error, path, format, leads_away))
    }

    fn adopt_any(
        &self,
        path: &Path,
        format: OutputFormat,
        declared: Option<&[ColumnSpec]>,
    ) -> Result<Dataset, DataError> {
        if let Err(error) = fs::symlink_metadata(path) {
            return Err(match error.kind() {
                io::ErrorKind::NotFound => DataError::Format {
                    path: path.to_owned(),
                    expected: format_name(format),
                    found: "nothing is there".into(),
                    hint: "the command must create it before it exits 0; its path is `${{ outputs.NAME }}` and $SUNWARD_OUTPUT_NAME".into(),
                },
                _ => DataError::io("read", path)(error),
            });
        }
        if let Some(found) = unkeepable(path) {
            return Err(DataError::Format {
                path: path.to_owned(),
                expected: format_name(format),
                found,
                hint: format!("write a {} there", file_or_folder(format)),
            });
        }
        mend(path, &lstat(path)?)?;
        if !is_folder(format) && path.is_dir() {
            return Err(DataError::Format {
                path: path.to_owned(),
                expected: format_name(format),
                found: "it is a folder".into(),
                hint: "write one file, or write `format: dir`".into(),
            });
        }
        match format {
            OutputFormat::Arrow => self.adopt_arrow(path, declared),
            OutputFormat::Parquet => {
                let opened = open_written(path, SourceFormat::Parquet, None, self.halt())?;
                let rows = as_declared(path, opened, declared)?;
                self.adopt_as_written(path, rows, (Form::Parquet, declared))
            }
            OutputFormat::Csv => {
                let opened = open_written(path, SourceFormat::Csv, declared, self.halt())?;
                let rows = as_declared(path, opened, declared)?;
                self.adopt_as_written(path, rows, (Form::Csv, declared))
            }
            OutputFormat::Netcdf => {
                let opened = open_written(path, SourceFormat::Netcdf, None, self.halt())?;
                self.store_rows(as_declared(path, opened, declared)?)
            }
            OutputFormat::File => self.adopt_file(path),
            OutputFormat::Dir => self.adopt_folder(path),
            OutputFormat::Files => self.adopt_matching(path, ALL_FILES),
        }
    }

    /// Keeps the rows for readers of tables, and the file for readers of the original bytes.
    fn adopt_as_written(
        &self,
        path: &Path,
        rows: Opened,
        (form, declared): (Form, Option<&[ColumnSpec]>),
    ) -> Result<Dataset, DataError> {
        let table = self.store_rows(rows)?;
        let written = Written {
            form,
            files: self.adopt_file(path)?.parts,
            declared: declared_names(declared),
        };
        Ok(self.with_written(table, written))
    }

    fn adopt_arrow(
        &self,
        path: &Path,
        declared: Option<&[ColumnSpec]>,
    ) -> Result<Dataset, DataError> {
        if !self.can_rename(path)? {
            return self.store_rows(as_declared(
                path,
                open_written(path, SourceFormat::Arrow, None, self.halt())?,
                declared,
            )?);
        }
        let part = match Part::open_foreign(path) {
            Ok(part) => part,
            // Perhaps a stream, which is as good.
            Err(error) => match open_written(path, SourceFormat::Arrow, None, self.halt()) {
                Ok(opened) => return self.store_rows(as_declared(path, opened, declared)?),
                Err(_) => return Err(error),
            },
        };
        let schema = declared_schema(path, part.schema(), declared)?;
        let too_large = part.bytes() > u64::try_from(PART_BYTES).unwrap_or(u64::MAX);
        let cut = too_large && self.remote().is_some();
        if part.is_compressed() || cut || schema.as_ref() != part.schema().as_ref() {
            return self.store_rows(as_declared(
                path,
                open_written(path, SourceFormat::Arrow, None, self.halt())?,
                declared,
            )?);
        }
        let (content, digest) = digests(path, &part, self.halt())?;
        let part_ref = PartRef {
            digest,
            bytes: part.bytes(),
            rows: part.rows(),
        };
        self.commit(Incoming::take_over(path), &digest)?;
        Ok(Dataset {
            kind: DatasetKind::Table,
            content,
            rows: part_ref.rows,
            parts: vec![part_ref],
            written: None,
            files: None,
        })
    }

    /// Whether renaming is safe: it is a regular file without another name, on the store's disk.
    fn can_rename(&self, path: &Path) -> Result<bool, DataError> {
        Ok(is_ours_alone(path)? && self.is_on_our_disk(path))
    }
}

/// Why nothing can be read at an output's path, whatever its format.
fn unkeepable(path: &Path) -> Option<String> {
    let kind = fs::symlink_metadata(path).ok()?.file_type();
    if !kind.is_symlink() {
        let kept = kind.is_file() || kind.is_dir();
        return (!kept).then(|| "it is a pipe, socket or device".to_owned());
    }
    let target = fs::read_link(path).unwrap_or_default();
    match fs::metadata(path) {
        Ok(end) if end.is_file() || end.is_dir() => None,
        Ok(_) => Some(format!(
            "it is a link to {}, which is a pipe, socket or device",
            sunward_files::shown(&target)
        )),
        Err(_) => Some(format!(
            "it is a link to {}, which does not exist",
            sunward_files::shown(&target)
        )),
    }
}

/// Whether an output is a link to a place that the command chose.
pub(crate) fn leads_away(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

/// An error of reading an output is the command's fault, if the command made it so: the output is a
/// link to something unreadable, or its modes or names prevent reading it. A failing disk is the
/// machine's fault, and so are errors of writing into the store.
pub(crate) fn of_command(
    error: DataError,
    output: &Path,
    format: OutputFormat,
    leads_away: bool,
) -> DataError {
    match error {
        DataError::Io { what, path, source }
            if matches!(what, "read" | "open" | "list") && path.starts_with(output) =>
        {
            let permanent = io_blame(&source) == Blame::Permanent;
            if is_shortage(&source) || !(leads_away || permanent) {
                return DataError::Io { what, path, source };
            }
            DataError::Format {
                path,
                expected: format_name(format),
                found: format!("it cannot be read ({source})"),
                hint: format!("write a readable {} there", file_or_folder(format)),
            }
        }
        other => other,
    }
}

/// Whether the machine lacks memory or open files.
fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(12 | 23 | 24))
}

fn format_name(format: OutputFormat) -> &'static str {
    match format {
        OutputFormat::Arrow => "Arrow IPC file",
        OutputFormat::Parquet => "Parquet file",
        OutputFormat::Csv => "CSV file",
        OutputFormat::File => "file",
        OutputFormat::Dir => "folder",
        OutputFormat::Files => "folder of files",
        OutputFormat::Netcdf => "NetCDF file",
    }
}

const fn is_folder(format: OutputFormat) -> bool {
    matches!(format, OutputFormat::Dir | OutputFormat::Files)
}

/// The content digest and the part digest of a file, computed in parallel. Reading every batch also
/// checks it.
fn digests(path: &Path, part: &Part, halt: &Halt) -> Result<(Digest, Digest), DataError> {
    std::thread::scope(|scope| {
        let bytes = scope.spawn(|| part.digest(halt));
        let rows = (0..part.batches()).map(|index| readable(path, part.batch(index)));
        let rows = rows.flat_map(|batch| pieces(batch, halt));
        let content = content_digest(part.schema(), rows)?;
        let digest = bytes.join().map_err(|_| {
            DataError::Unsupported(format!(
                "hashing {} ended early",
                sunward_files::shown(path)
            ))
        })??;
        Ok((content, digest))
    })
}

/// A batch in pieces, between which the work can be stopped.
fn pieces(
    batch: Result<RecordBatch, DataError>,
    halt: &Halt,
) -> impl Iterator<Item = Result<RecordBatch, DataError>> {
    let rows = batch.as_ref().map_or(1, RecordBatch::num_rows);
    (0..rows.max(1))
        .step_by(PIECE_ROWS)
        .scan(Some(batch), move |batch, start| {
            let piece = match batch {
                Some(Ok(whole)) => halt
                    .go_on()
                    .map(|()| whole.slice(start, PIECE_ROWS.min(rows - start))),
                _ => batch.take()?,
            };
            Some(piece)
        })
}

const fn file_or_folder(format: OutputFormat) -> &'static str {
    if is_folder(format) { "folder" } else { "file" }
}

/// In a command's output, bad bytes are the command's fault, not damage to the store.
fn readable(path: &Path, batch: Result<RecordBatch, DataError>) -> Result<RecordBatch, DataError> {
    batch.map_err(|error| match error {
        DataError::Damaged { why, .. } => DataError::Format {
            path: path.to_owned(),
            expected: "Arrow IPC file",
            found: why,
            hint: "write it with an Arrow library and close the writer".into(),
        },
        other => other,
    })
}

/// Declared columns as Arrow fields, if their types are definite.
pub(crate) fn concrete_fields(declared: &[ColumnSpec]) -> Vec<Field> {
    declared
        .iter()
        .filter_map(|column| to_arrow_field(column).ok())
        .collect()
}

/// The names of the columns whose declared types are definite.
pub(crate) fn declared_names(declared: Option<&[ColumnSpec]>) -> Vec<String> {
    let fields = concrete_fields(declared.unwrap_or_default());
    fields.iter().map(|field| field.name().clone()).collect()
}

/// The schema for a file's rows: its own, with declared columns as declared.
fn declared_schema(
    path: &Path,
    found: &SchemaRef,
    declared: Option<&[ColumnSpec]>,
) -> Result<SchemaRef, DataError> {
    let Some(declared) = declared else {
        return Ok(found.clone());
    };
    let mut fields: Vec<Field> = found.fields().iter().map(|f| f.as_ref().clone()).collect();
    for column in declared {
        let mismatch = |text: String| DataError::Schema {
            place: sunward_files::shown(path),
            column: column.name.clone(),
            found: text,
            expected: column.column_type.0.clone(),
            hint: "change what the command writes, or the output's `schema:`".into(),
        };
        let Some(field) = fields.iter_mut().find(|f| *f.name() == column.name) else {
            let names: Vec<&str> = found.fields().iter().map(|f| f.name().as_str()).collect();
            return Err(mismatch(format!(
                "is missing (the columns are: {})",
                names.join(", ")
            )));
        };
        let actual = from_arrow(field);
        let is_plain = !matches!(field.data_type(), arrow_schema::DataType::Dictionary(..));
        if is_plain && column.column_type.accepts(&actual.column_type) {
            continue;
        }
        match to_arrow_field(column) {
            Ok(wanted) if same_type(&wanted, field) => {
                let metadata = field.metadata().clone();
                *field = wanted.with_metadata(metadata);
            }
            _ => {
                return Err(mismatch(format!(
                    "is {} ({})",
                    actual.column_type.0,
                    type_text(field)
                )));
            }
        }
    }
    Ok(Schema::new_with_metadata(fields, found.metadata().clone()).into())
}

pub(crate) fn as_declared(
    path: &Path,
    opened: Opened,
    declared: Option<&[ColumnSpec]>,
) -> Result<Opened, DataError> {
    let schema = declared_schema(path, &opened.schema, declared)?;
    let (place, target) = (path.to_owned(), schema.clone());
    let rows = opened
        .rows
        .map(move |batch| conform(batch?, &target, || sunward_files::shown(&place)));
    Ok(Opened {
        schema,
        rows: Box::new(rows),
    })
}
