//! Writes a table: parts of at most 256 MiB, with the digests of each part and of the content
//! computed while the bytes go to disk.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::ipc::MetadataVersion;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::SchemaRef;
use sunward_core::{Dataset, DatasetKind, Digest, PartRef};

use crate::behind::WriteBehind;
use crate::beside::{Beside, ended_early};
use crate::content::ContentHasher;
use crate::content::schema::conform;
use crate::error::DataError;
use crate::incoming::Incoming;
use crate::part::PART_BYTES;
use crate::store::Store;

/// Reserved in a part for headers and footer.
const PART_SLACK: usize = 1 << 20;
/// A batch is divided into pieces of about this size, so that parts fill evenly, and writing,
/// hashing and reading overlap.
const PIECE_BYTES: usize = 8 << 20;
/// Batches are collected until they have this many bytes or rows, because a file of tiny ones is
/// slow to read.
const PENDING_BYTES: usize = 1 << 20;
const PENDING_ROWS: usize = 65_536;
/// From this size on hashing has its own threads; for less, starting them costs more than it saves.
const BESIDE_FROM: usize = 4 << 20;
/// The most pieces that wait for a hashing thread. It limits memory if hashing is slower than the
/// disk.
const WAITING: usize = 8;

/// Writes one table. If it is dropped without [`TableWriter::finish`], it leaves nothing behind.
pub struct TableWriter {
    store: Store,
    schema: SchemaRef,
    pending: Vec<RecordBatch>,
    pending_bytes: usize,
    pending_rows: usize,
    content: Lane<ContentHasher>,
    part: Option<OpenPart>,
    /// The previous part, which becomes durable while this one is written.
    closing: Option<Beside<PartRef>>,
    parts: Vec<PartRef>,
}

/// The part that is being written: its file, and a hash of the same bytes.
struct OpenPart {
    incoming: Incoming,
    path: PathBuf,
    file: FileWriter<BufWriter<WriteBehind>>,
    digest: Lane<FileWriter<HashSink>>,
    bytes: usize,
    rows: u64,
}

impl Store {
    /// Creates a writer for a new table.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be created, or the schema has an unsupported type.
    pub fn writer(&self, schema: SchemaRef) -> Result<TableWriter, DataError> {
        TableWriter::create(self, schema)
    }

    /// Writes a whole table.
    ///
    /// # Errors
    ///
    /// Fails in the same cases as [`TableWriter::push`] and [`TableWriter::finish`].
    pub fn write_table(
        &self,
        schema: SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<Dataset, DataError> {
        let mut writer = self.writer(schema)?;
        for batch in batches {
            writer.push(batch)?;
        }
        writer.finish()
    }
}

impl TableWriter {
    pub(crate) fn create(store: &Store, schema: SchemaRef) -> Result<Self, DataError> {
        let content = Lane::new(ContentHasher::new(&schema)?);
        Ok(Self {
            store: store.clone(),
            schema,
            pending: Vec::new(),
            pending_bytes: 0,
            pending_rows: 0,
            content,
            part: None,
            closing: None,
            parts: Vec::new(),
        })
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds rows.
    ///
    /// # Errors
    ///
    /// Fails if the batch has another schema, or the disk fails.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<(), DataError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = conform(batch.clone(), &self.schema, || "a batch".into())?;
        let bytes = row_bytes(&batch);
        self.pending_bytes += bytes;
        self.pending_rows += batch.num_rows();
        self.pending.push(batch);
        if self.pending_bytes >= PENDING_BYTES || self.pending_rows >= PENDING_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DataError> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        self.pending_rows = 0;
        // Only small batches are worth joining; a large one is written without a copy.
        let mut small: Vec<RecordBatch> = Vec::new();
        for batch in pending {
            if row_bytes(&batch) < PENDING_BYTES {
                small.push(batch);
                continue;
            }
            self.write_joined(&mut small)?;
            self.write_cut(&batch)?;
        }
        self.write_joined(&mut small)
    }

    fn write_joined(&mut self, small: &mut Vec<RecordBatch>) -> Result<(), DataError> {
        match small.as_slice() {
            [] => return Ok(()),
            [one] => self.write_cut(&one.clone())?,
            several => {
                let joined = concat_batches(&self.schema, several)
                    .map_err(DataError::arrow("cannot join batches"))?;
                self.write_cut(&joined)?;
            }
        }
        small.clear();
        Ok(())
    }

