//! Encodes facts as bytes: one version byte, a checksum, then the facts.
//!
//! Bodies carry no count, so concatenated bodies are a body. Archives are therefore made without
//! decoding.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sunward_core::Fact;

use crate::error::StateError;

/// The format's version. It changes with the encoding of facts and with the tables that hold them.
pub(crate) const VERSION: u8 = 6;

/// Bytes of BLAKE3 that are kept as checksum. It detects torn pages; it does not stop forgery.
const CHECKSUM_BYTES: usize = 8;

/// Bytes of version and checksum.
const HEADER_BYTES: usize = 1 + CHECKSUM_BYTES;

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

    /// Returns the finished blob and resets the writer.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::replace(&mut self.bytes, vec![0; HEADER_BYTES]);
        seal(&mut bytes);
        bytes
    }
}

/// Encodes any value as one blob.
///
/// # Errors
///
/// Fails if the value cannot be encoded.
pub fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, StateError> {
    let mut bytes =
        postcard::to_extend(value, vec![0; HEADER_BYTES]).map_err(|error| StateError::Encode {
            what,
            why: error.to_string(),
        })?;
    seal(&mut bytes);
    Ok(bytes)
}

/// Decodes a value that [`encode`] wrote.
///
/// # Errors
///
/// Returns a sentence that says what is wrong with the blob.
pub fn decode<T: DeserializeOwned>(blob: &[u8]) -> Result<T, Cow<'static, str>> {
    postcard::from_bytes(body(blob)?).map_err(|error| Cow::Owned(unreadable(&error)))
}

/// Passes every fact of a blob to `each`, in order.
///
/// # Errors
///
/// Returns a sentence that says what is wrong with the blob.
pub fn each_fact(blob: &[u8], mut each: impl FnMut(Fact)) -> Result<(), Cow<'static, str>> {
    let mut rest = body(blob)?;
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
pub fn body(blob: &[u8]) -> Result<&[u8], Cow<'static, str>> {
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
    if header[1..] != checksum(body) {
        return Err(Cow::Borrowed("its bytes do not match their checksum"));
    }
    Ok(body)
}

fn unreadable(error: &postcard::Error) -> String {
    format!("its checksum is correct, but its content cannot be read ({error})")
}

fn seal(bytes: &mut [u8]) {
    if let Some((header, body)) = bytes.split_at_mut_checked(HEADER_BYTES) {
        header[0] = VERSION;
        header[1..].copy_from_slice(&checksum(body));
    }
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&blake3::hash(body).as_bytes()[..CHECKSUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use sunward_core::WorkerId;

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
        for blob in [first.finish(), second.finish()] {
            both.push_body(body(&blob).unwrap());
        }
        let mut facts = Vec::new();
        each_fact(&both.finish(), |fact| facts.push(fact)).unwrap();
        assert_eq!(facts, [lost(1), lost(2)]);
    }

    #[test]
    fn one_changed_bit_anywhere_is_noticed() {
        let mut writer = BlobWriter::default();
        writer.push(&lost(300)).unwrap();
        let blob = writer.finish();
        for place in 0..blob.len() {
            let mut torn = blob.clone();
            torn[place] ^= 4;
            assert!(body(&torn).is_err(), "byte {place}");
            assert!(body(&blob[..place]).is_err(), "cut at {place}");
        }
    }
}
