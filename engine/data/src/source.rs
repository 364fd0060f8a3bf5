//! Users' files as datasets. It detects the format of a file and reads its rows into parts, one
//! batch at a time.

mod csv;
mod parquet;
mod pdbqt;
pub(crate) mod probe;
mod sdf;
mod smiles;
mod stream;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use sunward_core::{Dataset, Digest, Hasher, PartRef, Written};
use sunward_files::open_regular;
use sunward_workflows::model::{CsvOptions, Form, GridRows, Input};
use sunward_workflows::{ColumnSpec, download};

use crate::adopt::{as_declared, concrete_fields, declared_names};
use crate::error::DataError;
use crate::foreign;
use crate::gather::column_indices;
use crate::halt::Halt;
use crate::memory::{FileMemory, FileStamp};
use crate::netcdf;
use crate::part::Part;
use crate::store::Store;

/// The version of the readers. Increase it when the same file would give different rows, so that
/// remembered files are read again.
pub(crate) const READING_VERSION: u8 = 6;

/// File formats from which a table can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceFormat {
    /// Arrow IPC: a file (also called Feather) or a stream.
    Arrow,
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// SMILES, one molecule per line: `smiles`, white space, `id`.
    Smiles,
    /// NetCDF in any of its formats.
    Netcdf,
    /// PDBQT: one row per molecule, with lists over its atoms.
    Pdbqt,
    /// SDF and MOL: one row per record, with lists over its atoms and the data items as text.
    Sdf,
}

/// Options for reading a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceOptions {
    /// The format. If absent, it is detected from the first bytes and the suffix.
    pub format: Option<SourceFormat>,
    /// The variable of a gridded file.
    pub variable: Option<String>,
    /// What a row of a gridded file is.
    pub rows: GridRows,
    /// The selected columns, in this order. Empty means all.
    pub columns: Vec<String>,
    /// The delimiter and other options of a text table.
    pub csv: CsvOptions,
    /// The columns that the source must have, with their types.
    pub schema: Option<Vec<ColumnSpec>>,
    /// If the file is in one of these forms, the original is kept beside its rows.
    pub keep: Vec<Form>,
}

impl SourceOptions {
    /// The options for the sources of an input. `check` and a run both derive them here, so that
    /// they read a source in the same way.
    #[must_use]
    pub fn of(input: &Input) -> Self {
        Self {
            format: None,
            variable: input.variable.clone(),
            rows: input.rows,
            columns: input.columns.clone(),
            csv: input.csv.clone(),
            schema: input.schema.clone(),
            keep: match input.form {
                Form::Csv | Form::Parquet => vec![input.form],
                Form::Arrow | Form::File | Form::Files | Form::Netcdf => Vec::new(),
            },
        }
    }

    /// What the record of a file that is read in this form says of how it was read.
    #[must_use]
    pub fn reading(&self, form: Form) -> Digest {
        match form {
            Form::File | Form::Files => of_bytes(),
            Form::Arrow | Form::Parquet | Form::Csv | Form::Netcdf => self.digest(),
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        let mut hasher = Hasher::new("reading");
        hasher
            .field("version", &[READING_VERSION])
            .field("format", format!("{:?}", self.format).as_bytes())
            .field("variable", format!("{:?}", self.variable).as_bytes())
            .field("rows", format!("{:?}", self.rows).as_bytes())
            .field("csv", format!("{:?}", self.csv).as_bytes())
            .field("schema", format!("{:?}", self.schema).as_bytes())
            .field("keep", format!("{:?}", self.keep).as_bytes());
        for column in &self.columns {
            hasher.field("column", column.as_bytes());
        }
        hasher.finish()
    }
}

/// The digest by which the record of a file says that it was read as bytes.
fn of_bytes() -> Digest {
    Hasher::new("blob").finish()
}

pub(crate) type Rows = Box<dyn Iterator<Item = Result<RecordBatch, DataError>>>;

/// An open source: its schema, and an iterator over its rows.
pub(crate) struct Opened {
    pub(crate) schema: SchemaRef,
    pub(crate) rows: Rows,
}

/// An iterator over the batches of a file. It ends with the last batch or the first error.
fn batches(mut next: impl FnMut() -> Result<Option<RecordBatch>, DataError> + 'static) -> Rows {
    let mut goes_on = true;
    Box::new(std::iter::from_fn(move || {
        let batch = goes_on.then(&mut next)?;
        goes_on = matches!(batch, Ok(Some(_)));
        batch.transpose()
    }))
}

impl Store {
    /// Reads a file of an input into the store, as bytes or as a table, depending on `form`. `seen` is the
    /// stamp of the regular file that it is, if the caller has just looked at it; its reading does not
    /// matter.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or a table is needed and it is not one.
    pub fn read_input(
        &self,
        source: &str,
        form: Form,
        options: &SourceOptions,
        memory: &dyn FileMemory,
        seen: Option<FileStamp>,
    ) -> Result<Dataset, DataError> {
        match form {
            Form::File | Form::Files => self.blob_seen(source, memory, seen),
            Form::Arrow | Form::Parquet | Form::Csv | Form::Netcdf => {
                self.source_seen(source, options, memory, seen)
            }
        }
    }

