//! Takes the files that a command left in a folder, as one dataset of files.

use std::path::Path;

use sunward_core::{Dataset, DatasetKind, FileRows, PartRef};
use sunward_files::pattern::{PatternError, expand};
use sunward_workflows::OutputFormat;

use crate::adopt::{leads_away, of_command};
use crate::error::DataError;
use crate::folder::mend_folders;
use crate::mode::{lstat, mend};
use crate::store::{Durable, Store};

/// The most files that are made durable one by one. More are made durable together.
const FEW_FILES: usize = 8;

impl Store {
    /// Takes the files in a folder that match a pattern, which is relative to it. Each becomes a part,
    /// with its name, and with its folder below this one. There may be none.
    ///
    /// # Errors
    ///
    /// Fails if there is no such folder, the pattern matches what is not a file, or a file cannot be
    /// read or stored.
    pub fn adopt_matching(&self, folder: &Path, pattern: &str) -> Result<Dataset, DataError> {
        let leads_away = leads_away(folder);
        self.matching(folder, pattern)
            .map_err(|error| of_command(error, folder, OutputFormat::Files, leads_away))
    }

    fn matching(&self, folder: &Path, pattern: &str) -> Result<Dataset, DataError> {
        if !folder.is_dir() {
            return Err(DataError::Format {
                path: folder.to_owned(),
                expected: "folder of files",
                found: "it is not a folder".into(),
                hint: "it was there when the command started; write files into it".into(),
            });
        }
        mend_folders(folder, 0)?;
        let found = expand(folder, pattern).map_err(|why| refused(folder, why))?;
        let found: Vec<&str> = found
            .iter()
            .map(|path| path.strip_prefix("./").unwrap_or(path))
            .collect();
        let (names, folders) = found.iter().map(|path| split(path)).unzip();
        let files = FileRows {
            names,
            folders,
            ..FileRows::default()
        };
        let parts = self.parts_of(folder, &found)?;
        Ok(Dataset::of_files(DatasetKind::File, parts, files))
    }

    fn parts_of(&self, folder: &Path, found: &[&str]) -> Result<Vec<PartRef>, DataError> {
        let durable = match found.len() <= FEW_FILES {
            true => Durable::Now,
            false => Durable::Later,
        };
        let mut parts: Vec<Option<PartRef>> = vec![None; found.len()];
        // Links are read first, because what they lead to may be moved into the store.
        for is_link in [true, false] {
            for (path, part) in found.iter().zip(&mut parts) {
                let path = folder.join(path);
                let meta = lstat(&path)?;
                if meta.is_symlink() != is_link {
                    continue;
                }
                mend(&path, &meta)?;
                *part = Some(match is_link {
                    true => self.copy_in(&path, durable)?,
                    false => self.move_in(&path, durable)?,
                });
            }
        }
        if durable == Durable::Later {
            self.sync_all()?;
        }
        Ok(parts.into_iter().flatten().collect())
    }
}

/// The name of a file and its folder.
fn split(path: &str) -> (String, String) {
    match path.rsplit_once('/') {
        Some((folder, name)) => (name.to_owned(), folder.to_owned()),
        None => (path.to_owned(), String::new()),
    }
}

fn refused(folder: &Path, why: PatternError) -> DataError {
    match why {
        PatternError::Unreadable(path, error) => DataError::io("list", &path)(error),
        other => DataError::Format {
            path: folder.to_owned(),
            expected: "folder of files",
            found: other.to_string(),
            hint: "the names must be text, and each match a file".into(),
        },
    }
}
