//! One Arrow file: a part of the store is mapped into memory, and its batches are decoded without a
//! copy. A file of others is read in pieces.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};
use arrow::ipc::{Block, Message, root_as_footer, root_as_message};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use sunward_core::Digest;

use crate::error::DataError;
use crate::file_bytes::{self, FileBytes};
use crate::foreign::{self, caught};
use crate::halt::Halt;

/// The largest size of a part, which is uploaded with one PUT.
pub(crate) const PART_BYTES: usize = 256 << 20;
/// The smallest Arrow file: magic, footer length, and magic again.
const SMALLEST: u64 = 8 + 10;
/// Smaller files are read, because mapping costs more than it saves.
const MAP_FROM: u64 = 64 * 1024;

/// An open Arrow IPC file: its footer was read, and every block is inside the file. Batches are
/// decoded on demand, and each is validated, so that untrusted bytes cause an error and never a
/// wrong access.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    source: Source,
    decoder: FileDecoder,
    schema: SchemaRef,
    blocks: Vec<Block>,
    /// The row at which each batch begins, and one past the last row.
    starts: Vec<u64>,
    compressed: bool,
}

/// What is wrong with the bytes of an Arrow file.
type Fault = String;

/// Where the bytes of a file come from.
#[derive(Debug)]
enum Source {
    /// A part of the store, which nobody changes.
    Mapped(Buffer),
    /// A file of others, who may change it now.
    Read(FileBytes),
}

impl Source {
    fn length(&self) -> u64 {
        match self {
            Self::Mapped(buffer) => u64::try_from(buffer.len()).unwrap_or(u64::MAX),
            Self::Read(file) => file.length(),
        }
    }

    fn slice(&self, at: u64, length: usize) -> Result<Buffer, Fault> {
        let end = u64::try_from(length).ok().and_then(|n| at.checked_add(n));
        if end.is_none_or(|end| end > self.length()) {
            return Err("a block of it is outside the file".to_owned());
        }
        match self {
            Self::Mapped(buffer) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                Ok(buffer.slice_with_length(at, length))
            }
            Self::Read(file) => file
                .read(at, length)
                .map_err(|error| file_bytes::fault(&error)),
        }
    }

    /// The number at byte `at`.
    fn number(&self, at: u64) -> Option<[u8; 8]> {
        match self {
            Self::Mapped(buffer) => number_in(buffer, usize::try_from(at).ok()?),
            Self::Read(file) => file.word(at),
        }
    }
}

fn number_in(bytes: &[u8], at: usize) -> Option<[u8; 8]> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok()
}

