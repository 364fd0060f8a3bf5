//! Reads CSV and TSV files: a header, then rows. A column is read as text if numbers would lose
//! what was written.

mod binary;
mod cells;
mod infer;
mod quotes;
mod separated;
mod stray;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use csv::{ByteRecord, Reader, ReaderBuilder};
use sunward_workflows::model::CsvOptions;
use sunward_workflows::{from_arrow, quoted};

use self::cells::Columns;
use self::infer::Guess;
use self::separated::{Separated, is_sep_line};
use self::stray::Strays;
use super::{Opened, batches};
use crate::error::DataError;
use crate::halt::Halt;

/// The most rows of a batch.
const BATCH_ROWS: usize = 8192;
/// The bytes of text after which a batch ends, whatever its number of rows.
const BATCH_BYTES: usize = 8 << 20;
/// The most bytes of a row. A text column of Arrow holds at most 2 GiB, and the row must fit into
/// memory.
const ROW_BYTES: usize = 512 << 20;

pub(in crate::source) use text::open as open_text;

type Source = Reader<Strays<Box<dyn std::io::Read>>>;

/// The delimiter of a file, and the options for reading it.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    delimiter: u8,
    options: CsvOptions,
    halt: Halt,
}

impl Layout {
    /// Creates a layout. `delimiter` is the default of the format, which the options may override.
    pub(super) fn new(delimiter: u8, options: &CsvOptions) -> Self {
        let named = options.delimiter.and_then(|c| u8::try_from(c).ok());
        Self {
            delimiter: named.unwrap_or(delimiter),
            options: options.clone(),
            halt: Halt::default(),
        }
    }

    /// The same layout, whose readers can be stopped.
    pub(super) fn stopped_by(self, halt: &Halt) -> Self {
        Self {
            halt: halt.clone(),
            ..self
        }
    }

    fn reader(&self, path: &Path) -> Result<Source, DataError> {
        Ok(ReaderBuilder::new()
            .has_headers(false)
            .delimiter(self.delimiter)
            .comment(self.comment())
            .from_reader(Strays::new(
                text::open(path, &self.halt)?,
                self.delimiter,
                self.comment(),
            )))
    }

    fn comment(&self) -> Option<u8> {
        self.options.comment.and_then(|c| u8::try_from(c).ok())
    }

    fn is_null(&self, cell: &str) -> bool {
        cell.is_empty() || self.options.null.iter().any(|null| null == cell)
    }

    fn decimal_comma(&self) -> bool {
        self.options.decimal == Some(',')
    }
}

/// Opens a file. Types are inferred from all rows: a column of only integers, numbers, booleans,
/// dates or times gets that type, and any other column is text. Empty cells are null. Declared
/// columns have their declared types instead.
pub(super) fn open(
    path: &Path,
    layout: &Layout,
    declared: Option<&[Field]>,
) -> Result<Opened, DataError> {
    let (inferred, _) = infer(path, layout, None)?;
    let schema = with_declared(path, inferred, declared)?;
    open_as(path, layout, Arc::new(schema))
}

/// Opens a file whose columns and types are known.
pub(super) fn open_as(
    path: &Path,
    layout: &Layout,
    schema: SchemaRef,
) -> Result<Opened, DataError> {
    let mut rows = Records::open(path, layout)?;
    rows.next()?;
    let columns = Columns::new(path, layout, schema.clone());
    let rows = batches(move || next_batch(&mut rows, &columns));
    Ok(Opened { schema, rows })
}

/// Rewrites a file with comma delimiters and decimal points. The text of the cells is kept, but
/// null cells become empty. `schema` says which columns are numbers.
pub(super) fn with_commas(
    path: &Path,
    layout: &Layout,
    schema: &Schema,
    target: &mut dyn std::io::Write,
) -> Result<(), DataError> {
    let failed = |error: ::csv::Error| {
        let reason = std::io::Error::other(error.to_string());
        DataError::io("write the cells of", path)(reason)
    };
    let mut rows = Records::open(path, layout)?;
    let mut writer = ::csv::Writer::from_writer(target);
    let mut is_header = true;
    while let Some((record, _)) = rows.next()? {
        let cells = record.iter().enumerate().map(|(at, cell)| {
            let field = schema.fields().get(at);
            let is_number = field.is_some_and(|field| cells::is_fractional(field.data_type()));
            let text = String::from_utf8_lossy(cell);
            if is_header {
                text.into_owned()
            } else if layout.is_null(&text) {
                String::new()
            } else if is_number && layout.decimal_comma() {
                text.replacen(',', ".", 1)
            } else {
                text.into_owned()
            }
        });
        writer.write_record(cells).map_err(failed)?;
        is_header = false;
    }
    writer
        .flush()
        .map_err(DataError::io("write the cells of", path))
}