    /// Reads a path or a `file://` URL as a table into the store. An unchanged file that `memory`
    /// knows is not read again. The use of memory is bounded, however large the file is.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, is not a table, or lacks a requested column.
    pub fn read_source(
        &self,
        source: &str,
        options: &SourceOptions,
        memory: &dyn FileMemory,
    ) -> Result<Dataset, DataError> {
        self.source_seen(source, options, memory, None)
    }

    fn source_seen(
        &self,
        source: &str,
        options: &SourceOptions,
        memory: &dyn FileMemory,
        seen: Option<FileStamp>,
    ) -> Result<Dataset, DataError> {
        let path = local_path(source)?;
        self.remembered((&path, seen), options.digest(), memory, || {
            self.table_at(&path, options)
        })
    }

    /// Reads the file at a path as a table.
    pub(crate) fn table_at(
        &self,
        path: &Path,
        options: &SourceOptions,
    ) -> Result<Dataset, DataError> {
        let opened = open_guarded(path, options, self.halt())?;
        let opened = as_declared(path, opened, options.schema.as_deref())?;
        let Some(form) = kept_form(path, options)? else {
            return self.store_rows(select(opened, &options.columns)?);
        };
        let schema = opened.schema.clone();
        let table = self.store_rows(opened)?;
        let written = Written {
            form,
            files: self.as_written(path, form, options, &schema)?,
            declared: declared_names(options.schema.as_deref()),
        };
        let table = self.with_written(table, written);
        if options.columns.is_empty() {
            return Ok(table);
        }
        self.select(&table, &options.columns)
    }

    /// Reads a file or folder into the store as bytes, for `as: file` and for parameters of type
    /// `path`. `source` is a path or a `file://` URL.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read.
    pub fn read_blob(&self, source: &str, memory: &dyn FileMemory) -> Result<Dataset, DataError> {
        self.blob_seen(source, memory, None)
    }

    fn blob_seen(
        &self,
        source: &str,
        memory: &dyn FileMemory,
        seen: Option<FileStamp>,
    ) -> Result<Dataset, DataError> {
        let path = local_path(source)?;
        if seen.is_none() && path.is_dir() {
            // The times of a folder do not show changes of files deeper down, so a folder is always
            // read.
            return self.folder_blob(&path);
        }
        self.remembered((&path, seen), of_bytes(), memory, || {
            match self.only_digests() {
                true => self.digested_blob(&path),
                false => self.blob(&path),
            }
        })
    }

