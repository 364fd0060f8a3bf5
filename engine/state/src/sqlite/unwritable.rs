//! Reads a database without the right to write beside it.
//!
//! SQLite creates an index of the write-ahead log beside the database. Where that fails, a database
//! without a log is read as a file that does not change. If an engine was killed, its log has facts
//! that the database lacks. Both are then copied to a private folder and read there.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use sunward_files::private;
use tempfile::TempDir;

use super::{DATABASE, SqliteReader};
use crate::error::StateError;
use crate::lock::is_engaged;

/// Opens a database that could not be opened because of `error`.
pub(super) fn open(path: &Path, error: StateError) -> Result<SqliteReader, StateError> {
    if is_written(path) {
        return Err(error);
    }
    if fs::metadata(log_of(path)).map_or(true, |log| log.len() == 0) {
        return open_at_rest(path).map_err(|_| error);
    }
    let copy = copy(path).map_err(|source| StateError::Io {
        doing: "copy to a temporary folder ($TMPDIR), because its engine was killed and nothing may be written beside it,",
        path: path.to_path_buf(),
        source,
    })?;
    // An engine that has started since may have changed the files while they were copied.
    if is_written(path) {
        return SqliteReader::connect(path);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(copy.path().join(DATABASE), flags)
        .map_err(|source| StateError::sql("open a copy of the database", path, source))?;
    Ok(SqliteReader {
        _copy: Some(copy),
        ..SqliteReader::of(connection, path)?
    })
}

/// Whether an engine writes to the database.
fn is_written(path: &Path) -> bool {
    path.parent().is_none_or(is_engaged)
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = OsString::from(path);
    log.push("-wal");
    log.into()
}

fn copy(path: &Path) -> io::Result<TempDir> {
    let of_owner = fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().permissions(of_owner).tempdir()?;
    let target = folder.path().join(DATABASE);
    for (from, to) in [(log_of(path), log_of(&target)), (path.to_owned(), target)] {
        // The bytes alone are copied, because the mode may forbid writing.
        io::copy(&mut fs::File::open(from)?, &mut private::create(&to)?)?;
    }
    Ok(folder)
}

fn open_at_rest(path: &Path) -> Result<SqliteReader, StateError> {
    let encoded: String = path
        .to_string_lossy()
        .chars()
        .map(|c| match c {
            '%' => "%25".to_owned(),
            '?' => "%3f".to_owned(),
            '#' => "%23".to_owned(),
            other => other.to_string(),
        })
        .collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("file:{encoded}?immutable=1"), flags)
        .map_err(|source| StateError::sql("open the database", path, source))?;
    SqliteReader::of(connection, path)
}
