//! Disk space: the size of a file system and its free space.

use std::path::Path;

/// With less than this a disk counts as full. Healthy disks have more, and a write that failed for
/// lack of space rarely leaves more.
const FULL_BELOW_BYTES: u64 = 64 << 10;

/// The space of one file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Its size.
    pub total_bytes: u64,
    /// What this process may still write.
    pub free_bytes: u64,
}

impl Space {
    /// The space of the file system that holds `path`, or the nearest existing folder above it;
    /// `None` if the system does not report it.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        let path = std::path::absolute(path).ok()?;
        let there = path.ancestors().find(|folder| folder.exists())?;
        let stat = rustix::fs::statvfs(there).ok()?;
        // Some blocks are reserved for root.
        let free_blocks = if rustix::process::geteuid().is_root() {
            stat.f_bfree
        } else {
            stat.f_bavail
        };
        Some(Self {
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
            free_bytes: free_blocks.saturating_mul(stat.f_frsize),
        })
        // Some file systems (of containers, of networks) report no size.
        .filter(|space| space.total_bytes > 0)
    }

    /// Whether there is practically no space left.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.free_bytes < FULL_BELOW_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_space_of_the_one_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space::at(&folder.path().join("not/yet")).unwrap();
        assert_eq!(
            space.total_bytes,
            Space::at(folder.path()).unwrap().total_bytes
        );
        assert!(space.free_bytes <= space.total_bytes);
    }
}
