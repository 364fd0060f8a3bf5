//! Rows of files that stages wrote: each file is read as a table, by its name and its bytes.

use std::path::Path;

use sunward_core::{Dataset, Hasher, PartRef};

use crate::error::DataError;
use crate::source::SourceOptions;
use crate::store::Store;

/// The longest suffix by which a format is known.
const LONGEST_SUFFIX: usize = 12;

impl Store {
    /// The files of a dataset as tables, in their order, each with the name of its file. `unnamed` is
    /// the name of files that have none.
    ///
    /// # Errors
    ///
    /// Fails if a file is missing, or is not a table. The message names it.
    pub fn file_tables(
        &self,
        files: &Dataset,
        unnamed: &str,
        options: &SourceOptions,
    ) -> Result<Vec<(String, Dataset)>, DataError> {
        let known = files.files.as_ref();
        let names = known.map_or_else(Vec::new, |known| known.placed());
        let read = |(at, part): (usize, &PartRef)| {
            let name = names.get(at).map_or(unnamed, String::as_str);
            Ok((name.to_owned(), self.file_table(part, name, options)?))
        };
        files.parts.iter().enumerate().map(read).collect()
    }

    fn file_table(
        &self,
        part: &PartRef,
        name: &str,
        options: &SourceOptions,
    ) -> Result<Dataset, DataError> {
        let suffix = suffix(name);
        let key = Hasher::new("table of file")
            .field("part", &part.digest.0)
            .field("suffix", suffix.unwrap_or_default().as_bytes())
            .field("reading", &options.digest().0)
            .finish();
        if let Some(known) = self.recall(&key) {
            return Ok(known);
        }
        self.fetch_part(part)?;
        // The suffix of the link tells the format.
        let path = self.linked_part(&part.digest, suffix)?;
        let table = self
            .table_at(&path, options)
            .map_err(|error| error.told_of(&path, Path::new(name)))?;
        self.remember(&key, &table);
        Ok(table)
    }
}

/// The suffix of a name that tells a format, also that of a compressed file: `csv.gz`.
fn suffix(name: &str) -> Option<&str> {
    let last = name.rfind('.')?;
    let start = match name.get(last..) {
        Some(".gz") => name[..last].rfind('.').unwrap_or(last),
        _ => last,
    };
    let suffix = name.get(start + 1..)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    (suffix.len() <= LONGEST_SUFFIX && suffix.bytes().all(plain)).then_some(suffix)
}
