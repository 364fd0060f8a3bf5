//! Users' files as datasets: which format a file has, and its rows into parts, a batch at a time.

mod csv;
mod pdbqt;
pub(crate) mod probe;
mod sdf;
mod smiles;

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;
use sunward_core::{Dataset, Digest, Hasher};
use sunward_files::open_regular;
use sunward_workflows::model::{Form, GridRows, Input};

use crate::error::DataError;
use crate::gather::column_indices;
use crate::memory::{FileMemory, FileStamp};
use crate::netcdf::GridReader;
use crate::part::Part;
use crate::store::Store;

/// Grows whenever the same file would give other rows, so that what is remembered is read again.
const READING_VERSION: u8 = 2;
/// Bytes of a batch that is read from Parquet, about.
const BATCH_BYTES: u64 = 8 << 20;
/// Rows of a batch at most.
const BATCH_ROWS: usize = 65_536;

/// Formats that a table can be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceFormat {
    /// Arrow IPC: a file (also called Feather) or a stream.
    Arrow,
    /// Parquet.
    Parquet,
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// SMILES, one molecule a line: `smiles`, white space, `id`.
    Smiles,
    /// NetCDF of any format.
    Netcdf,
    /// PDBQT: a row a molecule, lists over its atoms.
    Pdbqt,
    /// SDF and MOL: a row a record, lists over its atoms, data items as text.
    Sdf,
}

/// How a source is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceOptions {
    /// Its format; found by its first bytes and its suffix when absent.
    pub format: Option<SourceFormat>,
    /// Which variable of a gridded file.
    pub variable: Option<String>,
    /// What one row of a gridded file is.
    pub rows: GridRows,
    /// Only these columns, in this order; empty = all.
    pub columns: Vec<String>,
}

impl SourceOptions {
    /// How an input's sources are read: the one place where an input's options become a reading, for
    /// `check` and for a run.
    #[must_use]
    pub fn of(input: &Input) -> Self {
        Self {
            format: None,
            variable: input.variable.clone(),
            rows: input.rows,
            columns: input.columns.clone(),
        }
    }

    fn digest(&self) -> Digest {
        let mut hasher = Hasher::new("reading");
        hasher
            .field("version", &[READING_VERSION])
            .field("format", format!("{:?}", self.format).as_bytes())
            .field("variable", format!("{:?}", self.variable).as_bytes())
            .field("rows", format!("{:?}", self.rows).as_bytes());
        for column in &self.columns {
            hasher.field("column", column.as_bytes());
        }
        hasher.finish()
    }
}

pub(crate) type Rows = Box<dyn Iterator<Item = Result<RecordBatch, DataError>>>;

/// A source, open: its columns and its rows as they come.
pub(crate) struct Opened {
    pub(crate) schema: SchemaRef,
    pub(crate) rows: Rows,
}

/// Rows of a file that is read a batch at a time, until there is none or the first fault.
fn batches(mut next: impl FnMut() -> Result<Option<RecordBatch>, DataError> + 'static) -> Rows {
    let mut goes_on = true;
    Box::new(std::iter::from_fn(move || {
        let batch = goes_on.then(&mut next)?;
        goes_on = matches!(batch, Ok(Some(_)));
        batch.transpose()
    }))
}

impl Store {
    /// Reads one of an input's files into the store, as the input asks for it: as it is, or as a
    /// table.
    ///
    /// # Errors
    /// When it cannot be read, or is no table where one is needed.
    pub fn read_input(
        &self,
        source: &str,
        form: Form,
        options: &SourceOptions,
        memory: &dyn FileMemory,
    ) -> Result<Dataset, DataError> {
        match form {
            Form::File => self.read_blob(source, memory),
            Form::Arrow | Form::Parquet | Form::Csv | Form::Netcdf => {
                self.read_source(source, options, memory)
            }
        }
    }

    /// Reads a path or a `file://` URL as a table into the store; an unchanged file that `memory`
    /// knows is not read again. Memory stays bounded however large the file is.
    ///
    /// # Errors
    /// When it cannot be read, is no table, or lacks a column that is asked for.
    pub fn read_source(
        &self,
        source: &str,
        options: &SourceOptions,
        memory: &dyn FileMemory,
    ) -> Result<Dataset, DataError> {
        let path = local_path(source)?;
        self.remembered(&path, options.digest(), memory, || {
            let opened = select(open(&path, options)?, &options.columns)?;
            self.store_rows(opened)
        })
    }

