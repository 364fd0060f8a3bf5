//! Tables as they were written. The original files are kept beside the parts, and are cut and
//! joined by the text of their cells, so that `1.50` reaches a command as `1.50`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder, Writer};
use sunward_core::{Dataset, Hasher, PartRef, Written};
use sunward_workflows::{Form, quoted};

use crate::behind::WriteBehind;
use crate::encode;
use crate::error::DataError;
use crate::incoming::Incoming;
use crate::source::open_text;
use crate::store::Store;

impl Store {
    /// Adds to a table the files that hold it as it was written. The content digest then covers
    /// their bytes too, because commands may read these files.
    pub(crate) fn with_written(&self, table: Dataset, written: Written) -> Dataset {
        let mut hasher = Hasher::new("table as written");
        hasher
            .field("rows", &table.content.0)
            .field("form", encode::suffix(written.form).as_bytes());
        for file in &written.files {
            hasher.field("file", &file.digest.0);
        }
        Dataset {
            content: hasher.finish(),
            written: Some(written),
            ..table
        }
    }

    /// Adds to a joined table the original files of its sources, if all of them were written in the
    /// same form.
    pub(crate) fn with_written_of(&self, joined: Dataset, from: &[(usize, &Dataset)]) -> Dataset {
        let of_each = from.iter().map(|(_, one)| one.written.as_ref());
        let all: Vec<&Written> = of_each.flatten().collect();
        let Some(form) = all.first().map(|first| first.form) else {
            return joined;
        };
        if all.len() < from.len() || all.iter().any(|one| one.form != form) {
            return joined;
        }
        let declared: BTreeSet<&String> = all.iter().flat_map(|one| &one.declared).collect();
        let written = Written {
            form,
            files: all.iter().flat_map(|one| one.files.clone()).collect(),
            declared: declared.into_iter().cloned().collect(),
        };
        self.with_written(joined, written)
    }

    /// Writes the text of these columns to a file in the store. No columns means all.
    pub(crate) fn cut_text(
        &self,
        files: &[PartRef],
        columns: &[String],
    ) -> Result<PartRef, DataError> {
        let incoming = Incoming::create(&self.incoming_folder())?;
        self.write_text(files, columns, None, incoming.handle()?, incoming.path())?;
        self.go_on()?;
        self.keep(incoming)
    }

    /// Stores what `write` writes, as a file.
    pub(crate) fn text_of(
        &self,
        write: impl FnOnce(&mut dyn std::io::Write) -> Result<(), DataError>,
    ) -> Result<PartRef, DataError> {
        let incoming = Incoming::create(&self.incoming_folder())?;
        let mut sink = BufWriter::new(incoming.handle()?);
        write(&mut sink)?;
        let failed = |error| DataError::io("write", incoming.path())(error);
        sink.into_inner()
            .map_err(|error| failed(error.into_error()))?;
        incoming.sync()?;
        self.go_on()?;
        self.keep(incoming)
    }

    /// Decompresses a text table into the store.
    pub(crate) fn unpacked_text(&self, path: &Path) -> Result<PartRef, DataError> {
        let incoming = Incoming::create(&self.incoming_folder())?;
        let mut file = incoming.handle()?;
        std::io::copy(&mut open_text(path)?, &mut file).map_err(DataError::io("unpack", path))?;
        incoming.sync()?;
        self.go_on()?;
        self.keep(incoming)
    }

    /// Writes the cells of CSV files to one file: the header once, then the rows in the range. Only
    /// the named columns are written, or all if none is named.
    pub(crate) fn write_text(
        &self,
        files: &[PartRef],
        columns: &[String],
        rows: Option<Range<u64>>,
        target: File,
        path: &Path,
    ) -> Result<(), DataError> {
        let rows = rows.unwrap_or(0..u64::MAX);
        let mut cut = Cut {
            writer: Writer::from_writer(BufWriter::new(WriteBehind::new(target))),
            columns,
            rows,
            next: 0,
            indices: Vec::new(),
            header: None,
        };
        for part in files {
            if cut.next >= cut.rows.end {
                break;
            }
            cut.file(&self.part_path(&part.digest), path)?;
        }
        let sink = cut.writer.into_inner().map_err(|error| {
            DataError::io("write", path)(std::io::Error::other(error.to_string()))
        })?;
        let file = encode::unbuffer(sink, path)?;
        file.sync().map_err(DataError::io("sync", path))
    }
}

/// An open file, and the positions of the columns in it.
struct OpenText {
    reader: Reader<Box<dyn std::io::Read>>,
    indices: Vec<usize>,
}

