//! The journal in one SQLite file: write-ahead log, every commit synced, one writer.

mod append;
mod archive;
mod memory;
mod read;
mod requests;
mod schema;
mod snapshot;
mod unwritable;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OpenFlags};
use sunward_core::{Dataset, Digest, Fact, RunId, State, TaskResult, Timestamp};
use tempfile::TempDir;

use crate::error::StateError;
use crate::group::{FileStamp, Group, Position};
use crate::journal::{CancelRequest, Journal, OpenReader, Reader, RunRow, Scope};
use crate::lock::EngineLock;

pub use requests::request_cancel;

/// The database's name in the state's folder.
pub const DATABASE: &str = "state.db";

/// The engine's journal, which holds the state's lock.
#[derive(Debug)]
pub struct Sqlite {
    reader: SqliteReader,
    _lock: EngineLock,
}

/// A reader without the right to change the state.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Connection,
    path: PathBuf,
    ignored: Ignored,
    /// The folder of the copy that is read instead, if any. The connection is closed before it is
    /// deleted.
    _copy: Option<TempDir>,
}

/// Counts damaged records that were not used. An engine's readers share the count.
#[derive(Clone, Debug, Default)]
struct Ignored(Arc<AtomicU64>);

impl Ignored {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Sqlite {
    /// Opens the state in this folder as its engine, and creates it if there is none.
    ///
    /// # Errors
    ///
    /// [`StateError::Engaged`] if another engine holds it; other errors if it cannot be opened.
    pub fn open(home: &Path) -> Result<Self, StateError> {
        Self::open_with(home, "")
    }

    /// Like [`Self::open`], also on a disk without any space left, so that something can be deleted
    /// there. No other process can read the state then.
    ///
    /// # Errors
    ///
    /// Fails in the same cases as [`Self::open`], except for a full disk.
    pub fn open_on_full_disk(home: &Path) -> Result<Self, StateError> {
        match Self::open(home) {
            // Alone, SQLite keeps the index of the log in memory and not in a file.
            Err(StateError::Full { .. }) => {
                Self::open_with(home, "PRAGMA locking_mode = EXCLUSIVE;")
            }
            other => other,
        }
    }

    fn open_with(home: &Path, pragmas: &str) -> Result<Self, StateError> {
        let lock = EngineLock::acquire(home)?;
        let path = home.join(DATABASE);
        let is_new = !path.exists();
        let connection = Connection::open_with_flags(
            &path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .and_then(|connection| {
            connection.execute_batch(pragmas)?;
            Ok(connection)
        })
        .map_err(|source| StateError::sql("open the database", &path, source))?;
        schema::prepare_writer(&connection, &path)?;
        if is_new {
            narrow(home, &path)?;
        }
        Ok(Self {
            reader: SqliteReader {
                connection,
                path,
                ignored: Ignored::default(),
                _copy: None,
            },
            _lock: lock,
        })
    }

    /// Limits the database to a number of pages of 4 KiB. Tests use it to simulate a full disk.
    ///
    /// # Errors
    ///
    /// Fails if the limit cannot be set.
    pub fn limit_pages(&mut self, pages: u32) -> Result<(), StateError> {
        self.reader
            .connection
            .pragma_update(None, "max_page_count", pages)
            .map_err(self.reader.fault("limit the database"))
    }
}

/// Restricts a new journal's permissions to those of the state's folder. SQLite uses them for the
/// files beside it as well.
fn narrow(home: &Path, path: &Path) -> Result<(), StateError> {
    let fault = |source| StateError::Io {
        doing: "set permissions of",
        path: path.to_path_buf(),
        source,
    };
    let of_home = std::fs::metadata(home).map_err(fault)?.permissions().mode();
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let mode = Permissions::from_mode(of_home & 0o660);
        match std::fs::set_permissions(&name, mode) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fault(error)),
            _ => {}
        }
    }
    Ok(())
}

impl SqliteReader {
    /// Opens an existing state for reading, with or without an engine.
    ///
    /// # Errors
    ///
    /// [`StateError::Absent`] if there is no state; other errors if it cannot be opened.
    pub fn open(home: &Path) -> Result<Self, StateError> {
        Self::at(&home.join(DATABASE))
    }

    fn at(path: &Path) -> Result<Self, StateError> {
        if !path.exists() {
            return Err(StateError::Absent {
                path: path.to_path_buf(),
            });
        }
        match Self::connect(path) {
            Err(error @ (StateError::Sql { .. } | StateError::Full { .. })) => {
                unwritable::open(path, error)
            }
            other => other,
        }
    }

    fn connect(path: &Path) -> Result<Self, StateError> {
        // Readers of a write-ahead log update its index, so the file is opened for writing if that
        // is permitted. `query_only` prevents other writes.
        let open = |mode| Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX);
        let connection = open(OpenFlags::SQLITE_OPEN_READ_WRITE)
            .or_else(|_| open(OpenFlags::SQLITE_OPEN_READ_ONLY))
            .map_err(|source| StateError::sql("open the database", path, source))?;
        Self::of(connection, path)
    }

    fn of(connection: Connection, path: &Path) -> Result<Self, StateError> {
        schema::prepare_reader(&connection, path)?;
        Ok(Self {
            connection,
            path: path.to_path_buf(),
            ignored: Ignored::default(),
            _copy: None,
        })
    }

    /// Counts damaged records together with other readers.
    fn counting(mut self, ignored: &Ignored) -> Self {
        self.ignored = ignored.clone();
        self
    }

    /// Converts an SQLite error of this database.
    fn fault(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> StateError + '_ {
        move |source| StateError::sql(doing, &self.path, source)
    }

    /// The error for damage in this database.
    fn damaged(&self, place: String, why: impl Into<String>) -> StateError {
        StateError::Damaged {
            path: self.path.clone(),
            place,
            why: why.into(),
        }
    }
}

