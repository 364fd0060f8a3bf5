//! Measures how much disk space a command's folders take, and compares it with the declared limit.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The unit of the block counts in file metadata. It does not depend on the file system's block
/// size.
const BLOCK_BYTES: u64 = 512;

/// How much disk space a command may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskLimit {
    bytes: u64,
    /// What its folders took before it started: inputs and staged files.
    given_bytes: u64,
}

impl DiskLimit {
    /// The limit of a command in this folder. Call this before the command starts, because what it
    /// wrote by then would not count.
    pub(crate) fn new(bytes: u64, folder: &Path) -> Self {
        Self {
            bytes,
            given_bytes: bytes_below(folder),
        }
    }

    /// The bytes that the command takes in its folder and in its checkpoint folder, if they are
    /// more than the limit.
    pub(super) fn exceeded(&self, folder: &Path, checkpoint: Option<&Path>) -> Option<u64> {
        let used = bytes_below(folder)
            .saturating_sub(self.given_bytes)
            .saturating_add(checkpoint.map_or(0, bytes_below));
        (used > self.bytes).then_some(used)
    }
}

/// Returns the bytes on disk of all files below a folder. Links are not followed, holes do not
/// count, and a file with several names counts once. Files that vanish meanwhile or may not be read
/// do not count.
fn bytes_below(folder: &Path) -> u64 {
    let mut seen = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    let mut blocks = 0_u64;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else {
                continue;
            };
            if meta.is_dir() {
                folders.push(entry.path());
            } else if meta.nlink() < 2 || seen.insert(identity(&meta)) {
                blocks = blocks.saturating_add(meta.blocks());
            }
        }
    }
    blocks.saturating_mul(BLOCK_BYTES)
}

fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_the_start_does_not_count_and_all_that_came_later_does() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = tempfile::tempdir().unwrap();
        let write = |path: &Path, mebibytes: usize| {
            fs::write(path, vec![7; mebibytes << 20]).unwrap();
            fs::File::open(path).unwrap().sync_all().unwrap();
        };
        write(&folder.path().join("given"), 3);
        let limit = DiskLimit::new(2 << 20, folder.path());
        let exceeded = |checkpoint| limit.exceeded(folder.path(), checkpoint);
        assert_eq!(exceeded(None), None);
        write(&folder.path().join("one"), 1);
        assert_eq!(exceeded(None), None);
        write(&checkpoint.path().join("kept"), 2);
        let used = exceeded(Some(checkpoint.path())).unwrap();
        assert!((3 << 20..4 << 20).contains(&used), "{used}");
        write(&folder.path().join("two"), 2);
        assert!(exceeded(None).is_some());
    }

    #[test]
    fn files_count_once_and_by_what_they_take() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let content = vec![7; 1 << 20];
        fs::write(inner.join("one"), &content).unwrap();
        fs::hard_link(inner.join("one"), folder.path().join("again")).unwrap();
        fs::write(other.path().join("elsewhere"), &content).unwrap();
        std::os::unix::fs::symlink(other.path(), folder.path().join("link")).unwrap();
        let hole = fs::File::create(folder.path().join("hole")).unwrap();
        hole.set_len(1 << 30).unwrap();
        for file in [inner.join("one"), folder.path().join("hole")] {
            fs::File::open(file).unwrap().sync_all().unwrap();
        }
        let bytes = bytes_below(folder.path());
        assert!((1 << 20..3 << 19).contains(&bytes), "{bytes}");
        assert_eq!(bytes_below(&folder.path().join("not there")), 0);
    }
}
