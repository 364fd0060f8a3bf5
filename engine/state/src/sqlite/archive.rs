//! Moves finished runs out of the live journal.

use rusqlite::{Connection, params};
use sunward_core::RunId;

use super::Sqlite;
use super::read::positions_of;
use crate::blob::{self, BlobWriter};
use crate::error::StateError;

/// The most bytes of one row of the archive. Many small groups become few rows of limited size.
const CHUNK_BYTES: usize = 4 << 20;

const ROW: &str = "SELECT blob FROM journal WHERE position = ?1";

impl Sqlite {
    /// Archives chunk by chunk, so that a run is never in memory as a whole. It is one transaction,
    /// so a reader finds the run in exactly one place.
    pub(super) fn archive_run(&mut self, run: RunId) -> Result<(), StateError> {
        let Some(row) = crate::journal::Reader::run(&self.reader, run)? else {
            return Err(StateError::NoRun {
                run,
                path: self.reader.path.clone(),
            });
        };
        let damaged = first_damaged(&self.reader.connection, row.run)
            .map_err(|source| StateError::sql("archive a run", &self.reader.path, source))?;
        if let Some((position, why)) = damaged {
            return Err(self
                .reader
                .damaged(format!("row {position} of the journal"), why));
        }
        self.write("archive a run", |transaction| {
            move_rows(transaction, row.run)?;
            prune(transaction, row.run)
        })
    }
}

/// The first damaged row of a run, if any. If there is one, nothing is moved.
fn first_damaged(connection: &Connection, run: RunId) -> rusqlite::Result<Option<(i64, String)>> {
    let mut select = connection.prepare_cached(ROW)?;
    for position in positions_of(connection, run)? {
        let found = select.query_row([position], |row| {
            let damage = blob::body(row.get_ref(0)?.as_blob().unwrap_or_default()).err();
            Ok(damage.map(|why| (position, why.into_owned())))
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Copies a run's rows to its archive.
fn move_rows(connection: &Connection, run: RunId) -> rusqlite::Result<()> {
    let id = run.0.cast_signed();
    let mut chunk: i64 = connection.query_row(
        "SELECT coalesce(max(chunk), 0) FROM archive WHERE run = ?1",
        [id],
        |row| row.get(0),
    )?;
    let mut insert =
        connection.prepare_cached("INSERT INTO archive(run, chunk, blob) VALUES (?1, ?2, ?3)")?;
    let mut select = connection.prepare_cached(ROW)?;
    let mut writer = BlobWriter::default();
    for position in positions_of(connection, run)? {
        select.query_row([position], |row| {
            let bytes = row.get_ref(0)?.as_blob().unwrap_or_default();
            writer.push_body(blob::body(bytes).unwrap_or_default());
            Ok(())
        })?;
        if writer.len() >= CHUNK_BYTES {
            chunk += 1;
            insert.execute(params![id, chunk, writer.finish()])?;
        }
    }
    if !writer.is_empty() {
        chunk += 1;
        insert.execute(params![id, chunk, writer.finish()])?;
    }
    Ok(())
}

/// Removes a run from the live journal. Facts about workers are removed once no run is left that
/// they could concern; workers join again with every engine that starts.
fn prune(connection: &Connection, run: RunId) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM journal WHERE run = ?1", [run.0.cast_signed()])?;
    connection.execute(
        "DELETE FROM journal WHERE NOT EXISTS (SELECT 1 FROM journal WHERE run <> 0)",
        [],
    )?;
    // The snapshot still holds the run and would contradict the journal.
    connection.execute("DELETE FROM snapshots", [])?;
    Ok(())
}
