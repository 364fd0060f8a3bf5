//! The outputs of a stage and their formats.

use serde::{Deserialize, Serialize};

use super::Template;
use crate::column::ColumnSpec;
use crate::source::Span;

/// One output port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The format that the command writes.
    pub format: OutputFormat,
    /// The columns that it must have, if declared.
    pub schema: Option<Vec<ColumnSpec>>,
    /// The file name suffix without the dot, for `file`.
    pub ext: Option<String>,
    /// The file's or folder's name, for `file` and `dir`.
    pub name: Option<Template>,
    /// Its place in the file.
    pub span: Span,
}

impl Output {
    /// Whether it is a file or a folder, and not a table.
    #[must_use]
    pub const fn is_blob(&self) -> bool {
        matches!(self.format, OutputFormat::File | OutputFormat::Dir)
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
    /// A NetCDF file with one variable of data; each time is a row.
    Netcdf,
}
