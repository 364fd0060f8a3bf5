//! What can go wrong with a state: where, and what to do about it.

use std::path::{Path, PathBuf};

use sunward_core::RunId;

/// What went wrong with a state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file or folder of the state could not be used.
    #[error("cannot {doing} {}: {source}. Check that the folder is on a local disk and that you may write to it, or choose another with --home", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another engine works on this state.
    #[error("another engine ({}) is running on {}. Wait until it ends, stop it (`sunward cancel` asks it to), or give this run its own state with --home", .pid.as_ref().map_or_else(|| "of unknown process id".to_owned(), |pid| format!("process {pid}")), home.display())]
    Engaged {
        /// The state's folder.
        home: PathBuf,
        /// The process that holds it, where it is known.
        pid: Option<u32>,
    },
    /// There is no state.
    #[error("no state at {}: nothing has run there yet. Run a workflow first, or name another state with --home", path.display())]
    Absent {
        /// Where one was looked for.
        path: PathBuf,
    },
    /// Another version of sunward wrote it.
    #[error("{} was written by another version of sunward: it has format {found}, and this one reads format {known} alone. It is left as it is. Use the sunward that wrote it, or start anew: give another --home, or move the folder away (results are then computed again)", path.display())]
    OtherFormat {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: String,
        /// The one that is known.
        known: u32,
    },
    /// The disk is full.
    #[error("the disk that holds {} is full (while trying to {doing}). Nothing acknowledged is lost: free some space and run the same command again", path.display())]
    Full {
        /// What was tried.
        doing: &'static str,
        /// The database.
        path: PathBuf,
    },
    /// The database does not hold what was written to it.
    #[error("{} is damaged: {place}: {why}. It was changed by something other than sunward, or the disk failed. Restore it from a copy, or move it away and run again: finished results that the store still holds are computed anew only where they are missing", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What in it.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// SQLite refused.
    #[error("cannot {doing} in {}: {source}. If this goes on, check the disk and its free space; `sunward doctor` names file systems that cannot hold a state", path.display())]
    Sql {
        /// What was tried.
        doing: &'static str,
        /// The database.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// Something could not be put into the journal's form.
    #[error(
        "cannot encode {what} for the journal: {why}. This is a mistake in sunward; please report it"
    )]
    Encode {
        /// What.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// No such run.
    #[error("there is no run {run} in {}. `sunward status` lists the runs", path.display())]
    NoRun {
        /// The run that was asked for.
        run: RunId,
        /// The database.
        path: PathBuf,
    },
    /// The journal's facts do not follow from one another.
    #[error("{} holds facts that do not follow from one another: {why}. Start afresh with --fresh, and please report it", path.display())]
    Inconsistent {
        /// The database.
        path: PathBuf,
        /// What does not follow.
        why: String,
    },
}

impl StateError {
    /// An error of SQLite, told apart by what the user can do about it.
    pub(crate) fn sql(doing: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let path = path.to_path_buf();
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

    /// True when the machine, not the user, must be mended.
    #[must_use]
    pub const fn is_infrastructure(&self) -> bool {
        !matches!(self, Self::Absent { .. } | Self::NoRun { .. })
    }
}
