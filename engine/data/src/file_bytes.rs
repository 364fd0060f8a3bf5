//! Reads files that others may change meanwhile. A map of such a file would end the process by a
//! signal once the file gets shorter. So only complete parts of the store are mapped, and all else
//! is read here: a file that got shorter is an error.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use arrow::buffer::{Buffer, MutableBuffer};
use sunward_core::Digest;
use sunward_files::open_regular;

use crate::error::DataError;
use crate::halt::Halt;

/// Bytes read at a time for a digest.
const BLOCK_BYTES: usize = 1 << 20;

/// An open file, and its length when it was opened.
#[derive(Debug)]
pub(crate) struct FileBytes {
    file: File,
    length: u64,
}

impl FileBytes {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let file = open_regular(path).map_err(DataError::io("open", path))?;
        let length = file.metadata().map_err(DataError::io("read", path))?.len();
        Ok(Self { file, length })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Reads a range. The range must be within the length at the opening, so that a wrong number
    /// in the file asks for no more memory than the file has bytes.
    pub(crate) fn read(&self, at: u64, length: usize) -> io::Result<Buffer> {
        let end = u64::try_from(length).ok().and_then(|n| at.checked_add(n));
        if end.is_none_or(|end| end > self.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = MutableBuffer::from_len_zeroed(length);
        self.file.read_exact_at(bytes.as_slice_mut(), at)?;
        Ok(bytes.into())
    }

    /// The first bytes of a range that may be shorter than asked for.
    pub(crate) fn word<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let mut word = [0; N];
        self.file.read_exact_at(&mut word, at).ok()?;
        Some(word)
    }

    /// The digest of the bytes that were there when the file was opened.
    pub(crate) fn digest(&self, path: &Path, halt: &Halt) -> Result<Digest, DataError> {
        let mut hasher = blake3::Hasher::new();
        // Of many small files, filling whole blocks with zeros would take longer than reading them.
        let longest = usize::try_from(self.length).unwrap_or(usize::MAX);
        let mut block = vec![0; longest.min(BLOCK_BYTES)];
        let mut at = 0;
        while at < self.length {
            halt.go_on()?;
            let rest = usize::try_from(self.length - at).unwrap_or(usize::MAX);
            let block = &mut block[..rest.min(BLOCK_BYTES)];
            self.file
                .read_exact_at(block, at)
                .map_err(|error| unread(path, error))?;
            hasher.update(block);
            at += u64::try_from(block.len()).unwrap_or(0);
        }
        Ok(Digest(*hasher.finalize().as_bytes()))
    }
}

/// The digest and the length of a file.
pub(crate) fn digest_of(path: &Path, halt: &Halt) -> Result<(Digest, u64), DataError> {
    let file = FileBytes::open(path)?;
    Ok((file.digest(path, halt)?, file.length()))
}

/// Whether two files have the same bytes.
pub(crate) fn are_equal(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (open_regular(one)?, open_regular(other)?);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let block = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
    loop {
        a.clear();
        b.clear();
        one.by_ref().take(block).read_to_end(&mut a)?;
        other.by_ref().take(block).read_to_end(&mut b)?;
        if a != b || a.is_empty() {
            return Ok(a == b);
        }
    }
}

/// What is wrong with a file that could not be read, as part of a message.
pub(crate) fn fault(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it became shorter while it was read".to_owned(),
        _ => format!("it cannot be read ({error})"),
    }
}

/// The error of reading a file. That it became shorter is a mistake of whoever writes it.
fn unread(path: &Path, error: io::Error) -> DataError {
    if error.kind() != io::ErrorKind::UnexpectedEof {
        return DataError::io("read", path)(error);
    }
    DataError::Format {
        path: path.to_owned(),
        expected: "settled file",
        found: fault(&error),
        hint: "run again once the file is complete, and nothing writes to it".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_gets_shorter_while_it_is_read_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let whole = vec![7; 3 * BLOCK_BYTES];
        for left in [0, 1, BLOCK_BYTES, whole.len() - 1] {
            std::fs::write(file.path(), &whole).unwrap();
            let open = FileBytes::open(file.path()).unwrap();
            file.as_file()
                .set_len(u64::try_from(left).unwrap())
                .unwrap();
            let error = open.digest(file.path(), &Halt::default()).unwrap_err();
            assert_eq!(error.blame(), sunward_core::Blame::User, "{error}");
            assert!(error.to_string().contains("became shorter"), "{error}");
            assert!(open.read(0, whole.len()).is_err());
            assert!(open.read(0, left).is_ok());
        }
        std::fs::write(file.path(), &whole).unwrap();
        let (digest, bytes) = digest_of(file.path(), &Halt::default()).unwrap();
        assert_eq!(digest, Digest::of(&whole));
        assert_eq!(bytes, u64::try_from(whole.len()).unwrap());
        let open = FileBytes::open(file.path()).unwrap();
        assert!(open.read(bytes, 1).is_err() && open.read(u64::MAX, 1).is_err());
    }

    #[test]
    fn files_are_equal_if_all_their_bytes_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let long = vec![1; 2 * BLOCK_BYTES];
        let one = path("one", &long);
        assert!(are_equal(&one, &path("same", &long)).unwrap());
        assert!(!are_equal(&one, &path("short", &long[1..])).unwrap());
        let mut other = long.clone();
        *other.last_mut().unwrap() = 2;
        assert!(!are_equal(&one, &path("other", &other)).unwrap());
        assert!(are_equal(&path("e", b""), &path("f", b"")).unwrap());
    }
}