impl Part {
    /// Opens a part of the store. Nobody may change the file while it is open.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read or is not a whole Arrow IPC file.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let source = Source::Mapped(map(path)?);
        Self::parse(path, source).map_err(|why| DataError::Damaged {
            path: path.to_owned(),
            why,
        })
    }

    /// Opens a file of a user or of a user's command, whose mistakes are its author's. It may be
    /// changed while it is read.
    pub(crate) fn open_foreign(path: &Path) -> Result<Self, DataError> {
        let source = Source::Read(FileBytes::open(path)?);
        let bytes = source.length();
        Self::parse(path, source).map_err(|why| DataError::Format {
            path: path.to_owned(),
            expected: "Arrow IPC file",
            found: format!("{bytes} bytes, {why}"),
            hint: "close the writer before the command ends (pyarrow: `with pa.ipc.new_file(path, schema) as w:`, pandas: `to_feather`, polars: `write_ipc`), or declare which `format:` the output has".into(),
        })
    }

    fn parse(path: &Path, source: Source) -> Result<Self, Fault> {
        caught(|| Self::parse_unguarded(path, source))?
    }

    fn parse_unguarded(path: &Path, source: Source) -> Result<Self, Fault> {
        if source.length() < SMALLEST {
            return Err("too short for an Arrow file".into());
        }
        if !source.slice(0, 6)?.starts_with(b"ARROW1") {
            return Err("it does not begin with the magic bytes ARROW1".into());
        }
        let trailer_at = source.length() - 10;
        let mut trailer = [0; 10];
        trailer.copy_from_slice(&source.slice(trailer_at, 10)?);
        let length = read_footer_length(trailer)
            .map_err(|_| "its end is missing: it was cut off while being written".to_string())?;
        let footer_at = u64::try_from(length)
            .ok()
            .and_then(|length| trailer_at.checked_sub(length))
            .ok_or("its footer does not fit in it")?;
        let footer = source.slice(footer_at, length)?;
        let footer =
            root_as_footer(&footer).map_err(|error| format!("its footer is invalid ({error})"))?;
        let schema = footer.schema().ok_or("its footer has no schema")?;
        if !schema.endianness().equals_to_target_endianness() {
            return Err(
                "it is big-endian; write it on a little-endian machine, or as Parquet".into(),
            );
        }
        let schema: SchemaRef =
            Arc::new(try_fb_to_schema(schema).map_err(|e| format!("its schema is invalid ({e})"))?);
        let mut decoder = FileDecoder::new(schema.clone(), footer.version());
        for block in footer.dictionaries().iter().flatten() {
            header(&source, block, |_| Ok(()))?;
            let bytes = block_bytes(&source, block)?;
            decoder
                .read_dictionary(block, &bytes)
                .map_err(|e| format!("one of its dictionaries is invalid ({e})"))?;
        }
        let blocks: Vec<Block> = footer
            .recordBatches()
            .map(|blocks| blocks.iter().copied().collect())
            .unwrap_or_default();
        let mut starts = Vec::with_capacity(blocks.len() + 1);
        let (mut row, mut compressed) = (0_u64, false);
        for block in &blocks {
            starts.push(row);
            let (rows, packed) = batch_header(&source, block)?;
            row = row.checked_add(rows).ok_or("it claims too many rows")?;
            compressed |= packed;
        }
        starts.push(row);
        Ok(Self {
            path: path.to_owned(),
            source,
            decoder,
            schema,
            blocks,
            starts,
            compressed,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its schema, as written.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Its size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.source.length()
    }

    /// The digest of its bytes.
    pub(crate) fn digest(&self, halt: &Halt) -> Result<Digest, DataError> {
        match &self.source {
            Source::Mapped(buffer) => halt.digest(buffer),
            Source::Read(file) => file.digest(&self.path, halt),
        }
    }

    /// The number of batches.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.blocks.len()
    }

    /// Whether its buffers are compressed, so that reading copies.
    pub(crate) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// The rows at which batch `index` begins and ends.
    pub(crate) fn bounds(&self, index: usize) -> (u64, u64) {
        (self.starts[index], self.starts[index + 1])
    }

    /// The first batch with `row` or a later one.
    pub(crate) fn batch_at(&self, row: u64) -> usize {
        self.starts[1..].partition_point(|end| *end <= row)
    }

    /// One batch. Its buffers are the mapped file's, if uncompressed and aligned.
    ///
    /// # Errors
    ///
    /// Fails if its bytes are not valid Arrow data.
    pub fn batch(&self, index: usize) -> Result<RecordBatch, DataError> {
        self.decode(index).map_err(|why| DataError::Damaged {
            path: self.path.clone(),
            why: format!("batch {index}: {why}"),
        })
    }

    fn decode(&self, index: usize) -> Result<RecordBatch, Fault> {
        let block = self.blocks.get(index).ok_or("there is no such batch")?;
        if matches!(self.source, Source::Read(_)) {
            // The lengths in it may be others now than they were at the opening.
            header(&self.source, block, |_| Ok(()))?;
        }
        let bytes = block_bytes(&self.source, block)?;
        let batch = caught(|| self.decoder.read_record_batch(block, &bytes))?
            .map_err(|e| arrow_fault(&e))?
            .ok_or("it is empty")?;
        let (start, end) = self.bounds(index);
        if u64::try_from(batch.num_rows()).ok() != Some(end - start) {
            return Err("its columns do not have the stated length".into());
        }
        Ok(batch)
    }
}

fn arrow_fault(error: &ArrowError) -> Fault {
    format!("no valid Arrow data ({error})")
}

