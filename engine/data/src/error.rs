//! Errors of the hand-off, each with its remedy.

use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use rustix::io::Errno;
use sunward_core::{Blame, Digest};
use sunward_files::shown;

/// Why data could not be read, written, converted or moved.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The operating system returned an error.
    #[error("cannot {what} {}: {source}{}", shown(path), io_remedy(source))]
    Io {
        /// What was attempted, for example `write` or `create folder`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A part is in no store.
    #[error(
        "part {digest} is not in the store {}; it was deleted or never written: `sunward run` makes it again",
        shown(store)
    )]
    MissingPart {
        /// The part.
        digest: Digest,
        /// The store.
        store: PathBuf,
    },
    /// The bytes of a part do not match its name, or are not a part.
    #[error(
        "{} is damaged: {why}; `sunward run` makes it again, and `sunward cache verify` looks for more",
        shown(path)
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A file does not have the expected format.
    #[error("{} is not a readable {expected}: {found}; {hint}", shown(path))]
    Format {
        /// The file.
        path: PathBuf,
        /// The expected format.
        expected: &'static str,
        /// What was found.
        found: String,
        /// The remedy.
        hint: String,
    },
    /// A table does not have the expected columns.
    #[error("{place}: column `{column}` {found}, expected {expected}; {hint}")]
    Schema {
        /// The file, part or dataset.
        place: String,
        /// The column.
        column: String,
        /// What was found: `is float64`, `is missing`.
        found: String,
        /// What was expected.
        expected: String,
        /// The remedy.
        hint: String,
    },
    /// The work is no longer needed, because the run is being stopped.
    #[error("it was stopped")]
    Stopped,
    /// A type, format or address that Sunward does not support.
    #[error("{0}")]
    Unsupported(String),
    /// A requested column, row range or variable does not exist.
    #[error("{0}")]
    NoSuch(String),
    /// A NetCDF file could not be read or written.
    #[error(transparent)]
    Netcdf(#[from] crate::netcdf::NetcdfError),
    /// Arrow returned an error.
    #[error("{what}: {source}")]
    Arrow {
        /// What was attempted.
        what: String,
        /// Arrow's error.
        source: ArrowError,
    },
    /// The remote store refused or could not be reached.
    #[error("{}", remote_told(what, place, why, hint, *refused))]
    Remote {
        /// What was attempted.
        what: &'static str,
        /// Bucket and prefix.
        place: String,
        /// Its answer.
        why: String,
        /// The remedy.
        hint: &'static str,
        /// Whether the answer is permanent: there is no such bucket, or no permission.
        refused: bool,
    },
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

    /// For `map_err` where a writer wraps its I/O error in Arrow's.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(ArrowError) -> Self {
        let path = path.to_owned();
        move |error| match error {
            ArrowError::IoError(_, source) => Self::Io {
                what: "write",
                path,
                source,
            },
            source => Self::Arrow {
                what: format!("cannot write {} as Arrow", sunward_files::shown(&path)),
                source,
            },
        }
    }

    /// Classifies the error as the user's or the machine's. All errors of the hand-off are
    /// classified here.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Io { source, .. } => io_blame(source),
            Self::MissingPart { .. } | Self::Damaged { .. } => Blame::Lost,
            Self::Stopped => Blame::Nobody,
            Self::Remote { refused: true, .. } => Blame::Permanent,
            Self::Remote { refused: false, .. } => Blame::Passing,
            Self::Format { .. }
            | Self::Schema { .. }
            | Self::Unsupported(_)
            | Self::NoSuch(_)
            | Self::Netcdf(_)
            | Self::Arrow { .. } => Blame::User,
        }
    }

    /// The same error about a file below `original`, if it is about one below `copy`.
    pub(crate) fn told_of(self, copy: &Path, original: &Path) -> Self {
        match self {
            Self::Format {
                path,
                expected,
                found,
                hint,
            } => Self::Format {
                path: match path.strip_prefix(copy) {
                    Ok(inner) if inner.as_os_str().is_empty() => original.to_owned(),
                    Ok(inner) => original.join(inner),
                    Err(_) => path,
                },
                expected,
                found,
                hint,
            },
            Self::Schema {
                place,
                column,
                found,
                expected,
                hint,
            } => Self::Schema {
                place: place.replace(&sunward_files::shown(copy), &sunward_files::shown(original)),
                column,
                found,
                expected,
                hint,
            },
            other => other,
        }
    }

    /// True if the machine, the network or the store is at fault; false if the data or the request
    /// is.
    #[must_use]
    pub fn is_infrastructure(&self) -> bool {
        self.blame() != Blame::User
    }
}

/// Classifies an I/O error of the engine's own files. Only errors in this list may go away by
/// themselves: a full disk, a device that fails now and then, a network file system that is out of
/// reach. All others are permanent, and are told at once.
#[must_use]
pub fn io_blame(error: &io::Error) -> Blame {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::StorageFull
        | Kind::QuotaExceeded
        | Kind::Interrupted
        | Kind::TimedOut
        | Kind::WouldBlock
        | Kind::OutOfMemory
        | Kind::Deadlock
        | Kind::ExecutableFileBusy
        | Kind::StaleNetworkFileHandle
        | Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::NotConnected
        | Kind::ConnectionRefused
        | Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        // Another process made or filled the same folder.
        | Kind::AlreadyExists
        | Kind::DirectoryNotEmpty => Blame::Passing,
        _ if error.raw_os_error().is_some_and(is_passing) => Blame::Passing,
        _ => Blame::Permanent,
    }
}

