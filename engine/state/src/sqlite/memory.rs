//! Results by key and records of files: rows that only save work.

use rusqlite::params;
use sunward_core::{Dataset, Digest, TaskResult, Timestamp};

use super::append::{FORGET_RESULT, SUM_BYTES, head_of, result_sum};
use super::{Sqlite, SqliteReader};
use crate::blob::{self, Home};
use crate::error::StateError;
use crate::group::FileStamp;

impl SqliteReader {
    /// Reads all keys with one statement in one transaction. A key costs a few microseconds.
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
                Some(row) => self.result_of(*key, row)?,
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
            if let Some(result) = self.result_of(key, row)? {
                each(key, result, Timestamp(used_ms.cast_unsigned()));
            }
        }
        Ok(())
    }

    /// A result whose checksum is right for its key. Any other row counts as absent, and the result
    /// is computed again.
    fn result_of(
        &self,
        key: Digest,
        row: &rusqlite::Row<'_>,
    ) -> Result<Option<TaskResult>, StateError> {
        let bytes = row
            .get_ref(0)
            .map_err(self.fault("look up results"))?
            .as_blob()
            .unwrap_or_default();
        let read = bytes
            .split_last_chunk::<SUM_BYTES>()
            .filter(|(body, sum)| result_sum(&key, body) == **sum)
            .and_then(|(body, _)| postcard::from_bytes(body).ok());
        if read.is_none() {
            tracing::warn!(%key, "a result in the cache is damaged; it is computed again");
            self.ignored.add();
        }
        Ok(read)
    }

    /// Reads the records of all files with one statement in one transaction.
    pub(super) fn read_files(
        &self,
        asked: &[(FileStamp, Digest)],
    ) -> Result<Vec<Option<Dataset>>, StateError> {
        let fault = self.fault("look up the records of files");
        let transaction = self.connection.unchecked_transaction().map_err(&fault)?;
        let mut statement = transaction
            .prepare_cached(
                "SELECT dataset FROM files WHERE device = ?1 AND inode = ?2 AND reading = ?3 \
                 AND size = ?4 AND mtime_ns = ?5 AND ctime_ns = ?6",
            )
            .map_err(&fault)?;
        let mut found = Vec::with_capacity(asked.len());
        for (stamp, reading) in asked {
            let mut rows = statement
                .query(params![
                    stamp.device.cast_signed(),
                    stamp.inode.cast_signed(),
                    reading.0,
                    stamp.size.cast_signed(),
                    stamp.mtime_ns,
                    stamp.ctime_ns
                ])
                .map_err(&fault)?;
            let home = Home::File { stamp, reading };
            found.push(match rows.next().map_err(&fault)? {
                Some(row) => self.dataset_of(row, home)?,
                None => None,
            });
        }
        Ok(found)
    }

    /// The dataset of a record. A record only saves work: if it cannot be read, the file is read again.
    fn dataset_of(
        &self,
        row: &rusqlite::Row<'_>,
        home: Home<'_>,
    ) -> Result<Option<Dataset>, StateError> {
        let bytes = row
            .get_ref(0)
            .map_err(self.fault("look up the records of files"))?
            // What is not a blob has the length of a damaged one.
            .as_blob()
            .unwrap_or_default();
        let read = blob::decode(bytes, home).inspect_err(|why| {
            tracing::warn!(%why, "the record of a file is damaged");
            self.ignored.add();
        });
        Ok(read.ok())
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
