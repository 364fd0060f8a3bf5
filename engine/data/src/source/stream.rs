//! Reads Arrow IPC streams. Each message states its length, and the reader allocates that much
//! memory. So all messages are compared with the size of the file before any is read.

use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::root_as_message;
use arrow_schema::{Schema, SchemaRef};
use sunward_files::open_regular;

use super::no_arrow;
use crate::error::DataError;
use crate::file_bytes::{self, FileBytes};
use crate::foreign;
use crate::part::refuse_expansion;

/// The first bytes of each message of a stream.
const MARKER: [u8; 4] = [0xff; 4];

/// The message that ends a stream.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Whether a file is a stream rather than an Arrow file.
pub(super) fn is_stream(path: &Path) -> Result<bool, DataError> {
    let mut head = Vec::new();
    open_regular(path)
        .and_then(|file| file.take(4).read_to_end(&mut head))
        .map_err(DataError::io("read", path))?;
    Ok(head == MARKER)
}

/// An open stream: its schema, and its batches.
pub(super) struct Stream {
    file: FileBytes,
    /// The byte at which the next message begins.
    at: u64,
    /// What is left of the message before.
    rest: Buffer,
    decoder: StreamDecoder,
    schema: SchemaRef,
    has_ended: bool,
}

/// Opens a stream. All its messages are looked at.
pub(super) fn open(path: &Path) -> Result<Stream, DataError> {
    let file = FileBytes::open(path)?;
    let open = || Stream::open(file);
    foreign::guarded(path, "Arrow IPC stream", open)?.map_err(|why| no_arrow(path, why))
}

impl Stream {
    fn open(file: FileBytes) -> Result<Self, String> {
        let schema = Arc::new(schema_of(&file)?);
        let mut at = 0;
        while let Some(message) = Message::at(&file, at)? {
            at = message.end;
        }
        Ok(Self {
            file,
            at: 0,
            rest: Buffer::default(),
            decoder: StreamDecoder::new(),
            schema,
            has_ended: false,
        })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// Decodes one message. Its lengths are checked again, because the file may be another now.
    fn step(&mut self) -> Result<Option<RecordBatch>, String> {
        if self.rest.is_empty() {
            self.rest = match Message::at(&self.file, self.at)? {
                Some(message) => {
                    let bytes = message.whole(&self.file, self.at)?;
                    self.at = message.end;
                    bytes
                }
                // The decoder gives a message without a body only once more bytes follow.
                None => {
                    self.has_ended = true;
                    Buffer::from(&END)
                }
            };
        }
        let batch = self.decoder.decode(&mut self.rest);
        batch.map_err(|error| error.to_string())
    }
}

/// The schema in the first message.
fn schema_of(file: &FileBytes) -> Result<Schema, String> {
    let found = metadata_at(file, 0)?.filter(|(_, length)| *length > 0);
    let (begin, length) = found.ok_or("it has no schema")?;
    let metadata = file
        .read(begin, length)
        .map_err(|_| "the message at byte 0 is longer than the file")?;
    let message = root_as_message(&metadata)
        .map_err(|error| format!("the message at byte 0 is invalid ({error})"))?;
    let schema = message
        .header_as_schema()
        .ok_or("it does not begin with a schema")?;
    try_fb_to_schema(schema).map_err(|error| format!("its schema is invalid ({error})"))
}

impl Iterator for Stream {
    type Item = Result<RecordBatch, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            let batch = self.step().transpose();
            self.has_ended |= matches!(batch, Some(Err(_)));
            if batch.is_some() {
                return batch;
            }
        }
        None
    }
}

/// The place of a message in the file.
struct Message {
    end: u64,
}

impl Message {
    /// The message at byte `at`. `None` at the end of the stream. Refuses a message that extends
    /// beyond the file, and one whose packed buffers claim too many bytes.
    fn at(file: &FileBytes, at: u64) -> Result<Option<Self>, String> {
        let fault = || format!("the message at byte {at} is longer than the file");
        let Some((begin, length)) = metadata_at(file, at)? else {
            return Ok(None);
        };
        if length == 0 {
            return Ok(None);
        }
        let metadata = file.read(begin, length).map_err(|_| fault())?;
        let message = root_as_message(&metadata)
            .map_err(|error| format!("the message at byte {at} is invalid ({error})"))?;
        let body_at = begin + u64::try_from(length).unwrap_or(0);
        let body = u64::try_from(message.bodyLength()).map_err(|_| fault())?;
        let end = body_at.checked_add(body).ok_or_else(fault)?;
        // The size of a block's metadata has 32 bits in Arrow.
        if end > file.length() || i32::try_from(body_at - at).is_err() {
            return Err(fault());
        }
        let number = |at: u64| file.word(body_at.checked_add(at)?);
        refuse_expansion(&message, number, file.length())?;
        Ok(Some(Self { end }))
    }