    fn remembered(
        &self,
        (path, seen): (&Path, Option<FileStamp>),
        reading: Digest,
        memory: &dyn FileMemory,
        read: impl FnOnce() -> Result<Dataset, DataError>,
    ) -> Result<Dataset, DataError> {
        let before = match seen {
            Some(seen) => FileStamp { reading, ..seen },
            None => FileStamp::of(path, reading)?,
        };
        if let Some(known) = memory.get(&before)
            && self.needs_no_reading(&known)?
        {
            return Ok(known);
        }
        // This is decided before reading. Otherwise a change that the times do not show yet would
        // be missed.
        let is_settled = before.is_settled();
        let dataset = read()?;
        if FileStamp::of(path, reading)? != before {
            return Err(DataError::Format {
                path: path.to_owned(),
                expected: "settled file",
                found: "it changed while it was being read".into(),
                hint: "run again once the file is complete".into(),
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

/// The path of a source: the source itself, or the path in a `file://` URL.
///
/// # Errors
/// Fails if the source is another address.
pub fn local_path(source: &str) -> Result<PathBuf, DataError> {
    if let Some(path) = source.strip_prefix("file://") {
        let path = path.strip_prefix("localhost").unwrap_or(path);
        return Ok(PathBuf::from(percent_decoded(path)));
    }
    match not_fetched(source) {
        Some(why) => Err(DataError::Unsupported(why)),
        None => Ok(PathBuf::from(source)),
    }
}

/// The reason why a URL cannot be a source. `None` for a path and for a `file://` URL.
#[must_use]
pub fn not_fetched(source: &str) -> Option<String> {
    let (scheme, _) = source.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    (scheme != "file").then(|| {
        format!(
            "{source}: {scheme} addresses are not fetched; {}, and name the file",
            download(source)
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

/// Detects the format of a file by its first bytes, else by its suffix.
pub(crate) fn format_of(path: &Path) -> Result<Option<SourceFormat>, DataError> {
    let mut head = Vec::new();
    open_regular(path)
        .and_then(|file| file.take(8).read_to_end(&mut head))
        .map_err(DataError::io("read", path))?;
    let by_magic = match head.as_slice() {
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => {
            Some(SourceFormat::Arrow)
        }
        [b'P', b'A', b'R', b'1' | b'E', ..] => Some(SourceFormat::Parquet),
        [b'C', b'D', b'F', 1 | 2 | 5, ..] | [0x89, b'H', b'D', b'F', ..] => {
            Some(SourceFormat::Netcdf)
        }
        _ => None,
    };
    if by_magic.is_some() {
        return Ok(by_magic);
    }
    // A text table may be compressed. Its own suffix then precedes that of the compression.
    let packed = head.starts_with(&[0x1f, 0x8b]);
    let named = if packed {
        path.file_stem().map(Path::new)
    } else {
        Some(path)
    };
    let suffix = named
        .and_then(Path::extension)
        .map(|suffix| suffix.to_string_lossy().to_ascii_lowercase())
        .filter(|suffix| !packed || matches!(suffix.as_str(), "csv" | "tsv" | "tab"));
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

/// The form in which the original file is kept, or `None` if `options` do not ask for that form.
fn kept_form(path: &Path, options: &SourceOptions) -> Result<Option<Form>, DataError> {
    let form = match format_for(path, options)? {
        SourceFormat::Csv | SourceFormat::Tsv => Some(Form::Csv),
        SourceFormat::Parquet => Some(Form::Parquet),
        _ => None,
    };
    Ok(form.filter(|form| options.keep.contains(form)))
}

impl Store {
    /// The files that hold a table as it was written. A text table with another delimiter or with
    /// options is rewritten as comma-separated text, and the text of its cells is kept.
    fn as_written(
        &self,
        path: &Path,
        form: Form,
        options: &SourceOptions,
        schema: &Schema,
    ) -> Result<Vec<PartRef>, DataError> {
        let format = format_for(path, options)?;
        let plain = format == SourceFormat::Csv && options.csv == CsvOptions::default();
        if form == Form::Csv && !plain {
            let layout = layout(format, options).stopped_by(self.halt());
            let text = self.text_of(|target| csv::with_commas(path, &layout, schema, target))?;
            return Ok(vec![text]);
        }
        let packed = path.extension().is_some_and(|suffix| suffix == "gz");
        if packed && form == Form::Csv {
            return Ok(vec![self.unpacked_text(path)?]);
        }
        Ok(self.blob(path)?.parts)
    }
}

fn format_for(path: &Path, options: &SourceOptions) -> Result<SourceFormat, DataError> {
    match options.format {
        Some(format) => Ok(format),
        None => format_of(path)?.ok_or_else(|| DataError::Format {
            path: path.to_owned(),
            expected: "table",
            found: "neither its first bytes nor its suffix is known".into(),
            hint: "tables are .arrow, .feather, .parquet, .csv, .tsv, .smi, .pdbqt, .sdf or .nc; pass any other file to a command as it is, with `as: file`".into(),
        }),
    }
}

fn open(path: &Path, options: &SourceOptions, halt: &Halt) -> Result<Opened, DataError> {
    let format = format_for(path, options)?;
    match format {
        SourceFormat::Arrow => open_arrow(path),
        SourceFormat::Parquet => parquet::open(path),
        SourceFormat::Csv | SourceFormat::Tsv => {
            let fields = options.schema.as_deref().map(concrete_fields);
            csv::open(
                path,
                &layout(format, options).stopped_by(halt),
                fields.as_deref(),
            )
        }
        SourceFormat::Smiles => smiles::open(path),
        SourceFormat::Netcdf => open_netcdf(path, options),
        SourceFormat::Pdbqt => pdbqt::open(path),
        SourceFormat::Sdf => sdf::open(path),
    }
}

/// Opens the text of a CSV file, decompressed and without a byte order mark.
pub(crate) fn open_text(path: &Path) -> Result<Box<dyn std::io::Read>, DataError> {
    csv::open_text(path, &Halt::default())
}

/// The layout of a text table in this format.
fn layout(format: SourceFormat, options: &SourceOptions) -> csv::Layout {
    let delimiter = if format == SourceFormat::Tsv {
        b'\t'
    } else {
        b','
    };
    csv::Layout::new(delimiter, &options.csv)
}

/// Opens a file that a command wrote in a known format. Declared columns get their types.
pub(crate) fn open_written(
    path: &Path,
    format: SourceFormat,
    declared: Option<&[ColumnSpec]>,
    halt: &Halt,
) -> Result<Opened, DataError> {
    let options = SourceOptions {
        format: Some(format),
        schema: declared.map(<[ColumnSpec]>::to_vec),
        ..SourceOptions::default()
    };
    open_guarded(path, &options, halt)
}

/// The columns of CSV files as one table, in the order of the first file, with types that hold the
/// cells of all. All files must have these columns.
pub(crate) fn types_of_text(files: &[PathBuf], halt: &Halt) -> Result<Schema, DataError> {
    let layout = csv::Layout::new(b',', &CsvOptions::default()).stopped_by(halt);
    let Some(first) = files.first() else {
        return Ok(Schema::empty());
    };
    foreign::guarded(first, "table", || csv::infer_all(files, &layout))?
}

/// Opens a CSV file whose columns and types are known.
pub(crate) fn open_text_as(
    path: &Path,
    schema: &SchemaRef,
    halt: &Halt,
) -> Result<Opened, DataError> {
    let layout = csv::Layout::new(b',', &CsvOptions::default()).stopped_by(halt);
    guarded(path, || csv::open_as(path, &layout, schema.clone()))
}

/// Opens a file that others wrote. A panic of a library, now or while rows are read, is reported as
/// damage to the file. All reading of tables goes through here.
pub(crate) fn open_guarded(
    path: &Path,
    options: &SourceOptions,
    halt: &Halt,
) -> Result<Opened, DataError> {
    guarded(path, || open(path, options, halt))
}

fn guarded(
    path: &Path,
    open: impl FnOnce() -> Result<Opened, DataError>,
) -> Result<Opened, DataError> {
    let opened = foreign::guarded(path, "table", open)??;
    let (schema, mut rows) = (opened.schema, opened.rows);
    let path = path.to_owned();
    let rows = batches(move || foreign::guarded(&path, "table", || rows.next())?.transpose());
    Ok(Opened { schema, rows })
}

/// Opens an Arrow file or stream that others wrote.
fn open_arrow(path: &Path) -> Result<Opened, DataError> {
    if stream::is_stream(path)? {
        return open_stream(path);
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

fn open_stream(path: &Path) -> Result<Opened, DataError> {
    let reader = stream::open(path)?;
    let schema = reader.schema();
    let path = path.to_owned();
    let rows = reader.map(move |batch| batch.map_err(|why| no_arrow(&path, why)));
    Ok(Opened {
        schema,
        rows: Box::new(rows),
    })
}

/// Opens a variable of a NetCDF file, or all variables along one dimension.
fn open_netcdf(path: &Path, options: &SourceOptions) -> Result<Opened, DataError> {
    let file = open_regular(path).map_err(DataError::io("open", path))?;
    let name = sunward_files::shown(path);
    let table = netcdf::open(file, &name, options.variable.as_deref(), options.rows)?;
    Ok(Opened {
        schema: table.schema,
        rows: Box::new(table.batches.map(|batch| batch.map_err(DataError::from))),
    })
}

/// Selects columns of an open source.
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