/// An iterator over the rows of a table as the text of their cells, in the order of the columns.
pub(crate) struct TextRows {
    /// The files that are still to be read, in reverse order.
    files: Vec<PathBuf>,
    columns: Vec<String>,
    open: Option<OpenText>,
    record: ByteRecord,
}

impl TextRows {
    /// Opens a table that was written as CSV. Returns `None` for any other.
    pub(crate) fn of(
        store: &Store,
        dataset: &Dataset,
        columns: &[String],
    ) -> Result<Option<Self>, DataError> {
        let Some(files) = dataset.written_as(Form::Csv) else {
            return Ok(None);
        };
        for file in files {
            store.fetch_part(file)?;
        }
        let paths = files.iter().rev();
        Ok(Some(Self {
            files: paths.map(|file| store.part_path(&file.digest)).collect(),
            columns: columns.to_vec(),
            open: None,
            record: ByteRecord::new(),
        }))
    }

    /// The cells of the next row, or `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<&str>>, DataError> {
        loop {
            if self.open.is_none() {
                let Some(path) = self.files.pop() else {
                    return Ok(None);
                };
                self.open = Some(self.opened(&path)?);
            }
            let Some(open) = &mut self.open else {
                return Ok(None);
            };
            let more = open.reader.read_byte_record(&mut self.record);
            if more.map_err(|error| DataError::Unsupported(error.to_string()))? {
                let record = &self.record;
                let text = |at: &usize| std::str::from_utf8(record.get(*at).unwrap_or(b""));
                let cells = open.indices.iter().map(|at| text(at).unwrap_or_default());
                return Ok(Some(cells.collect()));
            }
            self.open = None;
        }
    }

    fn opened(&self, path: &Path) -> Result<OpenText, DataError> {
        let mut reader = ReaderBuilder::new().from_reader(open_text(path)?);
        let header = reader.byte_headers().map_err(|error| DataError::Damaged {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        let place = |name: &String| header.iter().position(|cell| cell == name.as_bytes());
        let indices = self.columns.iter().map(|name| {
            place(name).ok_or_else(|| DataError::Damaged {
                path: path.to_owned(),
                why: format!("it has no column {}", quoted(name)),
            })
        });
        let indices = indices.collect::<Result<_, _>>()?;
        Ok(OpenText { reader, indices })
    }
}

/// Cuts one or several files and joins the result into one.
struct Cut<'c> {
    writer: Writer<BufWriter<WriteBehind>>,
    columns: &'c [String],
    rows: Range<u64>,
    /// The index of the next row, counted over all files.
    next: u64,
    indices: Vec<usize>,
    header: Option<ByteRecord>,
}

impl Cut<'_> {
    fn file(&mut self, source: &Path, target: &Path) -> Result<(), DataError> {
        let damaged = |error: csv::Error| DataError::Damaged {
            path: source.to_owned(),
            why: error.to_string(),
        };
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .from_reader(open_text(source)?);
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record).map_err(damaged)? {
            return Ok(());
        }
        self.begin(source, &record, target)?;
        while self.next < self.rows.end && reader.read_byte_record(&mut record).map_err(damaged)? {
            if self.rows.contains(&self.next) {
                self.write(&record, target)?;
            }
            self.next += 1;
        }
        Ok(())
    }

    /// Reads the header of a file. The first header is written, and all others must be equal to it.
    fn begin(
        &mut self,
        source: &Path,
        header: &ByteRecord,
        target: &Path,
    ) -> Result<(), DataError> {
        if let Some(first) = &self.header {
            if first == header {
                return Ok(());
            }
            return Err(DataError::Format {
                path: source.to_owned(),
                expected: "CSV file with the columns of the one before",
                found: String::from_utf8_lossy(header.as_slice()).into_owned(),
                hint: "make every task write the same columns in the same order".into(),
            });
        }
        let place = |name: &String| header.iter().position(|cell| cell == name.as_bytes());
        self.indices = if self.columns.is_empty() {
            (0..header.len()).collect()
        } else {
            self.columns
                .iter()
                .map(|name| {
                    place(name).ok_or_else(|| {
                        DataError::NoSuch(format!(
                            "there is no column {} in {}",
                            quoted(name),
                            sunward_files::shown(source)
                        ))
                    })
                })
                .collect::<Result<_, _>>()?
        };
        self.header = Some(header.clone());
        self.write(header, target)
    }

    fn write(&mut self, record: &ByteRecord, target: &Path) -> Result<(), DataError> {
        let cells = self.indices.iter().map(|at| record.get(*at).unwrap_or(b""));
        self.writer.write_record(cells).map_err(|error| {
            DataError::io("write", target)(std::io::Error::other(error.to_string()))
        })
    }
}
