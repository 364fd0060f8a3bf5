//! Snapshots of the state, so that folding need not begin at the first fact.

use rusqlite::{OptionalExtension, params};
use sunward_core::State;

use super::read::Table;
use super::{Sqlite, SqliteReader};
use crate::blob::{self, Home};
use crate::error::StateError;
use crate::fold::Folding;

impl SqliteReader {
    /// Snapshot and later groups are read in one transaction, because an archive in between would
    /// remove groups.
    pub(super) fn fold_live(&self) -> Result<State, StateError> {
        let fault = self.fault("read the journal");
        let transaction = self.connection.unchecked_transaction().map_err(&fault)?;
        let newest: Option<(i64, Vec<u8>)> = transaction
            .prepare_cached("SELECT position, blob FROM snapshots ORDER BY position DESC LIMIT 1")
            .and_then(|mut statement| {
                statement
                    .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .map_err(&fault)?;
        let (after, mut folding) = match newest {
            None => (0, Folding::default()),
            Some((position, bytes)) => {
                let state = blob::decode(&bytes, Home::Snapshot { position })
                    .map_err(|why| self.damaged(format!("the snapshot at {position}"), why))?;
                (position, Folding::onto(state))
            }
        };
        let mut rows = transaction
            .prepare_cached(
                "SELECT position, run, blob FROM journal WHERE position > ?1 ORDER BY position",
            )
            .map_err(&fault)?;
        self.replay_rows(Table::Journal, &mut rows, [after], &mut |fact| {
            folding.apply(&fact);
        })?;
        folding.finish(&self.path)
    }
}

impl Sqlite {
    /// Removes older snapshots; one is enough.
    pub(super) fn write_snapshot(&mut self, state: &State) -> Result<(), StateError> {
        let position = self.reader.read_newest_position()?.0.cast_signed();
        let bytes = blob::encode("the state", state, Home::Snapshot { position })?;
        self.write("write a snapshot", |transaction| {
            transaction.execute("DELETE FROM snapshots", [])?;
            transaction.execute(
                "INSERT INTO snapshots(position, blob) VALUES (?1, ?2)",
                params![position, bytes],
            )?;
            Ok(())
        })
    }
}
