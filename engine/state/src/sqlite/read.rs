//! Reads facts and the listing of runs.

use rusqlite::{Connection, Params, Row, Statement};
use sunward_core::{Digest, Fact, RunId, RunStatus, Timestamp};

use super::SqliteReader;
use super::append::word_of;
use crate::blob::{self, Home};
use crate::error::StateError;
use crate::group::Position;
use crate::journal::{RunRow, Scope};

/// A table that holds facts.
#[derive(Clone, Copy)]
pub(super) enum Table {
    Journal,
    Archive,
}

impl Table {
    /// The table's name, and the home of a blob in it.
    const fn row(self, place: i64, run: i64) -> (&'static str, Home<'static>) {
        match self {
            Self::Journal => {
                let position = place;
                ("journal", Home::Journal { position, run })
            }
            Self::Archive => {
                let chunk = place;
                ("archive", Home::Archive { run, chunk })
            }
        }
    }
}

impl SqliteReader {
    /// Archive and journal are read in one transaction, so that a run which is being archived is
    /// seen exactly once.
    pub(super) fn replay_facts(
        &self,
        scope: Scope,
        each: &mut dyn FnMut(Fact),
    ) -> Result<(), StateError> {
        let fault = self.fault("read the journal");
        let transaction = self.connection.unchecked_transaction().map_err(&fault)?;
        match scope {
            Scope::Live => {
                let mut rows = transaction
                    .prepare_cached("SELECT position, run, blob FROM journal ORDER BY position")
                    .map_err(&fault)?;
                self.replay_rows(Table::Journal, &mut rows, [], each)?;
            }
            Scope::Run(run) => {
                let mut archived = transaction
                    .prepare_cached(
                        "SELECT chunk, run, blob FROM archive WHERE run = ?1 ORDER BY chunk",
                    )
                    .map_err(&fault)?;
                self.replay_rows(Table::Archive, &mut archived, [run.0.cast_signed()], each)?;
                let mut row = transaction
                    .prepare_cached("SELECT position, run, blob FROM journal WHERE position = ?1")
                    .map_err(&fault)?;
                let own = positions_of(&transaction, run).map_err(&fault)?;
                let later = positions_after(&transaction, run, own.last()).map_err(&fault)?;
                for position in own.into_iter().chain(later) {
                    self.replay_rows(Table::Journal, &mut row, [position], each)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn replay_rows(
        &self,
        table: Table,
        statement: &mut Statement<'_>,
        params: impl Params,
        each: &mut dyn FnMut(Fact),
    ) -> Result<(), StateError> {
        let fault = self.fault("read the journal");
        let mut rows = statement.query(params).map_err(&fault)?;
        while let Some(row) = rows.next().map_err(&fault)? {
            let place: i64 = row.get(0).map_err(&fault)?;
            let run = row.get(1).map_err(&fault)?;
            let bytes = row.get_ref(2).map_err(&fault)?;
            let (name, home) = table.row(place, run);
            let bytes = bytes.as_blob().map_err(|error| {
                self.damaged(format!("row {place} of the {name}"), error.to_string())
            })?;
            blob::each_fact(bytes, home, &mut *each)
                .map_err(|why| self.damaged(format!("row {place} of the {name}"), why))?;
        }
        Ok(())
    }

    pub(super) fn read_newest_position(&self) -> Result<Position, StateError> {
        let newest: i64 = self
            .connection
            .prepare_cached(
                "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'journal'), 0)",
            )
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(self.fault("read the journal's position"))?;
        Ok(Position(newest.cast_unsigned()))
    }

    pub(super) fn read_runs(
        &self,
        sql: &str,
        params: impl Params,
    ) -> Result<Vec<RunRow>, StateError> {
        let fault = self.fault("read the listing of runs");
        let mut statement = self.connection.prepare_cached(sql).map_err(&fault)?;
        let mut rows = statement.query(params).map_err(&fault)?;
        let mut listing = Vec::new();
        while let Some(row) = rows.next().map_err(&fault)? {
            let status: String = row.get("status").map_err(&fault)?;
            let run = RunId(row.get::<_, i64>("id").map_err(&fault)?.cast_unsigned());
            let status = status_of(&status).ok_or_else(|| {
                self.damaged(
                    format!("the listing of run {run}"),
                    format!("`{status}` is not a status"),
                )
            })?;
            listing.push(run_row(row, run, status).map_err(&fault)?);
        }
        Ok(listing)
    }
}

/// The positions of a run's rows in the live journal, with those of engines and workers in between.
/// An engine that started during the run voided its leases, so its facts matter.
pub(super) fn positions_of(connection: &Connection, run: RunId) -> rusqlite::Result<Vec<i64>> {
    let mut of_run = connection
        .prepare_cached("SELECT position FROM journal WHERE run = ?1 ORDER BY position")?;
    let mut positions: Vec<i64> = of_run
        .query_map([run.0.cast_signed()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else {
        return Ok(positions);
    };
    let mut between = connection.prepare_cached(
        "SELECT position FROM journal WHERE run = 0 AND position BETWEEN ?1 AND ?2",
    )?;
    let between: Vec<i64> = between
        .query_map([first, last], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    positions.extend(between);
    positions.sort_unstable();
    Ok(positions)
}

/// The positions of rows of engines and workers after the last one of a run that is in progress: what
/// is known of grids and operators concerns it, even while nothing of its own happens.
fn positions_after(
    connection: &Connection,
    run: RunId,
    last: Option<&i64>,
) -> rusqlite::Result<Vec<i64>> {
    let Some(last) = last else {
        return Ok(Vec::new());
    };
    let mut after = connection.prepare_cached(
        "SELECT position FROM journal WHERE run = 0 AND position > ?1
         AND EXISTS (SELECT 1 FROM runs WHERE id = ?2 AND status = 'running') ORDER BY position",
    )?;
    let after = after.query_map([*last, run.0.cast_signed()], |row| row.get(0))?;
    after.collect()
}

fn run_row(row: &Row<'_>, run: RunId, status: RunStatus) -> rusqlite::Result<RunRow> {
    let ended: Option<i64> = row.get("ended_ms")?;
    Ok(RunRow {
        run,
        path: row.get("path")?,
        workflow: row.get("workflow")?,
        params: Digest(row.get("params")?),
        status,
        submitted: Timestamp(row.get::<_, i64>("submitted_ms")?.cast_unsigned()),
        ended: ended.map(|ms| Timestamp(ms.cast_unsigned())),
    })
}

fn status_of(word: &str) -> Option<RunStatus> {
    [
        RunStatus::Running,
        RunStatus::Succeeded,
        RunStatus::Failed,
        RunStatus::Cancelled,
        RunStatus::Held,
        RunStatus::Interrupted,
    ]
    .into_iter()
    .find(|status| word_of(*status) == word)
}
