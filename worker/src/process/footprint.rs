//! Measures how much disk space a command's folders take.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The unit of the block counts in file metadata. It does not depend on the file system's block
/// size.
const BLOCK_BYTES: u64 = 512;

/// Returns the bytes on disk of all files below a folder. Links are not followed, holes do not
/// count, and a file with several names counts once. Files that vanish meanwhile or may not be read
/// do not count.
pub(crate) fn bytes_below(folder: &Path) -> u64 {
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
