//! Reserved disk space, for use when the disk is full: the journal must write before anything can
//! be deleted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use sunward_files::private;

/// Enough for the journal's index and some groups of facts.
const BYTES: u64 = 2 << 20;

/// Space is reserved only if this much is free.
const ROOMY: u64 = 64 << 20;

fn place(home: &Path) -> PathBuf {
    home.join("store").join("reserve")
}

/// Reserves the space if it is not reserved yet. Without it, only pruning a full disk may fail.
pub(crate) fn take(home: &Path) {
    let path = place(home);
    let taken = fs::metadata(&path).is_ok_and(|found| found.len() == BYTES);
    // On a small or nearly full disk the space is of more use to others. The store may be on
    // another disk.
    let disk = path.parent().unwrap_or(home);
    let roomy = statvfs(disk).is_ok_and(|disk| disk.f_bavail * disk.f_frsize >= ROOMY);
    if taken || !roomy {
        return;
    }
    let allocate = || -> io::Result<()> {
        let file = private::create(&path)?;
        Ok(fallocate(&file, FallocateFlags::empty(), 0, BYTES)?)
    };
    if let Err(error) = allocate() {
        tracing::debug!(%error, "no space is reserved for pruning a full disk");
        let _ = fs::remove_file(&path);
    }
}

/// Releases the space, so that a full disk can be written. The next open of the store reserves it
/// again.
pub fn give_back(home: &Path) {
    let _ = fs::remove_file(place(home));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_real_space_and_is_given_back() {
        use std::os::unix::fs::MetadataExt as _;
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("store")).unwrap();
        take(home.path());
        let found = fs::metadata(place(home.path())).unwrap();
        assert!(found.blocks() * 512 >= BYTES);
        take(home.path());
        give_back(home.path());
        assert!(!place(home.path()).exists());
    }
}
