//! What the language must know of the files that a workflow names. Plain data.

use std::collections::{BTreeMap, BTreeSet};

use crate::column::ColumnSpec;
use crate::model::Input;

/// Files by the path as [`crate::Reference::Path`] holds it (absolute, or as the caller resolved it).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// What is known of each path that was looked at. A path that is missing here was not looked at.
    pub files: BTreeMap<String, FileFact>,
    /// What is known of a path when it is read with the options of an input, by path and
    /// [`Input::reading`]. It counts instead of `files`.
    pub readings: BTreeMap<(String, String), FileFact>,
    /// Names in the workflow's own folder: `./word` in a `run` is staged when it is one of these.
    pub beside: Vec<String>,
    /// Absolute paths in commands where there is a file or a folder.
    pub present: BTreeSet<String>,
    /// Names of params whose value is given beside the workflow: what lies at their default is of no matter.
    pub given: BTreeSet<String>,
}

impl Facts {
    /// What is known of a path as this input reads it.
    #[must_use]
    pub fn of_input(&self, path: &str, input: &Input) -> Option<&FileFact> {
        self.readings
            .get(&(path.to_owned(), input.reading()))
            .or_else(|| self.files.get(path))
    }
}

/// What is known of one path.
#[derive(Clone, Debug, PartialEq)]
pub enum FileFact {
    /// Nothing is there.
    Missing,
    /// A folder.
    Folder,
    /// A file whose content was not understood as a table (or was not meant to be).
    File,
    /// A table.
    Table {
        /// Its columns.
        columns: Vec<ColumnSpec>,
        /// Its rows, where that is known without reading all of it.
        rows: Option<u64>,
    },
    /// Something is there, but it cannot be read: why.
    Unreadable(String),
}