    /// Reads a path or a `file://` URL as bytes (`as: file`, a param of type `path`): a file, or a
    /// folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_blob(&self, source: &str, memory: &dyn FileMemory) -> Result<Dataset, DataError> {
        let path = local_path(source)?;
        if path.is_dir() {
            // A folder's own times do not tell whether a file deeper down has changed.
            return self.folder_blob(&path);
        }
        let reading = Hasher::new("blob").finish();
        self.remembered(&path, reading, memory, || self.blob(&path))
    }

    fn remembered(
        &self,
        path: &Path,
        reading: Digest,
        memory: &dyn FileMemory,
        read: impl FnOnce() -> Result<Dataset, DataError>,
    ) -> Result<Dataset, DataError> {
        let before = FileStamp::of(path, reading)?;
        if let Some(known) = memory.get(&before)
            && self.is_available(&known)?
        {
            return Ok(known);
        }
        // Decided before it is read: a change while its times cannot tell it would be missed after.
        let is_settled = before.is_settled();
        let dataset = read()?;
        if FileStamp::of(path, reading)? != before {
            return Err(DataError::Format {
                path: path.to_owned(),
                expected: "settled file",
                found: "it changed while it was being read".into(),
                hint: "run again once it is complete".into(),
            });
        }
        if is_settled {
            memory.put(&before, &dataset);
        }
        Ok(dataset)
    }

    pub(crate) fn store_rows(&self, opened: Opened) -> Result<Dataset, DataError> {
        let mut writer = self.writer(opened.schema)?;
        for batch in opened.rows {
            writer.push(&batch?)?;
        }
        writer.finish()
    }
}

/// The path that a source means.
pub(crate) fn local_path(source: &str) -> Result<PathBuf, DataError> {
    if let Some(path) = source.strip_prefix("file://") {
        let path = path.strip_prefix("localhost").unwrap_or(path);
        return Ok(PathBuf::from(percent_decoded(path)));
    }
    match not_fetched(source) {
        Some(why) => Err(DataError::Unsupported(why)),
        None => Ok(PathBuf::from(source)),
    }
}

