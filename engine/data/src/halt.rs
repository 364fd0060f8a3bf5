//! Stops reading and hashing before the end of a file.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sunward_core::Digest;

use crate::error::DataError;

/// Bytes hashed between two looks at the flag.
const BLOCK_BYTES: usize = 16 << 20;

/// The flag that a caller sets to stop the current work. Without one, nothing stops it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Halt(Option<Arc<AtomicBool>>);

/// The cause of an [`io::Error`] from a reader that was stopped.
#[derive(Debug, thiserror::Error)]
#[error("it was stopped")]
struct StoppedRead;

impl Halt {
    pub(crate) fn by(flag: &Arc<AtomicBool>) -> Self {
        Self(Some(Arc::clone(flag)))
    }

    /// Fails once the flag is set.
    pub(crate) fn go_on(&self) -> Result<(), DataError> {
        match &self.0 {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(DataError::Stopped),
            _ => Ok(()),
        }
    }

    /// The digest of some bytes.
    pub(crate) fn digest(&self, bytes: &[u8]) -> Result<Digest, DataError> {
        let mut hasher = blake3::Hasher::new();
        for block in bytes.chunks(BLOCK_BYTES) {
            self.go_on()?;
            hasher.update(block);
        }
        Ok(Digest(*hasher.finalize().as_bytes()))
    }

    /// The same reader, but it fails once the flag is set. [`was_stopped`] recognizes the error.
    pub(crate) fn reader<R: Read>(&self, source: R) -> Halting<R> {
        Halting {
            source,
            halt: self.clone(),
        }
    }
}

/// Whether a reader failed because it was stopped.
pub(crate) fn was_stopped(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|cause| cause.is::<StoppedRead>())
}

/// A reader that can be stopped.
pub(crate) struct Halting<R> {
    source: R,
    halt: Halt,
}

impl<R: Read> Read for Halting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.halt.go_on() {
            Ok(()) => self.source.read(buffer),
            Err(_) => Err(io::Error::other(StoppedRead)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets a flag while it is read for the second time.
    struct Setting(Arc<AtomicBool>, usize);

    impl Read for Setting {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            self.0.store(self.1 == 2, Ordering::Relaxed);
            buffer.fill(b'x');
            Ok(buffer.len())
        }
    }

    #[test]
    fn endless_reading_stops_at_the_next_block() {
        let flag = Arc::new(AtomicBool::new(false));
        let source = Setting(Arc::clone(&flag), 0);
        let mut reader = Halt::by(&flag).reader(source);
        let error = io::copy(&mut reader, &mut io::sink()).unwrap_err();
        assert!(was_stopped(&error), "{error}");
        assert_eq!(reader.source.1, 2);
    }

    #[test]
    fn a_digest_in_blocks_is_the_digest_of_the_whole() {
        let bytes = vec![7; BLOCK_BYTES + 1];
        let flag = Arc::new(AtomicBool::new(false));
        let halt = Halt::by(&flag);
        assert_eq!(halt.digest(&bytes).unwrap(), Digest::of(&bytes));
        assert_eq!(halt.digest(&[]).unwrap(), Digest::of(&[]));
        flag.store(true, Ordering::Relaxed);
        assert!(matches!(halt.digest(&bytes), Err(DataError::Stopped)));
    }
}
