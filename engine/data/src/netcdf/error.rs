//! What can go wrong with a NetCDF file, said so that its owner can mend it.

use thiserror::Error;

/// Why a NetCDF file could not be read or written.
#[derive(Debug, Error)]
pub enum NetcdfError {
    /// The file could not be opened, read or written.
    #[error("{path}: {doing}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// It uses something that is not read.
    #[error(
        "{path}: the file uses {what}, which is not read; convert it once: nccopy -k nc4 -d 1 in.nc out.nc"
    )]
    Unsupported {
        /// The file.
        path: String,
        /// What it uses.
        what: String,
    },
    /// It is something else.
    #[error(
        "{path}: this is no NetCDF file: it starts with {found}, expected `CDF` and a version, or HDF5; \
         check that the download finished and that the name fits the content"
    )]
    NotNetcdf {
        /// The file.
        path: String,
        /// Its first bytes.
        found: String,
    },
    /// It is cut short, or its parts contradict each other.
    #[error("{path}: the NetCDF file is damaged or cut short: {what}; fetch or write it again")]
    Damaged {
        /// The file.
        path: String,
        /// What was found and what was expected.
        what: String,
    },
    /// No variable holds gridded numbers.
    #[error(
        "{path}: no variable with numbers on a grid was found (only coordinates, bounds or text)"
    )]
    NoVariable {
        /// The file.
        path: String,
    },
    /// Several variables could be meant.
    #[error("{path}: several variables are in the file: {known}; say which with `variable:`")]
    SeveralVariables {
        /// The file.
        path: String,
        /// Their names.
        known: String,
    },
    /// The variable asked for is not there.
    #[error("{path}: no variable `{wanted}`{nearest}; the file has {known}")]
    UnknownVariable {
        /// The file.
        path: String,
        /// The name asked for.
        wanted: String,
        /// `; did you mean …?`, or nothing.
        nearest: String,
        /// The names that would do.
        known: String,
    },
    /// The variable cannot be a table of numbers.
    #[error("{path}: variable `{variable}` {what}")]
    Unsuitable {
        /// The file.
        path: String,
        /// The variable.
        variable: String,
        /// What is wrong with it and what would do.
        what: String,
    },
    /// A table cannot be written as NetCDF.
    #[error("{path}: cannot write column `{column}` to NetCDF: {what}")]
    Column {
        /// The file.
        path: String,
        /// The column.
        column: String,
        /// What is wrong with it and what would do.
        what: String,
    },
    /// The table as a whole cannot be written as NetCDF.
    #[error("{path}: cannot write this table to NetCDF: {what}")]
    Table {
        /// The file.
        path: String,
        /// What is wrong with it and what would do.
        what: String,
    },
    /// The rows to be written could not be had.
    #[error("{path}: the rows to write could not be read: {source}")]
    Rows {
        /// The file.
        path: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A batch could not be put together.
    #[error("{path}: {source}")]
    Arrow {
        /// The file.
        path: String,
        /// Why.
        source: arrow_schema::ArrowError,
    },
}
