//! Moves finished runs out of the live journal.

use std::borrow::Cow;

use rusqlite::{Connection, Row, params};
use sunward_core::RunId;

use super::Sqlite;
use super::read::positions_of;
use crate::blob::{self, BlobWriter, Home};
use crate::error::StateError;

/// The most bytes of one row of the archive. Many small groups become few rows of limited size.
const CHUNK_BYTES: usize = 4 << 20;

const ROW: &str = "SELECT run, blob FROM journal WHERE position = ?1";

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
            let damage = body_of(row, position)?.err();
            Ok(damage.map(|why| (position, why.into_owned())))
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The facts of a row of [`ROW`], or what is wrong with it.
fn body_of<'r>(
    row: &'r Row<'_>,
    position: i64,
) -> rusqlite::Result<Result<&'r [u8], Cow<'static, str>>> {
    let run = row.get(0)?;
    let bytes = row.get_ref(1)?.as_blob().unwrap_or_default();
    Ok(blob::body(bytes, Home::Journal { position, run }))
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
            writer.push_body(body_of(row, position)?.unwrap_or_default());
            Ok(())
        })?;
        if writer.len() >= CHUNK_BYTES {
            chunk += 1;
            let home = Home::Archive { run: id, chunk };
            insert.execute(params![id, chunk, writer.finish(home)])?;
        }
    }
    if !writer.is_empty() {
        chunk += 1;
        let home = Home::Archive { run: id, chunk };
        insert.execute(params![id, chunk, writer.finish(home)])?;
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
