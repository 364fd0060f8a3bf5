//! Results by key, and what is remembered of files: rows that only ever save work.

use rusqlite::{OptionalExtension, Params, params};
use sunward_core::{Dataset, Digest, TaskResult, Timestamp};

use super::append::{FORGET_RESULT, head_of};
use super::{Sqlite, SqliteReader};
use crate::blob;
use crate::error::StateError;
use crate::group::FileStamp;

impl SqliteReader {
    /// One statement and one read transaction for all keys: a key costs a few microseconds.
    pub(super) fn read_results(
        &self,
        keys: &[Digest],
    ) -> Result<Vec<Option<TaskResult>>, StateError> {
        let fault = self.fault("look up results");
        let transaction = self.connection.unchecked_transaction().map_err(&fault)?;
        let mut statement = transaction
            .prepare_cached("SELECT manifest FROM results WHERE head = ?1 AND key = ?2")
            .map_err(&fault)?;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let mut rows = statement
                .query(params![head_of(key), key.0])
                .map_err(&fault)?;
            found.push(match rows.next().map_err(&fault)? {
                Some(row) => Some(self.result_of(*key, row)?),
                None => None,
            });
        }
        Ok(found)
    }

    pub(super) fn read_each_result(
        &self,
        each: &mut dyn FnMut(Digest, TaskResult, Timestamp),
    ) -> Result<(), StateError> {
        let fault = self.fault("list results");
        let mut statement = self
            .connection
            .prepare_cached("SELECT manifest, key, used_ms FROM results ORDER BY key")
            .map_err(&fault)?;
        let mut rows = statement.query([]).map_err(&fault)?;
        while let Some(row) = rows.next().map_err(&fault)? {
            let key = Digest(row.get(1).map_err(&fault)?);
            let used_ms: i64 = row.get(2).map_err(&fault)?;
            let result = self.result_of(key, row)?;
            each(key, result, Timestamp(used_ms.cast_unsigned()));
        }
        Ok(())
    }

    fn result_of(&self, key: Digest, row: &rusqlite::Row<'_>) -> Result<TaskResult, StateError> {
        let bytes = row
            .get_ref(0)
            .map_err(self.fault("look up results"))?
            .as_blob()
            .unwrap_or_default();
        postcard::from_bytes(bytes)
            .map_err(|error| self.damaged(format!("the result {key}"), error.to_string()))
    }

    pub(super) fn read_file(
        &self,
        stamp: &FileStamp,
        reading: Digest,
    ) -> Result<Option<Dataset>, StateError> {
        self.read_dataset(
            "SELECT dataset FROM files WHERE device = ?1 AND inode = ?2 AND reading = ?3 \
             AND size = ?4 AND mtime_ns = ?5 AND ctime_ns = ?6",
            params![
                stamp.device.cast_signed(),
                stamp.inode.cast_signed(),
                reading.0,
                stamp.size.cast_signed(),
                stamp.mtime_ns,
                stamp.ctime_ns
            ],
        )
    }

    fn read_dataset(&self, sql: &str, params: impl Params) -> Result<Option<Dataset>, StateError> {
        let bytes: Option<Vec<u8>> = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, |row| row.get(0)).optional())
            .map_err(self.fault("look up what is known of a file"))?;
        bytes
            .map(|bytes| blob::decode(&bytes))
            .transpose()
            .map_err(|why| self.damaged("what is remembered of a file".to_owned(), why))
    }
}

impl Sqlite {
    pub(super) fn delete_results(&mut self, keys: &[Digest]) -> Result<(), StateError> {
        self.write("forget results", |transaction| {
            let mut forget = transaction.prepare_cached(FORGET_RESULT)?;
            for key in keys {
                forget.execute(params![head_of(key), key.0])?;
            }
            Ok(())
        })
    }
}
