//! Notes about datasets outside the journal. Each note contains its key and a checksum, so that a
//! swapped, cut or changed one is detected.
//!
//! ```text
//! sunward record 1\n<hex of BLAKE3 over version, key and body>\n<hex of the key>\n<body: JSON>
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;
use sunward_core::{Digest, Hasher};

/// The first line.
const HEADER: &str = "sunward record 1";

/// A note about `key`; `None` if it cannot be encoded.
pub(crate) fn write<T: Serialize>(key: &Digest, value: &T) -> Option<Vec<u8>> {
    let body = serde_json::to_string(value).ok()?;
    let sum = checksum(key, body.as_bytes()).to_hex();
    Some(format!("{HEADER}\n{sum}\n{}\n{body}", key.to_hex()).into_bytes())
}

/// The content of a note about `key`.
///
/// # Errors
///
/// Returns why the note is not trusted.
pub(crate) fn read<T: DeserializeOwned>(key: &Digest, bytes: &[u8]) -> Result<T, &'static str> {
    let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
    let mut line = || lines.next().ok_or("it is cut short");
    if line()? != HEADER.as_bytes() {
        return Err("it has another version");
    }
    let sum = line()?;
    let named = line()?;
    let body = line()?;
    if sum != checksum(key, body).to_hex().as_bytes() {
        return Err(if named == key.to_hex().as_bytes() {
            "its checksum does not match"
        } else {
            "it belongs to another key"
        });
    }
    if named != key.to_hex().as_bytes() {
        return Err("it belongs to another key");
    }
    serde_json::from_slice(body).map_err(|_| "its content cannot be read")
}

fn checksum(key: &Digest, body: &[u8]) -> Digest {
    Hasher::new("record")
        .field("version", HEADER.as_bytes())
        .field("key", &key.0)
        .field("body", body)
        .finish()
}

#[cfg(test)]
mod tests {
    use sunward_core::{Dataset, TaskResult};

    use super::*;

    fn result(seed: &[u8]) -> TaskResult {
        TaskResult::of_cpu(vec![Dataset {
            content: Digest::of(seed),
            ..Dataset::default()
        }])
    }

    #[test]
    fn a_note_is_read_back_and_any_other_one_is_refused() {
        let (mine, other) = (Digest::of(b"mine"), Digest::of(b"other"));
        let note = write(&mine, &result(b"a")).unwrap();
        assert_eq!(read::<TaskResult>(&mine, &note).unwrap(), result(b"a"));
        assert!(read::<TaskResult>(&other, &note).is_err(), "swapped");
        for cut in 0..note.len() {
            assert!(
                read::<TaskResult>(&mine, &note[..cut]).is_err(),
                "cut at {cut}"
            );
        }
        for at in 0..note.len() {
            for bit in [1, 0x20, 0x80] {
                let mut changed = note.clone();
                changed[at] ^= bit;
                assert!(
                    read::<TaskResult>(&mine, &changed).is_err(),
                    "flipped at {at}"
                );
            }
        }
        let plain = serde_json::to_vec(&result(b"a")).unwrap();
        assert!(
            read::<TaskResult>(&mine, &plain).is_err(),
            "of an older version"
        );
    }
}
