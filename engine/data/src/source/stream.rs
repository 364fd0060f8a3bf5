//! Reads Arrow IPC streams. Each message states its length, and the reader allocates that much
//! memory. So all messages are compared with the size of the file before any is read.

use std::io::{Cursor, Read as _};
use std::path::Path;

use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::root_as_message;
use bytes::Bytes;
use sunward_files::open_regular;

use super::no_arrow;
use crate::error::DataError;
use crate::foreign;
use crate::part::{map_bytes, refuse_expansion};

/// The first bytes of each message of a stream.
const MARKER: [u8; 4] = [0xff; 4];

/// Whether a file is a stream rather than an Arrow file.
pub(super) fn is_stream(path: &Path) -> Result<bool, DataError> {
    let mut head = Vec::new();
    open_regular(path)
        .and_then(|file| file.take(4).read_to_end(&mut head))
        .map_err(DataError::io("read", path))?;
    Ok(head == MARKER)
}

/// Opens a stream.
pub(super) fn open(path: &Path) -> Result<StreamReader<Cursor<Bytes>>, DataError> {
    let bytes = map_bytes(path)?;
    let messages = || require_inside(&Buffer::from(bytes.clone()));
    foreign::guarded(path, "Arrow IPC stream", messages)?.map_err(|why| no_arrow(path, why))?;
    let open = || StreamReader::try_new(Cursor::new(bytes.clone()), None);
    foreign::guarded(path, "Arrow IPC stream", open)?
        .map_err(|error| no_arrow(path, error.to_string()))
}

/// Refuses messages that extend beyond the file, and compressed buffers whose stated size is more
/// than a file of this size may expand to.
fn require_inside(buffer: &Buffer) -> Result<(), String> {
    let mut at = 0_usize;
    while let Some((begin, length)) = message_at(buffer, at) {
        let fault = || format!("the message at byte {at} is longer than the file");
        if length == 0 {
            return Ok(());
        }
        let end = begin.checked_add(length).ok_or_else(fault)?;
        let metadata = buffer.get(begin..end).ok_or_else(fault)?;
        let message = root_as_message(metadata)
            .map_err(|error| format!("the message at byte {at} is invalid ({error})"))?;
        let body = usize::try_from(message.bodyLength()).map_err(|_| fault())?;
        let next = end.checked_add(body).ok_or_else(fault)?;
        let body = buffer.get(end..next).ok_or_else(fault)?;
        // The size of a block's metadata has 32 bits in Arrow.
        if i32::try_from(end - at).is_err() {
            return Err(fault());
        }
        refuse_expansion(&message, body, buffer.len())?;
        at = next;
    }
    Ok(())
}

/// The offset and the length of the metadata of the message at byte `at`. `None` at the end of the
/// file.
fn message_at(buffer: &Buffer, at: usize) -> Option<(usize, usize)> {
    let word =
        |at: usize| -> Option<[u8; 4]> { buffer.get(at..at.checked_add(4)?)?.try_into().ok() };
    let first = word(at)?;
    let (length, begin) = match first == MARKER {
        true => (word(at + 4)?, at + 8),
        // Arrow versions before 0.15 write no marker.
        false => (first, at + 4),
    };
    // A negative length becomes one that no file can hold.
    let length = usize::try_from(i32::from_le_bytes(length)).unwrap_or(usize::MAX);
    Some((begin, length))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch, StringArray};
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
