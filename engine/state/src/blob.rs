//! Encodes facts as bytes: one version byte, a checksum, then the facts.
//!
//! The checksum also covers the row that holds the blob, so that two swapped blobs are detected.
//!
//! Bodies carry no count, so concatenated bodies are a body. Archives are therefore made without
//! decoding.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sunward_core::{Digest, Fact};

use crate::error::StateError;
use crate::group::FileStamp;

/// The format's version. It changes with the encoding of facts and with the tables that hold them.
pub(crate) const VERSION: u8 = 14;

/// Bytes of BLAKE3 that are kept as checksum. It detects torn pages; it does not stop forgery.
const CHECKSUM_BYTES: usize = 8;

/// Bytes of version and checksum.
const HEADER_BYTES: usize = 1 + CHECKSUM_BYTES;

/// The row that holds a blob.
#[derive(Clone, Copy, Debug)]
pub enum Home<'a> {
    /// A row of the live journal.
    Journal {
        /// Its position.
        position: i64,
        /// The run that its facts are about; 0 if about workers.
        run: i64,
    },
    /// A chunk of a finished run.
    Archive {
        /// The run.
        run: i64,
        /// The number of the chunk.
        chunk: i64,
    },
    /// The snapshot of the state.
    Snapshot {
        /// The position of the last fact in it.
        position: i64,
    },
    /// What one way of reading a file gave.
    File {
        /// The file as it was.
        stamp: &'a FileStamp,
        /// The way of reading.
        reading: &'a Digest,
    },
}

impl Home<'_> {
    fn write(&self, hasher: &mut blake3::Hasher) {
        let mut numbers = |table: u8, all: &[i64]| {
            hasher.update(&[table]);
            for number in all {
                hasher.update(&number.to_le_bytes());
            }
        };
        match self {
            Self::Journal { position, run } => numbers(0, &[*position, *run]),
            Self::Archive { run, chunk } => numbers(1, &[*run, *chunk]),
            Self::Snapshot { position } => numbers(2, &[*position]),
            Self::File { stamp, reading } => {
                let (device, inode) = (stamp.device.cast_signed(), stamp.inode.cast_signed());
                let size = stamp.size.cast_signed();
                numbers(3, &[device, inode, size, stamp.mtime_ns, stamp.ctime_ns]);
                hasher.update(&reading.0);
            }
        }
    }
}

/// A blob under construction.
#[derive(Debug)]
pub struct BlobWriter {
    bytes: Vec<u8>,
}

impl Default for BlobWriter {
    fn default() -> Self {
        Self {
            bytes: vec![0; HEADER_BYTES],
        }
    }
}

impl BlobWriter {
    /// Adds one fact.
    ///
    /// # Errors
    ///
    /// Fails if the fact cannot be encoded.
    pub fn push(&mut self, fact: &Fact) -> Result<(), StateError> {
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes = postcard::to_extend(fact, bytes).map_err(|error| StateError::Encode {
            what: "a fact",
            why: error.to_string(),
        })?;
        Ok(())
    }

    /// Adds the facts of another blob's body.
    pub fn push_body(&mut self, body: &[u8]) {
        self.bytes.extend_from_slice(body);
    }

    /// The number of bytes so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True if no fact was added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.len() <= HEADER_BYTES
    }

    /// Returns the finished blob for a row and resets the writer.
    #[must_use]
    pub fn finish(&mut self, home: Home<'_>) -> Vec<u8> {
        let mut bytes = std::mem::replace(&mut self.bytes, vec![0; HEADER_BYTES]);
        seal(&mut bytes, home);
        bytes
    }
}

/// Encodes any value as one blob.
///
/// # Errors
///
/// Fails if the value cannot be encoded.
pub fn encode<T: Serialize>(
    what: &'static str,
    value: &T,
    home: Home<'_>,
) -> Result<Vec<u8>, StateError> {
    let mut bytes =
        postcard::to_extend(value, vec![0; HEADER_BYTES]).map_err(|error| StateError::Encode {
            what,
            why: error.to_string(),
        })?;
    seal(&mut bytes, home);
    Ok(bytes)
}

/// Decodes a value that [`encode`] wrote.
///
/// # Errors
///
/// Returns a sentence that says what is wrong with the blob.
pub fn decode<T: DeserializeOwned>(blob: &[u8], home: Home<'_>) -> Result<T, Cow<'static, str>> {
    postcard::from_bytes(body(blob, home)?).map_err(|error| Cow::Owned(unreadable(&error)))
}

/// Passes every fact of a blob to `each`, in order.
///
/// # Errors
///
/// Returns a sentence that says what is wrong with the blob.
pub fn each_fact(
    blob: &[u8],
    home: Home<'_>,
    mut each: impl FnMut(Fact),
) -> Result<(), Cow<'static, str>> {
    let mut rest = body(blob, home)?;
    while !rest.is_empty() {
        let (fact, tail) =
            postcard::take_from_bytes(rest).map_err(|error| Cow::Owned(unreadable(&error)))?;
        each(fact);
        rest = tail;
    }
    Ok(())
}

/// The encoded facts of a blob whose checksum is right.
///
/// # Errors
///
/// Returns a sentence that says what is wrong with the blob.
pub fn body<'b>(blob: &'b [u8], home: Home<'_>) -> Result<&'b [u8], Cow<'static, str>> {
    let Some((header, body)) = blob.split_at_checked(HEADER_BYTES) else {
        return Err(Cow::Owned(format!(
            "it has {} bytes, fewer than its header",
            blob.len()
        )));
    };
    if header[0] != VERSION {
        return Err(Cow::Owned(format!(
            "it has format {}, in a state of format {VERSION}",
            header[0]
        )));
    }
    if header[1..] != checksum(body, home) {
        return Err(Cow::Borrowed(
            "its bytes do not match their checksum, or belong to another row",
        ));
    }
    Ok(body)
}