    /// Writes a batch in pieces that fit.
    fn write_cut(&mut self, batch: &RecordBatch) -> Result<(), DataError> {
        let (bytes, rows) = (row_bytes(batch), batch.num_rows());
        // There are several pieces in a part, so that parts fill evenly.
        let piece_bytes = PIECE_BYTES.min(self.store.part_bytes().div_ceil(4));
        if bytes <= piece_bytes || rows == 1 {
            return self.write_piece(batch, bytes);
        }
        // Rows may differ in size, so a piece that is still too large is divided again.
        let pieces = bytes.div_ceil(piece_bytes).clamp(2, rows);
        let step = rows.div_ceil(pieces);
        for start in (0..rows).step_by(step) {
            let piece = batch.slice(start, step.min(rows - start));
            let bytes = row_bytes(&piece);
            if bytes > 2 * piece_bytes {
                self.write_cut(&piece)?;
            } else {
                self.write_piece(&piece, bytes)?;
            }
        }
        Ok(())
    }

    fn write_piece(&mut self, piece: &RecordBatch, bytes: usize) -> Result<(), DataError> {
        let bytes = bytes + overhead_bytes(piece);
        if bytes > PART_BYTES - PART_SLACK {
            return Err(DataError::Unsupported(format!(
                "one row has {} MiB, but a part holds at most {}; make rows smaller, for example one row per cell or time instead of the whole field",
                bytes >> 20,
                PART_BYTES >> 20
            )));
        }
        let limit = self.store.part_bytes().min(PART_BYTES - PART_SLACK);
        let full = |part: &OpenPart| part.bytes > 0 && part.bytes + bytes > limit;
        if self.part.as_ref().is_some_and(full) {
            self.close_part()?;
        }
        self.store.go_on()?;
        self.content.push(piece, bytes)?;
        let part = match &mut self.part {
            Some(part) => part,
            none => none.insert(OpenPart::create(&self.store, &self.schema)?),
        };
        part.write(piece, bytes)
    }

    fn close_part(&mut self) -> Result<(), DataError> {
        self.end_closing()?;
        if let Some(part) = self.part.take() {
            let store = self.store.clone();
            let close = move || part.finish(&store);
            self.closing = Some(Beside::start("closing a part", close)?);
        }
        Ok(())
    }

    fn end_closing(&mut self) -> Result<(), DataError> {
        if let Some(closing) = self.closing.take() {
            self.parts.push(closing.finish()?);
        }
        Ok(())
    }

    /// Makes the table durable. A table without rows has one empty part, which holds its schema.
    ///
    /// # Errors
    ///
    /// Fails if the disk or the remote does.
    pub fn finish(mut self) -> Result<Dataset, DataError> {
        self.flush()?;
        let last = match self.part.take() {
            // A part is only closed for a next one, so this is the first.
            None => OpenPart::create(&self.store, &self.schema)?,
            Some(part) => part,
        };
        let last = last.finish(&self.store)?;
        self.end_closing()?;
        self.parts.push(last);
        let content = self.content.finish()?;
        Ok(Dataset {
            written: None,
            files: None,
            kind: DatasetKind::Table,
            rows: content.rows(),
            content: content.finish(),
            parts: self.parts,
        })
    }
}

impl OpenPart {
    fn create(store: &Store, schema: &SchemaRef) -> Result<Self, DataError> {
        let incoming = Incoming::create(&store.incoming_folder())?;
        let path = incoming.path().to_owned();
        let sink = BufWriter::new(WriteBehind::new(incoming.handle()?));
        let file = FileWriter::try_new_with_options(sink, schema, options()?)
            .map_err(DataError::writing(&path))?;
        let hash = FileWriter::try_new_with_options(HashSink::default(), schema, options()?)
            .map_err(DataError::writing(&path))?;
        Ok(Self {
            incoming,
            path,
            file,
            digest: Lane::new(hash),
            bytes: 0,
            rows: 0,
        })
    }

    fn write(&mut self, piece: &RecordBatch, bytes: usize) -> Result<(), DataError> {
        self.digest.push(piece, bytes)?;
        self.file
            .write(piece)
            .map_err(DataError::writing(&self.path))?;
        self.bytes += bytes;
        self.rows += u64::try_from(piece.num_rows()).unwrap_or(0);
        Ok(())
    }