fn next_batch(rows: &mut Records, columns: &Columns) -> Result<Option<RecordBatch>, DataError> {
    let mut cells = columns.batch();
    let mut bytes = 0;
    while cells.rows() < BATCH_ROWS && bytes < BATCH_BYTES {
        let Some((record, line)) = rows.next()? else {
            break;
        };
        bytes += record.as_slice().len();
        cells.push(record, line)?;
    }
    if cells.rows() == 0 {
        return Ok(None);
    }
    cells.finish().map(Some)
}

/// Infers the schema from the first `limit` rows, or from all. Returns it with the number of rows
/// read.
pub(super) fn infer(
    path: &Path,
    layout: &Layout,
    limit: Option<usize>,
) -> Result<(Schema, usize), DataError> {
    let mut guesses = Vec::new();
    let (names, seen) = guess(path, layout, limit, &mut guesses)?;
    Ok((typed(names, &guesses), seen))
}

/// Infers the schema from all rows of several files, which have the same columns.
pub(super) fn infer_all(files: &[PathBuf], layout: &Layout) -> Result<Schema, DataError> {
    let (mut guesses, mut names) = (Vec::new(), Vec::new());
    for path in files {
        let (found, _) = guess(path, layout, None, &mut guesses)?;
        if names.is_empty() {
            names = found;
        }
    }
    Ok(typed(names, &guesses))
}

fn typed(names: Vec<String>, guesses: &[Guess]) -> Schema {
    let fields = names.into_iter().zip(guesses);
    let fields = fields.map(|(name, guess)| Field::new(name, guess.data_type(), true));
    Schema::new(fields.collect::<Vec<_>>())
}

/// Adds the cells of a file to the guesses, one for each column. Returns the columns and the number
/// of rows read.
fn guess(
    path: &Path,
    layout: &Layout,
    limit: Option<usize>,
    guesses: &mut Vec<Guess>,
) -> Result<(Vec<String>, usize), DataError> {
    let mut rows = Records::open(path, layout)?;
    let Some((header, line)) = rows.next()? else {
        return Err(fault(
            path,
            "it is empty".into(),
            "a table without rows still needs a line of column names",
        ));
    };
    if header.get(0).is_some_and(is_sep_line) {
        return Err(fault(
            path,
            "its first line tells a spreadsheet program the separator (`sep=…`)".into(),
            "delete that line, and write `delimiter:` at the input if it is not a comma",
        ));
    }
    let names = names(path, header, line)?;
    let is_open_question = names.len() == 1 && layout.options.delimiter.is_none();
    let mut separated = match header.get(0).filter(|_| is_open_question) {
        Some(header) => Separated::new(header, layout.delimiter),
        None => Separated::new(&[], layout.delimiter),
    };
    guesses.resize(names.len().max(guesses.len()), Guess::default());
    let mut seen = 0;
    while limit.is_none_or(|limit| seen < limit) {
        let Some((record, line)) = rows.next()? else {
            break;
        };
        separated.add(record.get(0).unwrap_or_default());
        for (at, (guess, cell)) in guesses.iter_mut().zip(record).enumerate() {
            let cell = utf8(path, cell, line, at)?;
            if !layout.is_null(cell) {
                guess.add(cell, layout.decimal_comma());
            }
        }
        seen += 1;
    }
    if let Some(by) = separated.by() {
        return Err(one_column(path, by, layout.delimiter));
    }
    Ok((names, seen))
}

/// The error of a table whose columns are separated by another character.
fn one_column(path: &Path, by: char, delimiter: u8) -> DataError {
    let (by, own) = (by.escape_default(), delimiter.escape_ascii());
    fault(
        path,
        format!("it has one column, and `{by}` is equally often in every line"),
        &format!(
            "write `delimiter: \"{by}\"` at the input, or `delimiter: \"{own}\"` if it is one column; an output of a command is separated by commas"
        ),
    )
}

fn names(path: &Path, header: &ByteRecord, line: u64) -> Result<Vec<String>, DataError> {
    let mut seen = BTreeSet::new();
    let mut names = Vec::with_capacity(header.len());
    for (at, cell) in header.iter().enumerate() {
        let name = utf8(path, cell, line, at)?.to_owned();
        if !seen.insert(name.clone()) {
            return Err(fault(
                path,
                format!("two columns are named {}", quoted(&name)),
                "give each column its own name",
            ));
        }
        names.push(name);
    }
    Ok(names)
}

/// An iterator over the records of a file. All have as many cells as the first.
struct Records {
    path: PathBuf,
    layout: Layout,
    reader: Source,
    record: ByteRecord,
    header: Option<String>,
    /// The byte offset and the line number at which the last record begins.
    last: (u64, u64),
}

