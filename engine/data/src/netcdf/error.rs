//! Errors of NetCDF files. Each message says what the user can do.

use thiserror::Error;

/// Why a NetCDF file could not be read or written.
#[derive(Debug, Error)]
pub enum NetcdfError {
    /// The file could not be opened, read or written.
    #[error("{path}: {doing}: {source}")]
    Io {
        /// The path of the file.
        path: String,
        /// What was attempted.
        doing: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file uses an unsupported feature.
    #[error(
        "{path}: the file uses {what}, which is not read; convert it once: nccopy -k nc4 -d 1 in.nc out.nc"
    )]
    Unsupported {
        /// The path of the file.
        path: String,
        /// The feature.
        what: String,
    },
    /// The file is not a NetCDF file.
    #[error(
        "{path}: this is not a NetCDF file: it starts with {found}, expected `CDF` and a version, or HDF5; \
         check that the download finished and that the name fits the content"
    )]
    NotNetcdf {
        /// The path of the file.
        path: String,
        /// The first bytes of the file.
        found: String,
    },
    /// The file is truncated, or contradicts itself.
    #[error("{path}: the NetCDF file is damaged or cut short: {what}; fetch or write it again")]
    Damaged {
        /// The path of the file.
        path: String,
        /// What was found and what was expected.
        what: String,
    },
    /// No variable holds gridded numbers.
    #[error(
        "{path}: no variable with numbers on a grid was found (only coordinates, bounds or text)"
    )]
    NoVariable {
        /// The path of the file.
        path: String,
    },
    /// Several variables are possible.
    #[error("{path}: the file has several variables: {known}; choose one with `variable:`")]
    SeveralVariables {
        /// The path of the file.
        path: String,
        /// Their names.
        known: String,
    },
    /// The requested variable does not exist.
    #[error("{path}: no variable `{wanted}`{nearest}; the file has {known}")]
    UnknownVariable {
        /// The path of the file.
        path: String,
        /// The requested name.
        wanted: String,
        /// `; did you mean …?`, or nothing.
        nearest: String,
        /// The possible names.
        known: String,
    },
    /// The variable cannot become a table of numbers.
    #[error("{path}: variable `{variable}` {what}")]
    Unsuitable {
        /// The path of the file.
        path: String,
        /// The variable.
        variable: String,
        /// What is wrong with it, and what is possible.
        what: String,
    },
    /// A column cannot be written as NetCDF.
    #[error("{path}: cannot write column `{column}` to NetCDF: {what}")]
    Column {
        /// The path of the file.
        path: String,
        /// The column.
        column: String,
        /// What is wrong with it, and what is possible.
        what: String,
    },
    /// The table as a whole cannot be written as NetCDF.
    #[error("{path}: cannot write this table to NetCDF: {what}")]
    Table {
        /// The path of the file.
        path: String,
        /// What is wrong with it, and what is possible.
        what: String,
    },
    /// The rows to be written are not available.
    #[error("{path}: the rows to write could not be read: {source}")]
    Rows {
        /// The path of the file.
        path: String,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A batch could not be assembled.
    #[error("{path}: {source}")]
    Arrow {
        /// The path of the file.
        path: String,
        /// The reason.
        source: arrow_schema::ArrowError,
    },
}

impl NetcdfError {
    /// The error for times that are counted from a moment that does not exist.
    pub(super) fn no_moment(path: &str, variable: &str, what: &str) -> Self {
        Self::Unsuitable {
            path: path.to_owned(),
            variable: variable.to_owned(),
            what: format!(
                "{what}; correct its attributes `units` and `calendar` (as `ncatted` does), or read the \
                 file `as: file`"
            ),
        }
    }
}
