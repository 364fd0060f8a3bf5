//! Whether a part is trusted without being read. Parts that an engine wrote and made durable are
//! trusted until an engine ends uncleanly. From then on, each existing part is read once before it
//! is trusted again.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use sunward_core::Digest;
use sunward_files::private;

use crate::error::DataError;

/// The file that records the doubt. Parts that are older than it are in doubt.
const MARK: &str = "unclean";
/// Bytes of one digest in it.
const DIGEST_BYTES: usize = 32;

/// The trust in one store's parts.
#[derive(Debug)]
pub(crate) struct Trust {
    path: PathBuf,
    doubt: Mutex<Option<Doubt>>,
}

/// Parts written before this moment are in doubt.
#[derive(Debug)]
struct Doubt {
    before: SystemTime,
    read: BTreeSet<Digest>,
    /// The file that records digests of verified parts. Without it the next engine reads them
    /// again.
    notes: Option<File>,
}

impl Trust {
    /// The trust as the last engine left it.
    pub(crate) fn open(root: &Path) -> Self {
        let path = root.join(MARK);
        let doubt = recall(&path);
        Self {
            path,
            doubt: Mutex::new(doubt),
        }
    }

    /// Puts all existing parts in doubt, because the last engine ended uncleanly.
    pub(crate) fn doubt_all(&self) -> Result<(), DataError> {
        // Records of an earlier doubt are deleted first, so that they do not count for this one.
        let _ = fs::remove_file(self.path.with_extension("read"));
        // A new file has a new time, from the disk's own clock.
        let temporary = self.path.with_extension("new");
        let mark = private::create(&temporary)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&temporary, &self.path));
        mark.map_err(DataError::io("write", &self.path))?;
        *self.lock() = recall(&self.path);
        Ok(())
    }

    /// Whether anything is in doubt.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.lock().is_some()
    }

    /// Whether a part of that age must be read before it is trusted.
    pub(crate) fn doubts(&self, digest: &Digest, written: SystemTime) -> bool {
        // The fraction of the time is the seal of the part.
        let written = whole_seconds(written);
        self.lock()
            .as_ref()
            .is_some_and(|doubt| written <= doubt.before && !doubt.read.contains(digest))
    }

    /// Records that a part was read and is whole.
    pub(crate) fn believe(&self, digest: Digest) {
        if let Some(doubt) = &mut *self.lock()
            && doubt.read.insert(digest)
            && let Some(notes) = &mut doubt.notes
            && notes.write_all(&digest.0).is_err()
        {
            doubt.notes = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Doubt>> {
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let fraction = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    time - Duration::from_nanos(fraction.into())
}

/// The doubt that a mark records. The mark's time is that of its creation.
fn recall(path: &Path) -> Option<Doubt> {
    let found = fs::metadata(path).ok()?;
    let notes_path = path.with_extension("read");
    let before = found.modified().ok()?;
    // Records older than the mark belong to an earlier doubt.
    let fresh = fs::metadata(&notes_path)
        .and_then(|notes| notes.modified())
        .is_ok_and(|at| at >= before);
    let bytes = if fresh {
        fs::read(&notes_path).unwrap_or_default()
    } else {
        Vec::new()
    };
    let (digests, _) = bytes.as_chunks::<DIGEST_BYTES>();
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    options.append(fresh).truncate(!fresh);
    let notes = private::open(&notes_path, &mut options).ok();
    Some(Doubt {
        before,
        read: digests.iter().map(|bytes| Digest(*bytes)).collect(),
        notes,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn doubt_is_about_what_was_there_and_ends_with_reading() {
        let folder = tempfile::tempdir().unwrap();
        let (old, read) = (Digest::of(b"old"), Digest::of(b"read"));
        let before = SystemTime::now() - Duration::from_secs(60);
        let later = SystemTime::now() + Duration::from_secs(60);
        let trust = Trust::open(folder.path());
        assert!(!trust.is_in_doubt() && !trust.doubts(&old, before));
        trust.doubt_all().unwrap();
        assert!(trust.doubts(&old, before) && !trust.doubts(&old, later));
        trust.believe(read);
        assert!(!trust.doubts(&read, before));
        // The next engine continues with the same doubts.
        let next = Trust::open(folder.path());
        assert!(next.doubts(&old, before) && !next.doubts(&read, before));
        // It ends uncleanly, too.
        next.doubt_all().unwrap();
        assert!(next.doubts(&read, before));
        assert!(Trust::open(folder.path()).doubts(&read, before));
        for entry in fs::read_dir(folder.path()).unwrap().flatten() {
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o007, 0, "{:?} is open to others", entry.path());
        }
    }
}
