//! What the language knows of the files that a workflow names, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use crate::column::ColumnSpec;
use crate::model::Input;

/// Files by the path in [`crate::Reference::Path`], absolute or as the caller resolved it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// What is known of each examined path. A path that is absent here was not examined.
    pub files: BTreeMap<String, FileFact>,
    /// What is known of a path when it is read with the options of an input, by path and
    /// [`Input::reading`]. It takes precedence over `files`.
    pub readings: BTreeMap<(String, String), FileFact>,
    /// The files that each pattern matches, sorted, by the pattern as written; or why it matches
    /// nothing.
    pub patterns: BTreeMap<String, Result<Vec<String>, String>>,
    /// What is wrong with patterns of outputs, by the pattern as written.
    pub globs: BTreeMap<String, String>,
    /// Names in the workflow's own folder. `./word` in a `run` is staged if it is one of these.
    pub beside: Vec<String>,
    /// Words of commands and of `env:` that name something outside a task's folder: an absolute path, a
    /// path from the home folder or from the workflow's, or a pattern that a file matches.
    pub present: BTreeSet<String>,
    /// Names of params whose value the caller gives, so their defaults need not exist.
    pub given: BTreeSet<String>,
    /// Limits that the user's settings state for all workflows, by name.
    pub limits: BTreeMap<String, u32>,
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
    /// There is nothing.
    Missing,
    /// A folder.
    Folder,
    /// A file that is not a table, or was not examined as one.
    File,
    /// A table.
    Table {
        /// Its columns.
        columns: Vec<ColumnSpec>,
        /// The number of rows, if that is known without reading everything.
        rows: Option<u64>,
    },
    /// It exists but cannot be read, for this reason.
    Unreadable(String),
}
