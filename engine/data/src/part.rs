//! One part on disk: mapped into memory, with batches decoded without a copy.

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

use crate::error::DataError;
use crate::foreign::{self, caught};

/// The largest size of a part, which is uploaded with one PUT.
pub(crate) const PART_BYTES: usize = 256 << 20;
/// The smallest Arrow file: magic, footer length, and magic again.
const SMALLEST: usize = 8 + 10;
/// Smaller files are read, because mapping costs more than it saves.
const MAP_FROM: u64 = 64 * 1024;

/// An open Arrow IPC file: its footer was read, and every block is inside the file. Batches are
/// decoded on demand, and each is validated, so that untrusted bytes cause an error and never a
/// wrong access.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    buffer: Buffer,
    decoder: FileDecoder,
    schema: SchemaRef,
    blocks: Vec<Block>,
    /// The row at which each batch begins, and one past the last row.
    starts: Vec<u64>,
    compressed: bool,
}

/// What is wrong with the bytes of an Arrow file.
type Fault = String;

impl Part {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read or is not a whole Arrow IPC file.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let buffer = map(path)?;
        Self::parse(path, buffer).map_err(|why| DataError::Damaged {
            path: path.to_owned(),
            why,
        })
    }

    /// Opens a file that a user's command wrote, whose mistakes are its author's.
    pub(crate) fn open_foreign(path: &Path) -> Result<Self, DataError> {
        let buffer = map(path)?;
        let bytes = buffer.len();
        Self::parse(path, buffer).map_err(|why| DataError::Format {
            path: path.to_owned(),
            expected: "Arrow IPC file",
            found: format!("{bytes} bytes, {why}"),
            hint: "close the writer before the command ends (pyarrow: `with pa.ipc.new_file(path, schema) as w:`, pandas: `to_feather`, polars: `write_ipc`), or declare which `format:` the output has".into(),
        })
    }

    fn parse(path: &Path, buffer: Buffer) -> Result<Self, Fault> {
        caught(|| Self::parse_unguarded(path, buffer))?
    }

    fn parse_unguarded(path: &Path, buffer: Buffer) -> Result<Self, Fault> {
        if buffer.len() < SMALLEST {
            return Err("too short for an Arrow file".into());
        }
        if !buffer.starts_with(b"ARROW1") {
            return Err("it does not begin with the magic bytes ARROW1".into());
        }
        let trailer_at = buffer.len() - 10;
        let mut trailer = [0; 10];
        trailer.copy_from_slice(&buffer[trailer_at..]);
        let length = read_footer_length(trailer)
            .map_err(|_| "its end is missing: it was cut off while being written".to_string())?;
        let footer_at = trailer_at
            .checked_sub(length)
            .ok_or("its footer does not fit in it")?;
        let footer = root_as_footer(&buffer[footer_at..trailer_at])
            .map_err(|error| format!("its footer is invalid ({error})"))?;
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
            let bytes = block_bytes(&buffer, block)?;
            dictionary_header(&bytes, block, buffer.len())?;
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
            let (rows, packed) = batch_header(&buffer, block)?;
            row = row.checked_add(rows).ok_or("it claims too many rows")?;
            compressed |= packed;
        }
        starts.push(row);
        Ok(Self {
            path: path.to_owned(),
            buffer,
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
        u64::try_from(self.buffer.len()).unwrap_or(u64::MAX)
    }

    /// Its bytes.
    pub(crate) fn buffer(&self) -> &Buffer {
        &self.buffer
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
        let bytes = block_bytes(&self.buffer, block)?;
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

fn block_bytes(buffer: &Buffer, block: &Block) -> Result<Buffer, Fault> {
    let fault = || "a block of it is outside the file".to_string();
    let offset = usize::try_from(block.offset()).map_err(|_| fault())?;
    let meta = usize::try_from(block.metaDataLength()).map_err(|_| fault())?;
    let body = usize::try_from(block.bodyLength()).map_err(|_| fault())?;
    let length = meta.checked_add(body).ok_or_else(fault)?;
    let end = offset.checked_add(length).ok_or_else(fault)?;
    if end > buffer.len() || meta < 8 {
        return Err(fault());
    }
    Ok(buffer.slice_with_length(offset, length))
}

/// The metadata of a block's message, and the message's body.
fn message_of<'b>(bytes: &'b [u8], block: &Block) -> (&'b [u8], &'b [u8]) {
    // A message begins with a continuation marker (absent in files older than 0.15) and a length.
    let skip = if bytes.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let meta = usize::try_from(block.metaDataLength()).unwrap_or(0);
    (&bytes[skip..meta], &bytes[meta..])
}

/// The number of rows of a batch and whether it is compressed, from its header alone. Refuses a
/// batch that claims too many bytes.
fn batch_header(buffer: &Buffer, block: &Block) -> Result<(u64, bool), Fault> {
    let bytes = block_bytes(buffer, block)?;
    let (metadata, body) = message_of(&bytes, block);
    let message = root_as_message(metadata)
        .map_err(|error| format!("a batch's header is invalid ({error})"))?;
    let header = message
        .header_as_record_batch()
        .ok_or("a batch's header is of another kind")?;
    let rows = u64::try_from(header.length()).map_err(|_| "a batch has a negative length")?;
    refuse_expansion(&message, body, buffer.len())?;
    Ok((rows, header.compression().is_some()))
}

/// Refuses a dictionary that claims too many bytes.
fn dictionary_header(bytes: &[u8], block: &Block, file_bytes: usize) -> Result<(), Fault> {
    let (metadata, body) = message_of(bytes, block);
    let message =
        root_as_message(metadata).map_err(|error| format!("a header is invalid ({error})"))?;
    refuse_expansion(&message, body, file_bytes)
}

/// Refuses a message whose packed buffers claim more than a file of this size may expand to: each
/// begins with the length that the decoder asks memory for.
pub(crate) fn refuse_expansion(
    message: &Message<'_>,
    body: &[u8],
    file_bytes: usize,
) -> Result<(), Fault> {
    let header = message.header_as_record_batch().or_else(|| {
        message
            .header_as_dictionary_batch()
            .and_then(|dictionary| dictionary.data())
    });
    let Some(header) = header.filter(|header| header.compression().is_some()) else {
        return Ok(());
    };
    let file_bytes = u64::try_from(file_bytes).unwrap_or(u64::MAX);
    let mut total = 0_u64;
    for packed in header.buffers().iter().flatten() {
        let start = usize::try_from(packed.offset()).ok();
        let prefix = start.and_then(|at| body.get(at..at.checked_add(8)?));
        let Some(prefix) = prefix.filter(|_| packed.length() >= 8) else {
            continue;
        };
        let length = i64::from_le_bytes(prefix.try_into().unwrap_or_default());
        total = total.saturating_add(u64::try_from(length).unwrap_or(0));
    }
    if total > foreign::limit(file_bytes) {
        return Err(format!(
            "a batch claims {total} bytes, more than a file of {file_bytes} may expand to"
        ));
    }
    Ok(())
}

/// The bytes of a file, mapped unless it is small.
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
    // SAFETY: the mapped file is in the store, where files are complete before they get their name,
    // are never written again and are read-only; or it is an output that its command has finished
    // and that will be renamed into the store, or a user's source file during its conversion. The
    // map keeps the file alive when `prune` unlinks it. A user who truncates a source file during
    // its conversion ends the process by a signal; no memory is corrupted.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::from_owner(map))
}
