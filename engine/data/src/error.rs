//! What can go wrong in the hand-off, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use sunward_core::Digest;

/// Why data could not be read, written, converted or moved.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The operating system refused.
    #[error("cannot {what} {}: {source}{}", path.display(), io_hint(source))]
    Io {
        /// The attempt, as `write` or `create folder`.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// A part is in neither store.
    #[error(
        "part {digest} is not in the store {}; it was deleted or never written: run the stage that made it again (`--force STAGE`)",
        store.display()
    )]
    MissingPart {
        /// Which.
        digest: Digest,
        /// Where it was looked for.
        store: PathBuf,
    },
    /// Bytes in the store are not what their name says, or no part at all.
    #[error(
        "{} is damaged: {why}; delete it and run the stage that made it again, and see `sunward cache verify`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A file is not in the format that it should be in.
    #[error("{} is no readable {expected}: {found}; {hint}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format expected.
        expected: &'static str,
        /// What was found.
        found: String,
        /// What to do.
        hint: String,
    },
    /// A table does not have the columns that it should have.
    #[error("{place}: column '{column}' {found}, expected {expected}; {hint}")]
    Schema {
        /// The file, part or dataset.
        place: String,
        /// Which column.
        column: String,
        /// What is there: `is float64`, `is missing`.
        found: String,
        /// What should be.
        expected: String,
        /// What to do.
        hint: String,
    },
    /// A type, format or address that this engine does not handle.
    #[error("{0}")]
    Unsupported(String),
    /// Something asked for does not exist in the data: a column, a row range, a variable.
    #[error("{0}")]
    NoSuch(String),
    /// A NetCDF file could not be read or written.
    #[error(transparent)]
    Netcdf(#[from] crate::netcdf::NetcdfError),
    /// Arrow refused values.
    #[error("{what}: {source}")]
    Arrow {
        /// The attempt.
        what: String,
        /// Its answer.
        source: ArrowError,
    },
    /// The remote store refused or could not be reached.
    #[error("cannot {what} in {place}: {why}; {hint}")]
    Remote {
        /// The attempt.
        what: &'static str,
        /// Bucket and prefix.
        place: String,
        /// Its answer.
        why: String,
        /// What to do.
        hint: &'static str,
    },
}

fn io_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            "; free some space, or let `sunward cache prune --max-size` do it"
        }
        io::ErrorKind::PermissionDenied => "; check who owns it and its permissions",
        io::ErrorKind::NotFound => "; check the path",
        _ => "",
    }
}

impl DataError {
    /// For `map_err` on a file operation.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// For `map_err` on an Arrow operation.
    pub(crate) fn arrow(what: impl Into<String>) -> impl FnOnce(ArrowError) -> Self {
        let what = what.into();
        move |source| Self::Arrow { what, source }
    }

    /// For `map_err` where a writer's own I/O error hides in Arrow's.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(ArrowError) -> Self {
        let path = path.to_owned();
        move |error| match error {
            ArrowError::IoError(_, source) => Self::Io {
                what: "write",
                path,
                source,
            },
            source => Self::Arrow {
                what: format!("cannot write {} as Arrow", path.display()),
                source,
            },
        }
    }

    /// True when trying again elsewhere or later may help: disks, networks, lost parts. False when
    /// the data itself or the request is at fault.
    #[must_use]
    pub fn is_infrastructure(&self) -> bool {
        match self {
            Self::Io { .. }
            | Self::MissingPart { .. }
            | Self::Damaged { .. }
            | Self::Remote { .. } => true,
            Self::Format { .. }
            | Self::Schema { .. }
            | Self::Unsupported(_)
            | Self::NoSuch(_)
            | Self::Netcdf(_)
            | Self::Arrow { .. } => false,
        }
    }
}
