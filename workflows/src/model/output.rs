//! The outputs of a stage and their formats.

use serde::{Deserialize, Serialize};

use super::Template;
use crate::column::ColumnSpec;
use crate::source::Span;

/// The pattern of an output of files that states none.
const ALL_FILES: &str = "*";

/// One output port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The format that the command writes.
    pub format: OutputFormat,
    /// The columns that it must have, if declared.
    pub schema: Option<Vec<ColumnSpec>>,
    /// The file name suffix without the dot, for `file`.
    pub ext: Option<String>,
    /// The file's or folder's name, for `file`, `dir` and `files`.
    pub name: Option<Template>,
    /// Which files of the folder are kept, for `files`: a pattern.
    pub glob: Option<String>,
    /// How the names of these files are split into columns: the text of `match:`.
    pub split: Option<String>,
    /// Whether there may be no such file.
    pub optional: bool,
    /// Its place in the file.
    pub span: Span,
}

impl Output {
    /// Whether it is files or folders, and not a table.
    #[must_use]
    pub const fn is_blob(&self) -> bool {
        matches!(
            self.format,
            OutputFormat::File | OutputFormat::Files | OutputFormat::Dir
        )
    }

    /// Whether it is a dataset of files or folders, however many there are: what each task of a
    /// scattered stage wrote, or the files that match a pattern.
    #[must_use]
    pub const fn is_several(&self, is_scattered: bool) -> bool {
        match self.format {
            OutputFormat::Files => true,
            OutputFormat::File | OutputFormat::Dir => is_scattered,
            OutputFormat::Arrow
            | OutputFormat::Parquet
            | OutputFormat::Csv
            | OutputFormat::Netcdf => false,
        }
    }

    /// The pattern of the files that are kept, for `files`.
    #[must_use]
    pub fn pattern(&self) -> &str {
        self.glob.as_deref().unwrap_or(ALL_FILES)
    }
}

/// What a command writes to an output's path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// An Arrow IPC file.
    #[default]
    Arrow,
    /// A Parquet file.
    Parquet,
    /// CSV with a header.
    Csv,
    /// Bytes.
    File,
    /// A folder.
    Dir,
    /// Files with any content, in a folder. Those that match a pattern are a dataset of files.
    Files,
    /// A NetCDF file with one variable of data; each time is a row.
    Netcdf,
}
