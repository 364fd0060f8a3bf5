//! Finds a quote that is still open at the end of a file. The CSV reader would accept the rest of
//! the file as one cell.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::text;
use crate::error::DataError;
use crate::halt::Halt;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first byte of a cell.
    Start,
    /// In a cell without quotes, or after the closing quote.
    Plain,
    /// Inside quotes.
    Quoted,
    /// After a quote inside quotes. It is the closing quote, unless another quote follows.
    Closing,
}

/// Whether a quote is open at the end of the file. The file is read from byte `from`, at which a
/// record begins.
pub(super) fn is_open(
    path: &Path,
    delimiter: u8,
    from: u64,
    halt: &Halt,
) -> Result<bool, DataError> {
    let fault = || text::unreadable(path);
    let mut source = text::open(path, halt)?;
    io::copy(&mut source.by_ref().take(from), &mut io::sink()).map_err(fault())?;
    let mut source = BufReader::new(source);
    let mut place = Place::Start;
    loop {
        let bytes = source.fill_buf().map_err(fault())?;
        if bytes.is_empty() {
            return Ok(place == Place::Quoted);
        }
        for byte in bytes {
            place = step(place, *byte, delimiter);
        }
        let count = bytes.len();
        source.consume(count);
    }
}

fn step(place: Place, byte: u8, delimiter: u8) -> Place {
    let ends = byte == delimiter || byte == b'\n' || byte == b'\r';
    match (place, byte) {
        (Place::Quoted, b'"') => Place::Closing,
        (Place::Quoted, _) => Place::Quoted,
        (Place::Start | Place::Closing, b'"') => Place::Quoted,
        _ if ends => Place::Start,
        _ => Place::Plain,
    }
}
