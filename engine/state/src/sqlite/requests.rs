//! Requests of other processes to the engine: they write a row, and the engine takes it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use sunward_core::{RunId, Timestamp};

use super::{DATABASE, Sqlite, SqliteReader};
use crate::error::StateError;
use crate::journal::{CancelRequest, Reader};

/// How long a request waits for the engine's current transaction.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// Requests that the engine of this state cancel a run. Any process may do so; the engine checks a
/// few times a second. The request is durable on return.
///
/// # Errors
///
/// Fails if there is no such state or run, or the request cannot be written.
pub fn request_cancel(home: &Path, run: RunId, at: Timestamp) -> Result<(), StateError> {
    let path = home.join(DATABASE);
    let reader = SqliteReader::open(home)?;
    if reader.run(run)?.is_none() {
        return Err(StateError::NoRun { run, path });
    }
    let fault = |source| StateError::sql("write the request to cancel", &path, source);
    let connection = Connection::open_with_flags(
        &path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(fault)?;
    connection.busy_timeout(BUSY_WAIT).map_err(fault)?;
    connection
        .execute(
            "INSERT INTO requests(run, at_ms) VALUES (?1, ?2)",
            params![run.0.cast_signed(), at.0.cast_signed()],
        )
        .map_err(fault)?;
    Ok(())
}

impl SqliteReader {
    pub(super) fn read_cancel_requests(&self) -> Result<Vec<CancelRequest>, StateError> {
        let fault = self.fault("look for requests to cancel");
        let mut statement = self
            .connection
            .prepare_cached("SELECT run, at_ms FROM requests ORDER BY rowid")
            .map_err(&fault)?;
        let rows = statement
            .query_map([], |row| {
                Ok(CancelRequest {
                    run: RunId(row.get::<_, i64>(0)?.cast_unsigned()),
                    at: Timestamp(row.get::<_, i64>(1)?.cast_unsigned()),
                })
            })
            .map_err(&fault)?;
        rows.collect::<Result<_, _>>().map_err(&fault)
    }
}

impl Sqlite {
    pub(super) fn remove_cancel_requests(&mut self) -> Result<Vec<CancelRequest>, StateError> {
        // Reading is cheap and writing costs a sync, and there is hardly ever a request.
        if self.reader.read_cancel_requests()?.is_empty() {
            return Ok(Vec::new());
        }
        self.write("take the requests to cancel", |transaction| {
            let mut statement =
                transaction.prepare_cached("DELETE FROM requests RETURNING run, at_ms")?;
            let rows = statement.query_map([], |row| {
                Ok(CancelRequest {
                    run: RunId(row.get::<_, i64>(0)?.cast_unsigned()),
                    at: Timestamp(row.get::<_, i64>(1)?.cast_unsigned()),
                })
            })?;
            rows.collect()
        })
    }
}
