//! The seal of a part: the fraction of a second in its modification time, computed from its digest.
//! It is set once the bytes of the part are known to be right. Whoever writes to the file
//! afterwards changes the time and so breaks the seal, and the part is read and compared with its
//! digest before its next use. An unbroken seal costs no more than looking at the file.
//!
//! Damage that leaves the time as it was, such as a failing disk, is found by
//! [`Store::verify`](crate::Store::verify) only.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};
use sunward_core::Digest;

/// Seals are whole microseconds, which most file systems can hold.
const UNIT_NS: u32 = 1000;
const UNITS: u32 = 1_000_000_000 / UNIT_NS;

/// The fraction of a second that seals a part.
fn fraction_ns(digest: &Digest) -> i64 {
    let [a, b, c, d, ..] = digest.0;
    i64::from(u32::from_le_bytes([a, b, c, d]) % UNITS * UNIT_NS)
}

/// Seals a file. Its bytes must be those of the digest.
pub(crate) fn seal(path: &Path, digest: &Digest) -> io::Result<()> {
    let found = std::fs::symlink_metadata(path)?;
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: found.mtime(),
            tv_nsec: fraction_ns(digest),
        },
    };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Whether the seal of a file is unbroken.
pub(crate) fn is_sealed(found: &Metadata, digest: &Digest) -> bool {
    found.mtime_nsec() == fraction_ns(digest)
}

/// Parts that were read and are whole, but could not be sealed: they belong to another user, or the
/// file system does not keep times so exactly. They are known as long as the engine runs.
#[derive(Debug, Default)]
pub(crate) struct Unsealed(Mutex<BTreeMap<Digest, State>>);

/// The times and the inode of a file.
type State = ((i64, i64), (i64, i64), u64);

impl Unsealed {
    /// Whether a file is as it was when its bytes were read.
    pub(crate) fn knows(&self, digest: &Digest, found: &Metadata) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(digest) == Some(&state(found))
    }

    /// Records a file whose bytes are right.
    pub(crate) fn add(&self, digest: Digest, found: &Metadata) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(digest, state(found));
    }
}

fn state(found: &Metadata) -> State {
    (
        (found.mtime(), found.mtime_nsec()),
        (found.ctime(), found.ctime_nsec()),
        found.ino(),
    )
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_seal_breaks_when_the_file_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        for text in ["one", "two", "three"] {
            std::fs::write(&path, text).unwrap();
            let digest = Digest::of(text.as_bytes());
            let is_whole = || is_sealed(&std::fs::metadata(&path).unwrap(), &digest);
            let before = std::fs::metadata(&path).unwrap().mtime();
            assert!(!is_whole(), "it is not sealed yet");
            seal(&path, &digest).unwrap();
            assert!(is_whole());
            assert_eq!(std::fs::metadata(&path).unwrap().mtime(), before);
            let mut file = File::options().append(true).open(&path).unwrap();
            assert!(is_whole(), "opening changes nothing");
            file.write_all(b"x").unwrap();
            assert!(!is_whole());
        }
    }
}
