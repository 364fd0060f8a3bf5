//! A file's lines, with the number of the record that contains them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use sunward_files::open_regular;
use sunward_workflows::quoted;

use crate::error::DataError;

/// The line that ends a record.
const END: &str = "$$$$";
/// The byte-order mark that some editors write.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The lines, one at a time.
pub(super) struct Lines {
    path: PathBuf,
    source: BufReader<File>,
    /// The number of the current line, from 1.
    number: u64,
    /// The number of the current record, from 1.
    record: u64,
    /// The first line of the current record.
    title: String,
    text: String,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let file = open_regular(path).map_err(DataError::io("open", path))?;
        Ok(Self {
            path: path.to_owned(),
            source: BufReader::with_capacity(1 << 16, file),
            number: 0,
            record: 0,
            title: String::new(),
            text: String::new(),
        })
    }

    /// The current line without its end.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn begin_record(&mut self) {
        self.record += 1;
        self.title.clear();
    }

    /// Records the current line as the record's title.
    pub(super) fn take_title(&mut self) {
        self.text.trim().clone_into(&mut self.title);
    }

    /// The title of the current record, or its number from 1 if the title is empty.
    pub(super) fn id(&self) -> String {
        match self.title.is_empty() {
            true => self.record.to_string(),
            false => self.title.clone(),
        }
    }

    /// Skips to the end of the current record, whatever it contains; false if the file ends first.
    pub(super) fn skip_record(&mut self) -> Result<bool, DataError> {
        while !self.ends_record() {
            match self.next() {
                Ok(true) | Err(DataError::Format { .. }) => {}
                Ok(false) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Reads the next line; false at the end of the file.
    pub(super) fn next(&mut self) -> Result<bool, DataError> {
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        bytes.clear();
        let count = self
            .source
            .read_until(b'\n', &mut bytes)
            .map_err(DataError::io("read", &self.path))?;
        if count == 0 {
            return Ok(false);
        }
        self.number += 1;
        for end in *b"\n\r" {
            if bytes.last() == Some(&end) {
                bytes.pop();
            }
        }
        if self.number == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        self.text = String::from_utf8(bytes).map_err(|_| {
            self.broken(
                "it is not UTF-8",
                "text in UTF-8; convert it with `iconv -f latin1 -t utf-8`",
            )
        })?;
        Ok(true)
    }

    /// Reads the next line, which the record must have.
    pub(super) fn need(&mut self, part: &str) -> Result<(), DataError> {
        if !self.next()? {
            return Err(self.broken(
                &format!("the file ends within {part}"),
                "whole records; the file may be cut off",
            ));
        }
        if self.ends_record() {
            return Err(self.broken(
                &format!("the record ends within {part}"),
                "`M  END` and data items before `$$$$`",
            ));
        }
        Ok(())
    }

    /// Whether the line ends a record.
    pub(super) fn ends_record(&self) -> bool {
        self.text.starts_with(END)
    }

    /// Whether the line contains only white space.
    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// The text between two columns, counted in bytes from 0; empty beyond the line's end or within
    /// a character.
    pub(super) fn field(&self, from: usize, to: usize) -> &str {
        let end = to.min(self.text.len());
        self.text.get(from.min(end)..end).unwrap_or("").trim()
    }

    /// The number between two columns.
    pub(super) fn number<T: FromStr>(
        &self,
        what: &str,
        from: usize,
        to: usize,
    ) -> Result<T, DataError> {
        let found = self.field(from, to);
        found.parse().map_err(|_| {
            self.broken(
                &format!("{what} is {}", quoted(found)),
                &format!("a number in columns {} to {to}", from + 1),
            )
        })
    }

    /// The error for the current line.
    pub(super) fn broken(&self, found: &str, wanted: &str) -> DataError {
        DataError::Format {
            path: self.path.clone(),
            expected: "SDF file",
            found: format!("line {}, record {}: {found}", self.number, self.record),
            hint: format!("expected {wanted}"),
        }
    }
}
