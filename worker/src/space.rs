//! Space on a disk: what a file system holds and what is free of it.

use std::path::Path;

/// Below this a disk counts as full: no healthy one has so little, and a write that failed for
/// want of space seldom leaves more.
const FULL_BELOW_BYTES: u64 = 64 << 10;

/// The space of one file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total_bytes: u64,
    /// What this process may still write.
    pub free_bytes: u64,
}

impl Space {
    /// That of the file system which holds `path`, or the nearest folder above it that exists;
    /// nothing where the system does not say.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        let path = std::path::absolute(path).ok()?;
        let there = path.ancestors().find(|folder| folder.exists())?;
        let stat = rustix::fs::statvfs(there).ok()?;
        // Some blocks are kept for root, who may use them.
        let free_blocks = if rustix::process::geteuid().is_root() {
            stat.f_bfree
        } else {
            stat.f_bavail
        };
        Some(Self {
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
            free_bytes: free_blocks.saturating_mul(stat.f_frsize),
        })
        // Some file systems (of containers, of networks) do not count: they say that they have none.
        .filter(|space| space.total_bytes > 0)
    }

    /// Whether there is no space left to speak of.
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