/// Why an address is no source of data, where it is one and not a `file://` URL.
#[must_use]
pub fn not_fetched(source: &str) -> Option<String> {
    let (scheme, _) = source.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    (scheme != "file").then(|| {
        format!(
            "{source}: {scheme} addresses are not fetched; download it first, as with `curl -LO`, and name the file"
        )
    })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The format of a file: by its first bytes where they tell, else by its suffix.
pub(crate) fn format_of(path: &Path) -> Result<Option<SourceFormat>, DataError> {
    let mut head = Vec::new();
    open_regular(path)
        .and_then(|file| file.take(8).read_to_end(&mut head))
        .map_err(DataError::io("read", path))?;
    let by_magic = match head.as_slice() {
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => {
            Some(SourceFormat::Arrow)
        }
        [b'P', b'A', b'R', b'1', ..] => Some(SourceFormat::Parquet),
        [b'C', b'D', b'F', 1 | 2 | 5, ..] | [0x89, b'H', b'D', b'F', ..] => {
            Some(SourceFormat::Netcdf)
        }
        _ => None,
    };
    if by_magic.is_some() {
        return Ok(by_magic);
    }
    let suffix = path
        .extension()
        .map(|suffix| suffix.to_string_lossy().to_ascii_lowercase());
    Ok(match suffix.as_deref() {
        Some("arrow" | "feather" | "ipc" | "arrows") => Some(SourceFormat::Arrow),
        Some("parquet" | "pq") => Some(SourceFormat::Parquet),
        Some("csv") => Some(SourceFormat::Csv),
        Some("tsv" | "tab") => Some(SourceFormat::Tsv),
        Some("smi" | "smiles") => Some(SourceFormat::Smiles),
        Some("pdbqt") => Some(SourceFormat::Pdbqt),
        Some("sdf" | "sd" | "mol") => Some(SourceFormat::Sdf),
        Some("nc" | "nc3" | "nc4" | "cdf") => Some(SourceFormat::Netcdf),
        _ => None,
    })
}

fn open(path: &Path, options: &SourceOptions) -> Result<Opened, DataError> {
    let format = match options.format {
        Some(format) => format,
        None => format_of(path)?.ok_or_else(|| DataError::Format {
            path: path.to_owned(),
            expected: "table",
            found: "neither its first bytes nor its suffix are known".into(),
            hint: "tables are .arrow, .feather, .parquet, .csv, .tsv, .smi, .pdbqt, .sdf or .nc; a file of another kind goes to a command as it is with `as: file`".into(),
        })?,
    };
    match format {
        SourceFormat::Arrow => open_arrow(path),
        SourceFormat::Parquet => open_parquet(path),
        SourceFormat::Csv => csv::open(path, b',', None),
        SourceFormat::Tsv => csv::open(path, b'\t', None),
        SourceFormat::Smiles => smiles::open(path),
        SourceFormat::Netcdf => open_netcdf(path, options),
        SourceFormat::Pdbqt => pdbqt::open(path),
        SourceFormat::Sdf => sdf::open(path),
    }
}

/// A file that a command wrote as CSV; columns that are declared have their types.
pub(crate) fn open_csv(
    path: &Path,
    declared: Option<&[arrow_schema::Field]>,
) -> Result<Opened, DataError> {
    csv::open(path, b',', declared)
}

/// An Arrow file or stream of anybody's.
pub(crate) fn open_arrow(path: &Path) -> Result<Opened, DataError> {
    let mut file = open_regular(path).map_err(DataError::io("open", path))?;
    let mut head = [0; 4];
    if file.read_exact(&mut head).is_ok() && head == [0xff; 4] {
        return open_stream(path, file);
    }
    let part = Part::open_foreign(path)?;
    let schema = part.schema().clone();
    let path = path.to_owned();
    let rows = (0..part.batches()).map(move |index| {
        part.batch(index).map_err(|error| match error {
            DataError::Damaged { why, .. } => no_arrow(&path, why),
            other => other,
        })
    });
    Ok(Opened {
        schema,
        rows: Box::new(rows),
    })
}

fn no_arrow(path: &Path, found: String) -> DataError {
    DataError::Format {
        path: path.to_owned(),
        expected: "Arrow IPC file",
        found,
        hint: "write it again, and close the writer before the program ends".into(),
    }
}

fn open_stream(path: &Path, mut file: File) -> Result<Opened, DataError> {
    file.rewind().map_err(DataError::io("read", path))?;
    let reader = StreamReader::try_new_buffered(file, None)
        .map_err(|error| no_arrow(path, error.to_string()))?;
    let schema = reader.schema();
    let path = path.to_owned();
    let rows = reader
        .map(move |batch| batch.map_err(|error: ArrowError| no_arrow(&path, error.to_string())));
    Ok(Opened {
        schema,
        rows: Box::new(rows),
    })
}

/// A Parquet file.
pub(crate) fn open_parquet(path: &Path) -> Result<Opened, DataError> {
    let fault = |error: String| DataError::Format {
        path: path.to_owned(),
        expected: "Parquet file",
        found: error,
        hint: "write it again, and close the writer before the program ends".into(),
    };
    let file = open_regular(path).map_err(DataError::io("open", path))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| fault(error.to_string()))?;
    let schema = builder.schema().clone();
    let rows = batch_rows(builder.metadata());
    let reader = builder
        .with_batch_size(rows)
        .build()
        .map_err(|error| fault(error.to_string()))?;
    let place = path.to_owned();
    let rows = reader.map(move |batch| {
        batch.map_err(|error| DataError::Format {
            path: place.clone(),
            expected: "Parquet file",
            found: error.to_string(),
            hint: "write it again, and close the writer before the program ends".into(),
        })
    });
    Ok(Opened {
        schema,
        rows: Box::new(rows),
    })
}

/// So many rows that a batch has a few megabytes, whether a row is a number or a map of the world.
fn batch_rows(metadata: &ParquetMetaData) -> usize {
    let mut bytes = 0_u64;
    let mut rows = 0_u64;
    for group in metadata.row_groups() {
        bytes += u64::try_from(group.total_byte_size()).unwrap_or(0);
        rows += u64::try_from(group.num_rows()).unwrap_or(0);
    }
    let row_bytes = (bytes / rows.max(1)).max(1);
    usize::try_from(BATCH_BYTES / row_bytes)
        .unwrap_or(BATCH_ROWS)
        .clamp(1, BATCH_ROWS)
}

/// A NetCDF file's variable.
pub(crate) fn open_netcdf(path: &Path, options: &SourceOptions) -> Result<Opened, DataError> {
    let file = open_regular(path).map_err(DataError::io("open", path))?;
    let reader = GridReader::new(
        file,
        &path.display().to_string(),
        options.variable.as_deref(),
        options.rows,
    )?;
    let schema = reader.schema();
    Ok(Opened {
        schema,
        rows: Box::new(reader.map(|batch| batch.map_err(DataError::from))),
    })
}

/// Only some of the columns.
fn select(opened: Opened, columns: &[String]) -> Result<Opened, DataError> {
    if columns.is_empty() {
        return Ok(opened);
    }
    let indices = column_indices(&opened.schema, columns)?;
    let project = DataError::arrow("cannot select columns");
    let schema = opened.schema.project(&indices).map_err(project)?.into();
    let rows = opened.rows.map(move |batch| {
        batch?
            .project(&indices)
            .map_err(DataError::arrow("cannot select columns"))
    });
    Ok(Opened {
        schema,
        rows: Box::new(rows),
    })
}
