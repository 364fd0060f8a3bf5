//! SMILES files: one molecule a line, its text, white space, its name.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use sunward_files::open_regular;

use arrow::array::{RecordBatch, StringBuilder};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::{Opened, batches};
use crate::error::DataError;

/// Lines of one batch.
const BATCH_LINES: usize = 8192;

/// `smiles` and `id`; a line without a name has a null `id`.
pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("smiles", DataType::Utf8, true),
        Field::new("id", DataType::Utf8, true),
    ]))
}

/// Opens a file. Empty lines and lines that begin with `#` are passed over, and so is a first line
/// that says `smiles`. A name is all that follows the first white space.
pub(super) fn open(path: &Path) -> Result<Opened, DataError> {
    let file = open_regular(path).map_err(DataError::io("open", path))?;
    let mut lines = Lines {
        path: path.to_owned(),
        source: BufReader::new(file),
        line: 0,
    };
    Ok(Opened {
        schema: schema(),
        rows: batches(move || lines.batch()),
    })
}

struct Lines {
    path: PathBuf,
    source: BufReader<File>,
    line: u64,
}

impl Lines {
    fn batch(&mut self) -> Result<Option<RecordBatch>, DataError> {
        let mut smiles = StringBuilder::new();
        let mut ids = StringBuilder::new();
        let mut rows = 0;
        let mut bytes = Vec::new();
        while rows < BATCH_LINES {
            bytes.clear();
            let count = self
                .source
                .read_until(b'\n', &mut bytes)
                .map_err(DataError::io("read", &self.path))?;
            if count == 0 {
                break;
            }
            self.line += 1;
            let text = std::str::from_utf8(&bytes).map_err(|_| DataError::Format {
                path: self.path.clone(),
                expected: "SMILES file",
                found: format!("line {} is not UTF-8", self.line),
                hint: "write it as text, one molecule a line".into(),
            })?;
            let text = text.trim();
            let (molecule, id) = text
                .split_once(char::is_whitespace)
                .map_or((text, ""), |(molecule, id)| (molecule, id.trim()));
            let is_header = self.line == 1 && molecule.eq_ignore_ascii_case("smiles");
            if molecule.is_empty() || molecule.starts_with('#') || is_header {
                continue;
            }
            smiles.append_value(molecule);
            ids.append_option((!id.is_empty()).then_some(id));
            rows += 1;
        }
        if rows == 0 {
            return Ok(None);
        }
        let columns = vec![Arc::new(smiles.finish()) as _, Arc::new(ids.finish()) as _];
        RecordBatch::try_new(schema(), columns)
            .map(Some)
            .map_err(DataError::arrow("cannot read molecules"))
    }
}
