//! Reads SMILES files. Each line has the SMILES of one molecule, white space, and its name.
//!
//! Three other things may occur: a byte-order mark, a header (see [`header`]), and the `|…|` of
//! CXSMILES (see [`extension`]), which has a column of its own. A chemistry toolkit judges whether
//! a text is a valid molecule.

mod extension;
mod header;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{RecordBatch, StringBuilder};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use sunward_files::open_regular;

use super::{Opened, batches};
use crate::error::DataError;

/// Lines of one batch.
const BATCH_LINES: usize = 8192;
/// The byte-order mark that some editors write.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// `smiles`, `id` (null for a line without a name) and `extension` (null for a line without one).
pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("smiles", DataType::Utf8, true),
        Field::new("id", DataType::Utf8, true),
        Field::new("extension", DataType::Utf8, true),
    ]))
}

/// Opens a file. Empty lines, lines that begin with `#`, and headers are ignored. The name is
/// everything after the first white space, without the extension.
pub(super) fn open(path: &Path) -> Result<Opened, DataError> {
    let file = open_regular(path).map_err(DataError::io("open", path))?;
    let mut lines = Lines {
        path: path.to_owned(),
        source: BufReader::new(file),
        number: 0,
        header: None,
        is_first: true,
    };
    Ok(Opened {
        schema: schema(),
        rows: batches(move || lines.batch()),
    })
}

struct Lines {
    path: PathBuf,
    source: BufReader<File>,
    /// The number of the current line, from 1.
    number: u64,
    /// The header. Joined files repeat it.
    header: Option<String>,
    /// Whether no molecule was read yet, so that a header is possible.
    is_first: bool,
}

impl Lines {
    fn batch(&mut self) -> Result<Option<RecordBatch>, DataError> {
        let mut columns: [StringBuilder; 3] = Default::default();
        let mut rows = 0;
        while rows < BATCH_LINES {
            let Some(line) = self.next()? else { break };
            if line.is_empty() || line.starts_with('#') || self.is_header(&line)? {
                continue;
            }
            let (smiles, rest) = line
                .split_once(char::is_whitespace)
                .map_or((line.as_str(), ""), |(smiles, rest)| (smiles, rest.trim()));
            let (extension, id) = extension::split(rest);
            let [smiles_column, id_column, extension_column] = &mut columns;
            smiles_column.append_value(smiles);
            id_column.append_option((!id.is_empty()).then_some(id));
            extension_column.append_option(extension);
            rows += 1;
        }
        if rows == 0 {
            return Ok(None);
        }
        let columns = columns
            .map(|mut column| Arc::new(column.finish()) as _)
            .to_vec();
        RecordBatch::try_new(schema(), columns)
            .map(Some)
            .map_err(DataError::arrow("cannot read molecules"))
    }

    /// The next line without a byte-order mark and surrounding white space; `None` at the end.
    fn next(&mut self) -> Result<Option<String>, DataError> {
        let mut bytes = Vec::new();
        let count = self
            .source
            .read_until(b'\n', &mut bytes)
            .map_err(DataError::io("read", &self.path))?;
        if count == 0 {
            return Ok(None);
        }
        self.number += 1;
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            self.broken(
                "it is not UTF-8",
                "write it as text in UTF-8, one molecule per line",
            )
        })?;
        // Joined files may contain a mark in the middle as well.
        let text = text.trim().trim_start_matches(BYTE_ORDER_MARK).trim();
        if text.contains('\r') {
            return Err(self.broken(
                "its lines end with a carriage return alone",
                "end them with a line feed; `tr '\\r' '\\n'` converts them",
            ));
        }
        Ok(Some(text.to_owned()))
    }

    fn is_header(&mut self, line: &str) -> Result<bool, DataError> {
        if !std::mem::take(&mut self.is_first) {
            return Ok(self.header.as_deref() == Some(line));
        }
        match header::of(line) {
            header::First::Molecule => Ok(false),
            header::First::Header => {
                self.header = Some(line.to_owned());
                Ok(true)
            }
            header::First::OtherColumns(why) => Err(self.broken(
                &why,
                "put the SMILES first, then white space and a name; or rename the file to .csv or .tsv, which may have any columns",
            )),
        }
    }

    fn broken(&self, found: &str, hint: &str) -> DataError {
        DataError::Format {
            path: self.path.clone(),
            expected: "SMILES file",
            found: format!("line {}: {found}", self.number),
            hint: hint.into(),
        }
    }
}
