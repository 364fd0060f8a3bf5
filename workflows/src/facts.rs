//! What the language knows of the files that a workflow names, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use crate::column::ColumnSpec;
use crate::model::Input;
use crate::source::Sources;

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
    /// The texts of files of requirements, or why they cannot be read, by path.
    pub texts: BTreeMap<String, Result<String, String>>,
    /// The files of stages that stages use, by their path from the workflow's folder
    /// ([`crate::path_from`]).
    pub used: BTreeMap<String, UsedFile>,
    /// The [`UsedFile::identity`] of the workflow's own file.
    pub identity: String,
    /// Limits that the user's settings state for all workflows, by name.
    pub limits: BTreeMap<String, u32>,
}

/// A file that a stage uses.
#[derive(Clone, Debug, PartialEq)]
pub struct UsedFile {
    /// Its path in messages.
    pub shown: String,
    /// The same for all paths of one file, so that a file which uses itself is found.
    pub identity: String,
    /// Its text, or why it cannot be used.
    pub text: Result<String, String>,
}

impl Facts {
    /// The text of a workflow and of the files that it uses.
    #[must_use]
    pub fn sources(&self, name: &str, text: &str) -> Sources {
        let mut sources = Sources::new(name, text);
        for file in self.used.values() {
            if let Ok(text) = &file.text {
                sources.add(&*file.shown, text);
            }
        }
        sources
    }

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