/// The offset of a block, and the lengths of its metadata and its body.
fn place(source: &Source, block: &Block) -> Result<(u64, usize, usize), Fault> {
    let fault = || "a block of it is outside the file".to_string();
    let offset = u64::try_from(block.offset()).map_err(|_| fault())?;
    let meta = usize::try_from(block.metaDataLength()).map_err(|_| fault())?;
    let body = usize::try_from(block.bodyLength()).map_err(|_| fault())?;
    let length = meta.checked_add(body).ok_or_else(fault)?;
    let end = u64::try_from(length)
        .ok()
        .and_then(|length| offset.checked_add(length));
    if end.is_none_or(|end| end > source.length()) || meta < 8 {
        return Err(fault());
    }
    Ok((offset, meta, body))
}

fn block_bytes(source: &Source, block: &Block) -> Result<Buffer, Fault> {
    let (offset, meta, body) = place(source, block)?;
    source.slice(offset, meta + body)
}

/// Reads the metadata of a block's message. Refuses a block that claims too many bytes.
fn header<T>(
    source: &Source,
    block: &Block,
    read: impl FnOnce(&Message<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let (offset, meta, _) = place(source, block)?;
    let bytes = source.slice(offset, meta)?;
    // A message begins with a continuation marker (absent in files older than 0.15) and a length.
    let skip = if bytes.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let message = root_as_message(&bytes[skip..])
        .map_err(|error| format!("the header of a block is invalid ({error})"))?;
    let body_at = offset + u64::try_from(meta).unwrap_or(0);
    let number = |at: u64| source.number(body_at.checked_add(at)?);
    refuse_expansion(&message, number, source.length())?;
    read(&message)
}

/// The number of rows of a batch and whether it is compressed, from its header alone.
fn batch_header(source: &Source, block: &Block) -> Result<(u64, bool), Fault> {
    header(source, block, |message| {
        let header = message
            .header_as_record_batch()
            .ok_or("a batch's header is of another kind")?;
        let rows = u64::try_from(header.length()).map_err(|_| "a batch has a negative length")?;
        Ok((rows, header.compression().is_some()))
    })
}

/// Refuses a message whose packed buffers claim more than a file of this size may expand to: each
/// begins with the length that the decoder asks memory for. `number` reads at an offset of the body.
pub(crate) fn refuse_expansion(
    message: &Message<'_>,
    number: impl Fn(u64) -> Option<[u8; 8]>,
    file_bytes: u64,
) -> Result<(), Fault> {
    let header = message.header_as_record_batch().or_else(|| {
        message
            .header_as_dictionary_batch()
            .and_then(|dictionary| dictionary.data())
    });
    let Some(header) = header.filter(|header| header.compression().is_some()) else {
        return Ok(());
    };
    let mut total = 0_u64;
    for packed in header.buffers().iter().flatten() {
        let start = u64::try_from(packed.offset()).ok();
        let prefix = start.filter(|_| packed.length() >= 8).and_then(&number);
        let Some(prefix) = prefix else {
            continue;
        };
        let length = i64::from_le_bytes(prefix);
        total = total.saturating_add(u64::try_from(length).unwrap_or(0));
    }
    if total > foreign::limit(file_bytes) {
        return Err(format!(
            "a batch claims {total} bytes, more than a file of {file_bytes} may expand to"
        ));
    }
    Ok(())
}

/// The bytes of a part of the store, mapped unless it is small. Files that others may change are
/// never mapped.
pub(crate) fn map(path: &Path) -> Result<Buffer, DataError> {
    map_bytes(path).map(Buffer::from)
}

/// The same, to be sent elsewhere.
pub(crate) fn map_bytes(path: &Path) -> Result<Bytes, DataError> {
    let mut file = File::open(path).map_err(DataError::io("open", path))?;
    let length = file.metadata().map_err(DataError::io("read", path))?.len();
    if length < MAP_FROM {
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        file.read_to_end(&mut bytes)
            .map_err(DataError::io("read", path))?;
        return Ok(Bytes::from(bytes));
    }
    map_file(&file).map_err(DataError::io("map", path))
}

#[expect(
    unsafe_code,
    reason = "mapping a file is unsafe because others may change it; parts are written once"
)]
fn map_file(file: &File) -> std::io::Result<Bytes> {
    // SAFETY: the mapped file is a part of the store: it was complete before it got its name, is
    // never written again and is read-only. The map keeps it alive when `prune` unlinks it. All that
    // others may change is read by [`FileBytes`] instead.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::from_owner(map))
}