impl Reader for SqliteReader {
    fn place(&self) -> &Path {
        &self.path
    }

    fn replay(&self, scope: Scope, each: &mut dyn FnMut(Fact)) -> Result<(), StateError> {
        self.replay_facts(scope, each)
    }

    fn fold(&self) -> Result<State, StateError> {
        self.fold_live()
    }

    fn newest_position(&self) -> Result<Position, StateError> {
        self.read_newest_position()
    }

    fn runs(&self) -> Result<Vec<RunRow>, StateError> {
        self.read_runs("SELECT * FROM runs ORDER BY id", [])
    }

    fn run(&self, run: RunId) -> Result<Option<RunRow>, StateError> {
        let rows = self.read_runs("SELECT * FROM runs WHERE id = ?1", [run.0.cast_signed()])?;
        Ok(rows.into_iter().next())
    }

    fn newest_run(&self) -> Result<Option<RunRow>, StateError> {
        let rows = self.read_runs("SELECT * FROM runs ORDER BY id DESC LIMIT 1", [])?;
        Ok(rows.into_iter().next())
    }

    fn unfinished(&self, path: &str, params: Digest) -> Result<Vec<RunRow>, StateError> {
        self.read_runs(
            "SELECT * FROM runs WHERE path = ?1 AND params = ?2 \
             AND status IN ('running', 'interrupted', 'held') ORDER BY id DESC",
            rusqlite::params![path, params.0],
        )
    }

    fn next_run_id(&self) -> Result<RunId, StateError> {
        let newest = self.newest_run()?;
        Ok(RunId(newest.map_or(1, |row| row.run.0 + 1)))
    }

    fn lookup_results(&self, keys: &[Digest]) -> Result<Vec<Option<TaskResult>>, StateError> {
        self.read_results(keys)
    }

    fn each_result(
        &self,
        each: &mut dyn FnMut(Digest, TaskResult, Timestamp),
    ) -> Result<(), StateError> {
        self.read_each_result(each)
    }

    fn recall_files(
        &self,
        asked: &[(FileStamp, Digest)],
    ) -> Result<Vec<Option<Dataset>>, StateError> {
        self.read_files(asked)
    }

    fn ignored_records(&self) -> u64 {
        self.ignored.0.load(Ordering::Relaxed)
    }

    fn cancel_requests(&self) -> Result<Vec<CancelRequest>, StateError> {
        self.read_cancel_requests()
    }
}

impl Reader for Sqlite {
    fn place(&self) -> &Path {
        self.reader.place()
    }

    fn replay(&self, scope: Scope, each: &mut dyn FnMut(Fact)) -> Result<(), StateError> {
        self.reader.replay(scope, each)
    }

    fn fold(&self) -> Result<State, StateError> {
        self.reader.fold()
    }

    fn newest_position(&self) -> Result<Position, StateError> {
        self.reader.newest_position()
    }

    fn runs(&self) -> Result<Vec<RunRow>, StateError> {
        self.reader.runs()
    }

    fn run(&self, run: RunId) -> Result<Option<RunRow>, StateError> {
        self.reader.run(run)
    }

    fn newest_run(&self) -> Result<Option<RunRow>, StateError> {
        self.reader.newest_run()
    }

    fn unfinished(&self, path: &str, params: Digest) -> Result<Vec<RunRow>, StateError> {
        self.reader.unfinished(path, params)
    }

    fn next_run_id(&self) -> Result<RunId, StateError> {
        self.reader.next_run_id()
    }

    fn lookup_results(&self, keys: &[Digest]) -> Result<Vec<Option<TaskResult>>, StateError> {
        self.reader.lookup_results(keys)
    }

    fn each_result(
        &self,
        each: &mut dyn FnMut(Digest, TaskResult, Timestamp),
    ) -> Result<(), StateError> {
        self.reader.each_result(each)
    }

    fn recall_files(
        &self,
        asked: &[(FileStamp, Digest)],
    ) -> Result<Vec<Option<Dataset>>, StateError> {
        self.reader.recall_files(asked)
    }

    fn ignored_records(&self) -> u64 {
        self.reader.ignored_records()
    }

    fn cancel_requests(&self) -> Result<Vec<CancelRequest>, StateError> {
        self.reader.cancel_requests()
    }
}

impl Journal for Sqlite {
    fn append(&mut self, group: &Group) -> Result<Position, StateError> {
        self.append_group(group)
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StateError> {
        let beside = SqliteReader::at(&self.reader.path)?;
        Ok(Box::new(beside.counting(&self.reader.ignored)))
    }

    fn opener(&self) -> Box<OpenReader> {
        let path = self.reader.path.clone();
        let ignored = self.reader.ignored.clone();
        Box::new(move || Ok(Box::new(SqliteReader::at(&path)?.counting(&ignored))))
    }

    fn snapshot(&mut self, state: &State) -> Result<(), StateError> {
        self.write_snapshot(state)
    }

    fn archive(&mut self, run: RunId) -> Result<(), StateError> {
        self.archive_run(run)
    }

    fn forget_results(&mut self, keys: &[Digest]) -> Result<(), StateError> {
        self.delete_results(keys)
    }

    fn forget_memory(&mut self) -> Result<(), StateError> {
        self.write("delete the records of files", |transaction| {
            transaction.execute_batch("DELETE FROM files;")
        })
    }

    fn take_cancel_requests(&mut self) -> Result<Vec<CancelRequest>, StateError> {
        self.remove_cancel_requests()
    }
}
