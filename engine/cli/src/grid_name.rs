//! The grid that a call or the user's settings name, and where it is named, for messages.

use std::fmt;
use std::path::Path;

/// A folder or providers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GridName<'a> {
    /// The word as it was given.
    pub(crate) word: &'a str,
    /// The settings file, if it names the grid.
    settings: Option<&'a Path>,
}

impl<'a> GridName<'a> {
    /// The value of `--grid`.
    pub(crate) const fn of_call(word: &'a str) -> Self {
        Self {
            word,
            settings: None,
        }
    }

    /// The value of `grid` in the settings.
    pub(crate) const fn of_settings(word: &'a str, file: Option<&'a Path>) -> Self {
        Self {
            word,
            settings: file,
        }
    }
}

impl fmt::Display for GridName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.settings {
            None => write!(f, "--grid {}", self.word),
            Some(file) => write!(f, "{}: `grid: {}`", sunward_files::shown(file), self.word),
        }
    }
}
