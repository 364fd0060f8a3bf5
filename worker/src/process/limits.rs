//! The limits of a command: time, memory and disk space.

use std::path::Path;
use std::time::Instant;

use super::footprint::bytes_below;

/// The limits of a command.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) until: Option<Instant>,
    pub(crate) memory_bytes: Option<u64>,
    /// The disk space that it may take in its folders.
    pub(crate) disk: Option<DiskLimit>,
}

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

#[cfg(test)]
mod tests {
    use std::fs;

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
}
