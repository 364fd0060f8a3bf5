//! Writes one group, facts and everything derived from them, in one transaction.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use sunward_core::{Digest, Fact, RunStatus};

use super::Sqlite;
use crate::blob::{self, BlobWriter, Home};
use crate::derive::{RunChange, digest_params, run_change};
use crate::error::StateError;
use crate::group::{FileRecord, Group, Position};

/// The most bytes of facts in one row of the journal. A longer group takes several rows of one
/// transaction. This is far below SQLite's limit for a value, and small enough to decode at once.
const ROW_BYTES: usize = 16 << 20;

/// A result's time of use is updated if it is older than this (a day, in milliseconds), so that
/// reading results does not cost a write each time.
const USE_GRAIN_MS: i64 = 24 * 60 * 60 * 1000;

impl Sqlite {
    pub(super) fn append_group(&mut self, group: &Group) -> Result<Position, StateError> {
        // Facts are encoded first, so that the transaction stays short, and nothing is written if
        // one cannot be encoded.
        let newest = self.reader.read_newest_position()?;
        let rows = encode_rows(&group.facts, newest)?;
        let runs = encode_runs(&group.facts)?;
        let results = encode_results(group)?;
        let files = encode_files(group)?;
        self.write("append to the journal", |transaction| {
            for row in &rows {
                transaction
                    .prepare_cached("INSERT INTO journal(position, run, blob) VALUES (?1, ?2, ?3)")?
                    .execute(params![row.position, row.run, row.blob])?;
            }
            for change in &runs {
                change.write(transaction)?;
            }
            write_results(transaction, group, &results)?;
            write_files(transaction, group, &files)?;
            Ok(())
        })?;
        let last = rows.last();
        Ok(last.map_or(newest, |row| Position(row.position.cast_unsigned())))
    }

    /// Runs `work` in one transaction and commits it.
    pub(super) fn write<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StateError> {
        let fault = |source| StateError::sql(doing, &self.reader.path, source);
        let transaction = self
            .reader
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(fault)?;
        let value = work(&transaction).map_err(fault)?;
        transaction.commit().map_err(fault)?;
        Ok(value)
    }
}

/// One row of the journal.
struct JournalRow {
    position: i64,
    run: i64,
    blob: Vec<u8>,
}

/// Encodes the facts as rows after `newest`. Each row holds consecutive facts of one run, so that a run's rows can
/// be read and removed alone while the order of all facts is kept.
fn encode_rows(facts: &[Fact], newest: Position) -> Result<Vec<JournalRow>, StateError> {
    let mut rows = Vec::new();
    let mut writer = BlobWriter::default();
    let mut current = 0;
    let mut position = newest.0.cast_signed();
    let mut finish = |run, writer: &mut BlobWriter| {
        position += 1;
        let blob = writer.finish(Home::Journal { position, run });
        JournalRow {
            position,
            run,
            blob,
        }
    };
    for fact in facts {
        let run = fact.run().map_or(0, |run| run.0.cast_signed());
        if !writer.is_empty() && (run != current || writer.len() >= ROW_BYTES) {
            rows.push(finish(current, &mut writer));
        }
        current = run;
        writer.push(fact)?;
    }
    if !writer.is_empty() {
        rows.push(finish(current, &mut writer));
    }
    Ok(rows)
}

/// An encoded change to the listing.
struct RunWrite<'a> {
    change: RunChange<'a>,
    params: [u8; 32],
}

fn encode_runs(facts: &[Fact]) -> Result<Vec<RunWrite<'_>>, StateError> {
    facts
        .iter()
        .filter_map(run_change)
        .map(|change| {
            let params = match &change {
                RunChange::Added { spec, .. }
                | RunChange::Continued {
                    spec: Some(spec), ..
                } => digest_params(&spec.params)?.0,
                RunChange::AllInterrupted
                | RunChange::Continued { spec: None, .. }
                | RunChange::Ended { .. } => [0; 32],
            };
            Ok(RunWrite { change, params })
        })
        .collect()
}

impl RunWrite<'_> {
    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        match &self.change {
            RunChange::AllInterrupted => connection
                .prepare_cached("UPDATE runs SET status = ?1 WHERE status = ?2")?
                .execute(params![
                    word_of(RunStatus::Interrupted),
                    word_of(RunStatus::Running)
                ])?,
            RunChange::Added { run, at, spec } => connection
                .prepare_cached(
                    "INSERT INTO runs(id, path, workflow, params, status, submitted_ms, ended_ms) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)",
                )?
                .execute(params![
                    run.0.cast_signed(),
                    spec.path,
                    spec.workflow.name,
                    self.params,
                    word_of(RunStatus::Running),
                    at.0.cast_signed()
                ])?,
            RunChange::Continued { run, spec: None } => connection
                .prepare_cached("UPDATE runs SET status = ?2, ended_ms = NULL WHERE id = ?1")?
                .execute(params![run.0.cast_signed(), word_of(RunStatus::Running)])?,
            RunChange::Continued {
                run,
                spec: Some(spec),
            } => connection
                .prepare_cached(
                    "UPDATE runs SET status = ?2, ended_ms = NULL, path = ?3, workflow = ?4, \
                     params = ?5 WHERE id = ?1",
                )?
                .execute(params![
                    run.0.cast_signed(),
                    word_of(RunStatus::Running),
                    spec.path,
                    spec.workflow.name,
                    self.params
                ])?,
            RunChange::Ended { run, status, at } => connection
                .prepare_cached("UPDATE runs SET status = ?2, ended_ms = ?3 WHERE id = ?1")?
                .execute(params![
                    run.0.cast_signed(),
                    word_of(*status),
                    at.0.cast_signed()
                ])?,
        };
        Ok(())
    }
}

