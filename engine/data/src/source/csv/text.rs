//! The bytes of a text table, decompressed if necessary and without a byte order mark.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sunward_files::open_regular;

use super::binary;
use super::stray::Stray;
use crate::error::DataError;
use crate::halt::{Halt, was_stopped};

/// The most bytes of a line. A compressed file of a few kilobytes can contain a line of any length.
const LINE_BYTES: usize = 512 << 20;
/// The bytes of one read.
const BUFFER_BYTES: usize = 1 << 16;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Opens the text of a file.
pub(in crate::source) fn open(path: &Path, halt: &Halt) -> Result<Box<dyn Read>, DataError> {
    let file = open_regular(path).map_err(DataError::io("open", path))?;
    let mut source = BufReader::with_capacity(BUFFER_BYTES, halt.reader(file));
    let packed = source
        .fill_buf()
        .map_err(unreadable(path))?
        .starts_with(&GZIP);
    if packed {
        return unmarked(path, MultiGzDecoder::new(source));
    }
    unmarked(path, source)
}

/// For `map_err` on reading the text. An error without a code of the system is one of the content: a
/// line that is too long, or compressed data that is damaged or cut off.
pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> DataError {
    move |error| {
        if was_stopped(&error) {
            return DataError::Stopped;
        }
        if let Some(stray) = error
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<Stray>())
        {
            let hint = "put the quotes around the whole cell, and write a quote inside it twice";
            return super::fault(path, stray.to_string(), hint);
        }
        if error.raw_os_error().is_some() {
            return DataError::io("read", path)(error);
        }
        super::fault(
            path,
            error.to_string(),
            "write it again; text in a very long line belongs in Arrow or Parquet",
        )
    }
}

fn unmarked(path: &Path, source: impl Read + 'static) -> Result<Box<dyn Read>, DataError> {
    let mut source = BufReader::with_capacity(BUFFER_BYTES, source);
    let begin = source.fill_buf().map_err(unreadable(path))?;
    if let Some(kind) = binary::kind(begin) {
        let found = format!("it is {kind}");
        return Err(super::fault(path, found, binary::remedy(kind)));
    }
    if begin.starts_with(&BYTE_ORDER_MARK) {
        source.consume(BYTE_ORDER_MARK.len());
    }
    Ok(Box::new(Lines {
        source,
        line_bytes: 0,
    }))
}

/// A reader that refuses a line that is too long before the line is in memory.
struct Lines<S> {
    source: S,
    line_bytes: usize,
}

impl<S: Read> Read for Lines<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        let read = &buffer[..count];
        match read.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => self.line_bytes = count - end,
            None => self.line_bytes += count,
        }
        if self.line_bytes > LINE_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a line is longer than {} MiB", LINE_BYTES >> 20),
            ));
        }
        Ok(count)
    }
}
