//! The tables, and the setup of connections.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use crate::blob;
use crate::error::StateError;

/// The format of a state: its tables and what is in them.
pub(crate) const FORMAT: u32 = blob::VERSION as u32;

/// How long a writer waits for a process that writes a request or recovers the log.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Pages of 4 KiB in the write-ahead log before it is copied to the database: 16 MiB, so that a
/// burst of groups costs one copy.
const CHECKPOINT_PAGES: u32 = 4096;

/// The writer's page cache, in KiB. It holds the inner pages of the indexes.
const CACHE_KIB: u32 = 16 << 10;

/// Facts are in `journal` (live) and `archive` (finished runs); everything else is derived or
/// remembered. `journal.run` is 0 for facts about workers. Positions are never reused.
///
/// Results are appended, and found by the first eight bytes of their key (`head`). Keys are random,
/// so an index of whole keys would dirty a page for nearly every result.
const TABLES: &str = "
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal(
  position INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, blob BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS journal_run ON journal(run, position);
CREATE TABLE IF NOT EXISTS archive(
  run INTEGER NOT NULL, chunk INTEGER NOT NULL, blob BLOB NOT NULL, PRIMARY KEY(run, chunk));
CREATE TABLE IF NOT EXISTS snapshots(position INTEGER PRIMARY KEY, blob BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS runs(
  id INTEGER PRIMARY KEY, path TEXT NOT NULL, workflow TEXT NOT NULL, params BLOB NOT NULL,
  status TEXT NOT NULL, submitted_ms INTEGER NOT NULL, ended_ms INTEGER);
CREATE INDEX IF NOT EXISTS runs_path ON runs(path, id);
CREATE TABLE IF NOT EXISTS results(
  id INTEGER PRIMARY KEY, key BLOB NOT NULL, manifest BLOB NOT NULL, used_ms INTEGER NOT NULL,
  head INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS results_head ON results(head);
CREATE TABLE IF NOT EXISTS files(
  device INTEGER NOT NULL, inode INTEGER NOT NULL, reading BLOB NOT NULL, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, dataset BLOB NOT NULL,
  PRIMARY KEY(device, inode, reading)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS requests(run INTEGER NOT NULL, at_ms INTEGER NOT NULL);
";

/// Sets up the writer's connection: write-ahead log, every commit synced.
pub(crate) fn prepare_writer(connection: &Connection, path: &Path) -> Result<(), StateError> {
    let fault = |source| StateError::sql("set up the database", path, source);
    connection.busy_timeout(BUSY_WAIT).map_err(fault)?;
    // This check comes before any write, so that a state of another format stays as it is.
    let is_new = format_of(connection, path)?.is_none();
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA cache_size = -{CACHE_KIB};"
        ))
        .map_err(fault)?;
    if is_new {
        let format = format!(
            "INSERT OR IGNORE INTO meta(name, value) VALUES ('format', '{FORMAT}'); COMMIT;"
        );
        connection
            .execute_batch(&[TABLES, &format].concat())
            .map_err(fault)?;
    }
    cache_statements(connection);
    Ok(())
}

/// Sets up a reader's connection, which writes nothing.
pub(crate) fn prepare_reader(connection: &Connection, path: &Path) -> Result<(), StateError> {
    let fault = |source| StateError::sql("open the database for reading", path, source);
    connection.busy_timeout(BUSY_WAIT).map_err(fault)?;
    connection
        .execute_batch("PRAGMA query_only = 1;")
        .map_err(fault)?;
    if format_of(connection, path)?.is_none() {
        return Err(StateError::Absent {
            path: path.to_path_buf(),
        });
    }
    cache_statements(connection);
    Ok(())
}

fn cache_statements(connection: &Connection) {
    /// The size of the statement cache; this crate has fewer statements.
    const STATEMENTS: usize = 32;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
}

/// The format of the existing tables; `None` if there are none yet.
fn format_of(connection: &Connection, path: &Path) -> Result<Option<u32>, StateError> {
    let fault = |source| StateError::sql("read the format", path, source);
    let there = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE name = 'meta'",
            [],
            |_| Ok(()),
        )
        .optional()
        .map_err(fault)?;
    if there.is_none() {
        return Ok(None);
    }
    let found: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE name = 'format'", [], |row| {
            row.get(0)
        })
        .optional()
        .map_err(fault)?;
    match found {
        Some(text) if text.parse() == Ok(FORMAT) => Ok(Some(FORMAT)),
        found => Err(StateError::OtherFormat {
            path: path.to_path_buf(),
            found: found.unwrap_or_else(|| "unknown".to_owned()),
            known: FORMAT,
        }),
    }
}