/// Removes the result of a key.
pub(super) const FORGET_RESULT: &str = "DELETE FROM results WHERE head = ?1 AND key = ?2";

/// The first eight bytes of a key. Results are indexed by them.
pub(super) fn head_of(key: &Digest) -> i64 {
    let mut head = [0; 8];
    head.copy_from_slice(&key.0[..8]);
    i64::from_be_bytes(head)
}

/// Bytes of the checksum at the end of a result.
pub(super) const SUM_BYTES: usize = 8;

/// The checksum of a result, which binds its bytes to its key.
pub(super) fn result_sum(key: &Digest, body: &[u8]) -> [u8; SUM_BYTES] {
    let mut hasher = blake3::Hasher::new_keyed(&key.0);
    hasher.update(body);
    let mut sum = [0; SUM_BYTES];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..SUM_BYTES]);
    sum
}

/// Results in the order of their keys (neighbors share pages), encoded into one buffer.
struct Results {
    bytes: Vec<u8>,
    /// The index in the group's results, and the end of its bytes.
    ends: Vec<(usize, usize)>,
}

fn encode_results(group: &Group) -> Result<Results, StateError> {
    let mut order: Vec<usize> = (0..group.results.len()).collect();
    order.sort_unstable_by_key(|&index| group.results[index].0);
    let mut results = Results {
        bytes: Vec::new(),
        ends: Vec::with_capacity(order.len()),
    };
    for index in order {
        let bytes = std::mem::take(&mut results.bytes);
        let start = bytes.len();
        let (key, result) = &group.results[index];
        results.bytes = postcard::to_extend(result, bytes).map_err(|error| StateError::Encode {
            what: "a result",
            why: error.to_string(),
        })?;
        let sum = result_sum(key, &results.bytes[start..]);
        results.bytes.extend_from_slice(&sum);
        results.ends.push((index, results.bytes.len()));
    }
    Ok(results)
}

fn write_results(
    connection: &Connection,
    group: &Group,
    results: &Results,
) -> rusqlite::Result<()> {
    let now_ms = group.at.0.cast_signed();
    let mut forget = connection.prepare_cached(FORGET_RESULT)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO results(head, key, manifest, used_ms) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut start = 0;
    for &(index, end) in &results.ends {
        let key = &group.results[index].0;
        let head = head_of(key);
        forget.execute(params![head, key.0])?;
        insert.execute(params![head, key.0, &results.bytes[start..end], now_ms])?;
        start = end;
    }
    let mut touch = connection.prepare_cached(
        "UPDATE results SET used_ms = ?3 WHERE head = ?1 AND key = ?2 AND used_ms < ?4",
    )?;
    for key in &group.used {
        let stale_ms = now_ms.saturating_sub(USE_GRAIN_MS);
        touch.execute(params![head_of(key), key.0, now_ms, stale_ms])?;
    }
    Ok(())
}

/// Encodes a group's records of files.
fn encode_files(group: &Group) -> Result<Vec<Vec<u8>>, StateError> {
    let encode = |record: &FileRecord| {
        let (stamp, reading) = (&record.stamp, &record.reading);
        let home = Home::File { stamp, reading };
        blob::encode("a dataset", &record.dataset, home)
    };
    group.files.iter().map(encode).collect()
}

fn write_files(
    connection: &Connection,
    group: &Group,
    datasets: &[Vec<u8>],
) -> rusqlite::Result<()> {
    for (record, dataset) in group.files.iter().zip(datasets) {
        let stamp = record.stamp;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO files(device, inode, reading, size, mtime_ns, ctime_ns, \
                 dataset) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                stamp.device.cast_signed(),
                stamp.inode.cast_signed(),
                record.reading.0,
                stamp.size.cast_signed(),
                stamp.mtime_ns,
                stamp.ctime_ns,
                dataset
            ])?;
    }
    Ok(())
}

/// A status as it is stored in the listing.
pub(super) const fn word_of(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Succeeded => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::Cancelled => "cancelled",
        RunStatus::Held => "held",
        RunStatus::Interrupted => "interrupted",
    }
}