fn unreadable(error: &postcard::Error) -> String {
    format!("its checksum is correct, but its content cannot be read ({error})")
}

fn seal(bytes: &mut [u8], home: Home<'_>) {
    if let Some((header, body)) = bytes.split_at_mut_checked(HEADER_BYTES) {
        header[0] = VERSION;
        header[1..].copy_from_slice(&checksum(body, home));
    }
}

fn checksum(body: &[u8], home: Home<'_>) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    home.write(&mut hasher);
    hasher.update(body);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sunward_core::place::{Outlook, PoolOutlook, SignalKind, ZoneOutlook};
    use sunward_core::{Actuals, Quarter, RunId, Timestamp, WorkerId};

    use super::*;

    const ROW: Home<'_> = Home::Journal {
        position: 7,
        run: 1,
    };

    fn lost(worker: u32) -> Fact {
        Fact::WorkerLost {
            worker: WorkerId(worker),
        }
    }

    #[test]
    fn bodies_put_together_are_a_body() {
        let (mut first, mut second) = (BlobWriter::default(), BlobWriter::default());
        first.push(&lost(1)).unwrap();
        second.push(&lost(2)).unwrap();
        let mut both = BlobWriter::default();
        for blob in [first.finish(ROW), second.finish(ROW)] {
            both.push_body(body(&blob, ROW).unwrap());
        }
        let mut facts = Vec::new();
        each_fact(&both.finish(ROW), ROW, |fact| facts.push(fact)).unwrap();
        assert_eq!(facts, [lost(1), lost(2)]);
    }

    /// The bytes are those of this format. If they change, so must its version.
    #[test]
    fn grids_in_a_journal_are_read_as_they_were_written() {
        let zone = ZoneOutlook {
            zone: "A".into(),
            source: "s".into(),
            observed_until: Timestamp(3),
            stale: true,
            kind: SignalKind::Marginal,
            intensity_mg_per_kwh: vec![1],
            error_permille: vec![2],
            low_mg_per_kwh: vec![0],
            high_mg_per_kwh: vec![4],
            marginal_mg_per_kwh: Vec::new(),
            surplus: vec![true],
        };
        let outlook = Outlook {
            issued_at: Timestamp(5),
            slot_ms: 7,
            first_slot: 9,
            zones: vec![zone],
            pools: vec![PoolOutlook {
                gpus: vec![4],
                cpus: Vec::new(),
            }],
        };
        let actuals = Actuals {
            zone: "A".into(),
            source: "m".into(),
            first: Quarter(6),
            values: vec![(8, None, false)],
        };
        let expected = [
            Fact::OutlookKnown {
                outlook: Arc::new(outlook),
            },
            Fact::ActualsKnown { actuals },
            Fact::ResultsLost {
                run: RunId(1),
                stages: Vec::new(),
            },
        ];
        let outlook = [
            23, 5, 7, 9, 1, 1, b'A', 1, b's', 3, 1, 1, 1, 1, 1, 2, 1, 0, 1, 4, 0, 1, 1, 1, 1, 4, 0,
        ];
        let actuals = [28, 1, b'A', 1, b'm', 6, 1, 8, 0, 0];
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend([&outlook[..], &actuals, &[31, 1, 0]].concat());
        seal(&mut bytes, ROW);
        let mut facts = Vec::new();
        each_fact(&bytes, ROW, |fact| facts.push(fact)).unwrap();
        assert_eq!(facts, expected);
    }

    #[test]
    fn one_changed_bit_anywhere_is_noticed() {
        let mut writer = BlobWriter::default();
        writer.push(&lost(300)).unwrap();
        let blob = writer.finish(ROW);
        for place in 0..blob.len() {
            let mut torn = blob.clone();
            torn[place] ^= 4;
            assert!(body(&torn, ROW).is_err(), "byte {place}");
            assert!(body(&blob[..place], ROW).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn a_blob_in_another_row_is_noticed() {
        let stamp = FileStamp {
            device: 1,
            inode: 7,
            size: 1,
            mtime_ns: 7,
            ctime_ns: 1,
        };
        let (reading, other_reading) = (Digest([1; 32]), Digest([2; 32]));
        let later = FileStamp {
            mtime_ns: 8,
            ..stamp
        };
        let file = |stamp, reading| Home::File { stamp, reading };
        let journal = |position, run| Home::Journal { position, run };
        let archive = |run, chunk| Home::Archive { run, chunk };
        let rows = [
            journal(7, 1),
            journal(7, 2),
            journal(8, 1),
            archive(7, 1),
            archive(7, 2),
            archive(8, 1),
            Home::Snapshot { position: 7 },
            Home::Snapshot { position: 8 },
            file(&stamp, &reading),
            file(&stamp, &other_reading),
            file(&later, &reading),
        ];
        for (at, written) in rows.iter().enumerate() {
            let blob = encode("a number", &300_u32, *written).unwrap();
            for (from, read) in rows.iter().enumerate() {
                let number = decode::<u32>(&blob, *read).ok();
                let expected = (at == from).then_some(300);
                assert_eq!(number, expected, "{written:?} read as {read:?}");
            }
        }
    }
}