    /// The bytes of the message, which begins at byte `at`.
    fn whole(&self, file: &FileBytes, at: u64) -> Result<Buffer, String> {
        let length = usize::try_from(self.end - at).unwrap_or(usize::MAX);
        file.read(at, length)
            .map_err(|error| file_bytes::fault(&error))
    }
}

/// The offset and the length of the metadata of the message at byte `at`. `None` at the end of the
/// file.
fn metadata_at(file: &FileBytes, at: u64) -> Result<Option<(u64, usize)>, String> {
    let first: [u8; 4] = match file.word(at) {
        Some(first) => first,
        None if at.saturating_add(4) > file.length() => return Ok(None),
        None => return Err(file_bytes::fault(&io::ErrorKind::UnexpectedEof.into())),
    };
    let (length, begin) = match (first == MARKER, file.word(at + 4)) {
        (true, Some(length)) => (length, at + 8),
        (true, None) => return Ok(None),
        // Arrow versions before 0.15 write no marker.
        (false, _) => (first, at + 4),
    };
    // A negative length becomes one that no file can hold.
    let length = usize::try_from(i32::from_le_bytes(length)).unwrap_or(usize::MAX);
    Ok(Some((begin, length)))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

    use super::*;

    fn stream(packed: bool) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from_iter_values(0..1000)) as _),
            ("s", Arc::new(StringArray::from(vec!["text"; 1000])) as _),
        ])
        .unwrap();
        let compression = packed.then_some(CompressionType::ZSTD);
        let options = IpcWriteOptions::default().try_with_compression(compression);
        let schema = batch.schema();
        let mut writer =
            StreamWriter::try_new_with_options(Vec::new(), &schema, options.unwrap()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        writer.into_inner().unwrap()
    }

    fn rows(bytes: &[u8]) -> Result<usize, DataError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let reader = open(file.path())?;
        Ok(reader.flatten().map(|batch| batch.num_rows()).sum())
    }

    #[test]
    fn whole_streams_are_read_packed_or_not_and_cut_ones_are_refused_or_short() {
        for packed in [false, true] {
            let whole = stream(packed);
            assert_eq!(rows(&whole).unwrap(), 1000);
            for cut in (0..whole.len()).step_by(37) {
                if let Ok(found) = rows(&whole[..cut]) {
                    assert!(found == 0 || found == 1000, "{found} rows of {cut} bytes");
                }
            }
        }
    }

    #[test]
    fn a_stream_that_gets_shorter_while_it_is_read_is_an_error() {
        let whole = stream(false);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &whole).unwrap();
        let reader = open(file.path()).unwrap();
        file.as_file().set_len(100).unwrap();
        let read: Vec<_> = reader.collect();
        assert!(matches!(read.as_slice(), [Err(_)]), "{read:?}");
    }

    #[test]
    fn lengths_beyond_the_file_are_refused_before_memory_is_asked_for() {
        let whole = stream(true);
        let length = u32::from_le_bytes(whole[4..8].try_into().unwrap());
        let second = 8 + usize::try_from(length).unwrap();
        for (at, value) in [(4, i32::MAX), (4, i32::MIN), (second + 4, i32::MAX)] {
            let mut changed = whole.clone();
            changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
            let error = rows(&changed).unwrap_err().to_string();
            assert!(error.contains("longer than the file"), "{error}");
        }
        // A compressed buffer states its decompressed length before its bytes.
        let lengths = [
            8000_i64.to_le_bytes(),
            4004_i64.to_le_bytes(),
            4000_i64.to_le_bytes(),
        ];
        let mut changed = whole;
        let at = (second..changed.len() - 8)
            .find(|at| lengths.contains(&changed[*at..*at + 8].try_into().unwrap()))
            .unwrap();
        changed[at..at + 8].copy_from_slice(&(1_i64 << 50).to_le_bytes());
        let error = rows(&changed).unwrap_err().to_string();
        assert!(error.contains("may expand to"), "{error}");
    }
}
