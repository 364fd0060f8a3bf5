//! Errors of a state: where they occurred, and the remedy.

use std::path::{Path, PathBuf};

use sunward_core::RunId;

/// An error of a state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file or folder of the state cannot be used.
    #[error(
        "cannot {doing} {}: {source}. Check that the folder is on a local disk and that you may write to it, or choose another folder with --home",
        sunward_files::shown(path)
    )]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Another engine holds this state.
    #[error("another `sunward` ({}) is using {}. Wait until it ends, stop it with `sunward cancel`, or use another state folder with --home", .pid.as_ref().map_or_else(|| "whose process is unknown".to_owned(), |pid| format!("process {pid}")), sunward_files::shown(home))]
    Engaged {
        /// The state's folder.
        home: PathBuf,
        /// The process that holds it, if known.
        pid: Option<u32>,
    },
    /// There is no state.
    #[error(
        "there is no state at {}, because nothing has run there yet. Run a workflow first, or choose another state with --home",
        sunward_files::shown(path)
    )]
    Absent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Another version of Sunward wrote the state.
    #[error(
        "{} was written by another version of Sunward: it has format {found}, and this version reads only format {known}. It was left unchanged. Use that version, or start afresh: give another --home, or move the folder away (results are then computed again)",
        sunward_files::shown(path)
    )]
    OtherFormat {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: String,
        /// The format of this version.
        known: u32,
    },
    /// The disk is full.
    #[error(
        "the disk that holds {} is full (while trying to {doing}). No finished work is lost: free some space and run the same command again",
        sunward_files::shown(path)
    )]
    Full {
        /// What was attempted.
        doing: &'static str,
        /// The database.
        path: PathBuf,
    },
    /// The database contains something else than was written.
    #[error(
        "{} is damaged: {place}: {why}. It was changed by something other than Sunward, or the disk failed. Restore it from a copy, or move it away and run again: only results that the store no longer holds are computed again",
        sunward_files::shown(path)
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The place in it.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// SQLite returned an error.
    #[error(
        "cannot {doing} in {}: {source}. If this happens again, check the disk and its free space; `sunward doctor` names file systems that cannot hold a state",
        sunward_files::shown(path)
    )]
    Sql {
        /// What was attempted.
        doing: &'static str,
        /// The database.
        path: PathBuf,
        /// The reason.
        source: rusqlite::Error,
    },
    /// A value cannot be encoded for the journal.
    #[error(
        "cannot encode {what} for the journal: {why}. This is a bug in Sunward; please report it"
    )]
    Encode {
        /// The value.
        what: &'static str,
        /// The reason.
        why: String,
    },
    /// There is no such run.
    #[error(
        "there is no run {run} in {}. `sunward status` lists the runs",
        sunward_files::shown(path)
    )]
    NoRun {
        /// The run.
        run: RunId,
        /// The database.
        path: PathBuf,
    },
    /// The journal's facts contradict each other.
    #[error(
        "{} contains facts that contradict each other: {why}. Start again with --fresh, and please report this",
        sunward_files::shown(path)
    )]
    Inconsistent {
        /// The database.
        path: PathBuf,
        /// The contradiction.
        why: String,
    },
}

impl StateError {
    /// Converts an error of SQLite to the case with the right remedy.
    pub(crate) fn sql(doing: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let path = path.to_path_buf();
        let extended = source.sqlite_error().map(|error| error.extended_code);
        // The index of the log could not grow.
        if extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
            return Self::Full { doing, path };
        }
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { doing, path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged {
                path,
                place: format!("while trying to {doing}"),
                why: source.to_string(),
            },
            _ => Self::Sql {
                doing,
                path,
                source,
            },
        }
    }

    /// True if the machine is at fault, not the user.
    #[must_use]
    pub const fn is_infrastructure(&self) -> bool {
        !matches!(self, Self::Absent { .. } | Self::NoRun { .. })
    }
}