    fn finish(mut self, store: &Store) -> Result<PartRef, DataError> {
        self.file.finish().map_err(DataError::writing(&self.path))?;
        let sink = self.file.get_ref().get_ref();
        sink.sync().map_err(DataError::io("sync", &self.path))?;
        let mut hash = self.digest.finish()?;
        hash.finish().map_err(DataError::writing(&self.path))?;
        let (digest, bytes) = hash.get_ref().result();
        store.commit_synced(self.incoming, &digest)?;
        Ok(PartRef {
            digest,
            bytes,
            rows: self.rows,
        })
    }
}

/// Uncompressed and aligned to 64 bytes: readers map it and compute on it in place.
pub(crate) fn options() -> Result<IpcWriteOptions, DataError> {
    IpcWriteOptions::try_new(64, false, MetadataVersion::V5)
        .map_err(DataError::arrow("cannot write Arrow"))
}

/// The bytes of a batch's rows.
fn row_bytes(batch: &RecordBatch) -> usize {
    let columns: usize = batch
        .columns()
        .iter()
        .map(|column| {
            column
                .to_data()
                .get_slice_memory_size()
                .unwrap_or_else(|_| column.get_array_memory_size())
        })
        .sum();
    columns
}

/// Bytes of a batch beside its rows: headers, and padding of each buffer.
fn overhead_bytes(batch: &RecordBatch) -> usize {
    256 * batch.num_columns() + 256
}

/// Hashes what is written to it.
#[derive(Debug, Default)]
struct HashSink {
    hasher: blake3::Hasher,
    bytes: u64,
}

impl HashSink {
    fn result(&self) -> (Digest, u64) {
        (Digest(*self.hasher.finalize().as_bytes()), self.bytes)
    }
}

impl Write for HashSink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.hasher.update(bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Receives batches one after the other.
trait Takes: Send + 'static {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), DataError>;
}

impl Takes for ContentHasher {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), DataError> {
        self.update(batch)
    }
}

impl Takes for FileWriter<HashSink> {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), DataError> {
        self.write(batch)
            .map_err(DataError::arrow("cannot encode a batch"))
    }
}

/// The work of lanes, for errors.
const HASHING: &str = "hashing a table";

/// Work on batches. A little work is done inline, more on a thread of its own.
struct Lane<T> {
    state: LaneState<T>,
    seen_bytes: usize,
}

enum LaneState<T> {
    Here(Box<T>),
    Beside {
        send: SyncSender<RecordBatch>,
        thread: Beside<Box<T>>,
    },
    /// Its thread has ended with an error that was reported.
    Ended,
}

impl<T: Takes> Lane<T> {
    fn new(worker: T) -> Self {
        Self {
            state: LaneState::Here(Box::new(worker)),
            seen_bytes: 0,
        }
    }

    fn push(&mut self, batch: &RecordBatch, bytes: usize) -> Result<(), DataError> {
        self.seen_bytes += bytes;
        if self.seen_bytes > BESIDE_FROM {
            self.move_beside()?;
        }
        match &mut self.state {
            LaneState::Here(worker) => worker.take(batch),
            LaneState::Beside { send, .. } if send.send(batch.clone()).is_ok() => Ok(()),
            LaneState::Beside { .. } | LaneState::Ended => self.end().map(|_| ()),
        }
    }

    fn move_beside(&mut self) -> Result<(), DataError> {
        match std::mem::replace(&mut self.state, LaneState::Ended) {
            LaneState::Here(mut worker) => {
                let (send, receive) = sync_channel::<RecordBatch>(WAITING);
                let thread = Beside::start(HASHING, move || {
                    while let Ok(batch) = receive.recv() {
                        worker.take(&batch)?;
                    }
                    Ok(worker)
                })?;
                self.state = LaneState::Beside { send, thread };
            }
            other => self.state = other,
        }
        Ok(())
    }

    fn finish(mut self) -> Result<T, DataError> {
        self.end().map(|worker| *worker)
    }

    fn end(&mut self) -> Result<Box<T>, DataError> {
        match std::mem::replace(&mut self.state, LaneState::Ended) {
            LaneState::Here(worker) => Ok(worker),
            LaneState::Beside { send, thread } => {
                drop(send);
                thread.finish()
            }
            LaneState::Ended => Err(ended_early(HASHING)),
        }
    }
}