/// Errors without a kind that may go away.
fn is_passing(code: i32) -> bool {
    let codes = [
        Errno::IO,
        Errno::NOLCK,
        Errno::NOBUFS,
        Errno::NOLINK,
        Errno::REMOTEIO,
        Errno::HOSTDOWN,
        Errno::SHUTDOWN,
    ];
    codes.iter().any(|errno| errno.raw_os_error() == code)
}

/// Leads with what the user can do something about: the answer to a request that was refused is
/// known, and the hint says it in plain words.
fn remote_told(what: &str, place: &str, why: &str, hint: &str, refused: bool) -> String {
    match refused {
        true => format!("cannot {what} in {place}: {hint} (the answer: {why})"),
        false => format!("cannot {what} in {place}: {why}; {hint}"),
    }
}

/// The remedy for an I/O error; empty if there is none.
#[must_use]
pub fn io_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space, or let `sunward cache prune --max-size` do it"
        }
        io::ErrorKind::PermissionDenied => "; check who owns it and its permissions",
        io::ErrorKind::ReadOnlyFilesystem => {
            "; the file system is read-only: keep the state elsewhere with `--home`"
        }
        io::ErrorKind::NotFound => "; check the path",
        io::ErrorKind::ResourceBusy => "; something is mounted there: unmount it",
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => {
            "; another kind of file is in the way: move it away"
        }
        io::ErrorKind::FileTooLarge => {
            "; files of this size are not allowed here: raise the limit (`ulimit -f unlimited`), or use a file system for large files"
        }
        _ if matches!(error.raw_os_error(), Some(23 | 24)) => {
            "; too few files may be open at once: raise the limit (`ulimit -n 4096`), or lower `-j`"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(code: i32) -> DataError {
        DataError::io("read", "x".as_ref())(io::Error::from_raw_os_error(code))
    }

    fn remote(refused: bool) -> DataError {
        DataError::Remote {
            what: "look",
            place: "s3://b".into(),
            why: "no".into(),
            hint: "check it",
            refused,
        }
    }

    #[test]
    fn every_error_is_somebodys() {
        let missing = DataError::MissingPart {
            digest: Digest::default(),
            store: "s".into(),
        };
        let damaged = DataError::Damaged {
            path: "p".into(),
            why: "cut".into(),
        };
        let format = DataError::Format {
            path: "p".into(),
            expected: "file",
            found: "a pipe".into(),
            hint: "write a file".into(),
        };
        let table = [
            (io(28), Blame::Passing, "cache prune"),   // ENOSPC
            (io(122), Blame::Passing, "cache prune"),  // EDQUOT
            (io(5), Blame::Passing, ""),               // EIO
            (io(116), Blame::Passing, ""),             // ESTALE
            (io(110), Blame::Passing, ""),             // ETIMEDOUT
            (io(13), Blame::Permanent, "permissions"), // EACCES
            (io(1), Blame::Permanent, "permissions"),  // EPERM
            (io(30), Blame::Permanent, "--home"),      // EROFS
            (io(2), Blame::Permanent, "path"),         // ENOENT
            (io(20), Blame::Permanent, ""),            // ENOTDIR
            (io(18), Blame::Permanent, ""),            // EXDEV
            (io(16), Blame::Permanent, "unmount"),     // EBUSY
            (io(21), Blame::Permanent, "move it"),     // EISDIR
            (io(27), Blame::Permanent, "ulimit -f"),   // EFBIG
            (io(40), Blame::Permanent, ""),            // ELOOP
            (io(75), Blame::Permanent, ""),            // EOVERFLOW
            (io(95), Blame::Permanent, ""),            // EOPNOTSUPP
            (io(121), Blame::Passing, ""),             // EREMOTEIO
            (io(112), Blame::Passing, ""),             // EHOSTDOWN
            (io(4), Blame::Passing, ""),               // EINTR
            (io(12), Blame::Passing, ""),              // ENOMEM
            (io(24), Blame::Permanent, "ulimit -n"),   // EMFILE
            (io(23), Blame::Permanent, "ulimit -n"),   // ENFILE
            (io(36), Blame::Permanent, ""),            // ENAMETOOLONG
            (missing, Blame::Lost, "sunward run"),
            (damaged, Blame::Lost, "sunward run"),
            (remote(true), Blame::Permanent, "check it"),
            (remote(false), Blame::Passing, "check it"),
            (format, Blame::User, "write a file"),
            (DataError::Unsupported("x".into()), Blame::User, ""),
            (DataError::NoSuch("x".into()), Blame::User, ""),
        ];
        for (error, blame, remedy) in table {
            assert_eq!(error.blame(), blame, "{error}");
            assert!(error.to_string().contains(remedy), "{error}");
        }
    }
}