impl Records {
    fn open(path: &Path, layout: &Layout) -> Result<Self, DataError> {
        Ok(Self {
            path: path.to_owned(),
            layout: layout.clone(),
            reader: layout.reader(path)?,
            record: ByteRecord::new(),
            header: None,
            last: (0, 1),
        })
    }

    /// The next record and the line number at which it begins. The header is on line 1.
    fn next(&mut self) -> Result<Option<(&ByteRecord, u64)>, DataError> {
        let more = match self.reader.read_byte_record(&mut self.record) {
            Ok(more) => more,
            Err(error) => return Err(self.refused(error)),
        };
        let start = self.record.position().cloned();
        if !more {
            // The reader closes an open quote at the end of the file, so the last record is checked
            // here.
            let (at, line) = self.last;
            self.refuse_open_quote(at, line)?;
            return Ok(None);
        }
        let line = start.as_ref().map_or(0, csv::Position::line);
        self.last = (start.map_or(0, |position| position.byte()), line);
        if self.record.as_slice().len() > ROW_BYTES {
            return Err(fault(
                &self.path,
                format!(
                    "the row on line {line} is larger than {} MiB",
                    ROW_BYTES >> 20
                ),
                "look for a quote that is not closed; a row this large belongs in Arrow or Parquet",
            ));
        }
        self.header
            .get_or_insert_with(|| String::from_utf8_lossy(self.record.as_slice()).into_owned());
        Ok(Some((&self.record, line)))
    }

    fn refused(&self, error: csv::Error) -> DataError {
        if error.is_io_error() {
            return match error.into_kind() {
                csv::ErrorKind::Io(source) => text::unreadable(&self.path)(source),
                other => fault(&self.path, format!("{other:?}"), &self.hint()),
            };
        }
        match error.kind() {
            csv::ErrorKind::UnequalLengths {
                pos,
                expected_len,
                len,
            } => {
                let (byte, line) = pos.as_ref().map_or((0, 0), |pos| (pos.byte(), pos.line()));
                if let Err(open) = self.refuse_open_quote(byte, line) {
                    return open;
                }
                let found = format!(
                    "line {line} has a different number of cells ({len}) from the header ({expected_len})"
                );
                fault(&self.path, found, &self.hint())
            }
            _ => fault(&self.path, error.to_string(), &self.hint()),
        }
    }

    fn refuse_open_quote(&self, from: u64, line: u64) -> Result<(), DataError> {
        if !quotes::is_open(&self.path, self.layout.delimiter, from, &self.layout.halt)? {
            return Ok(());
        }
        Err(fault(
            &self.path,
            format!("a quote is not closed in the row that begins on line {line}"),
            "close it, or write a quote inside a quoted cell twice",
        ))
    }

    /// A hint for the user, depending on what the header looks like.
    fn hint(&self) -> String {
        let header = self.header.as_deref().unwrap_or_default();
        if header.starts_with('#') && self.layout.options.comment.is_none() {
            return "its first line looks like a comment; write `comment: '#'` at the input".into();
        }
        let other = [';', '\t', '|', ','].into_iter().find(|c| {
            u8::try_from(*c).is_ok_and(|c| c != self.layout.delimiter) && header.contains(*c)
        });
        match other {
            Some('\t') => {
                "its header seems to be separated by tabs; write `delimiter: \"\\t\"` at the input"
                    .into()
            }
            Some(c) => {
                format!(
                    "its header seems to be separated by `{c}`; write `delimiter: '{c}'` at the input"
                )
            }
            None => {
                "every row needs as many cells as the header; quote cells that hold a separator"
                    .into()
            }
        }
    }
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
            place: sunward_files::shown(path),
            column: field.name().clone(),
            found: "is text in a CSV file".into(),
            expected: quoted(from_arrow(field).column_type.0).to_string(),
            hint: "write lists, tensors and structs as `format: arrow` or `format: parquet`".into(),
        });
    }
    Ok(Schema::new(fields))
}

/// A cell as text. `at` counts columns from 0.
fn utf8<'c>(path: &Path, cell: &'c [u8], line: u64, at: usize) -> Result<&'c str, DataError> {
    std::str::from_utf8(cell).map_err(|_| {
        fault(
            path,
            format!("line {line}, cell {} is not UTF-8", at + 1),
            "save the file as UTF-8",
        )
    })
}

fn fault(path: &Path, found: String, hint: &str) -> DataError {
    DataError::Format {
        path: path.to_owned(),
        expected: "CSV file",
        found,
        hint: hint.to_owned(),
    }
}
