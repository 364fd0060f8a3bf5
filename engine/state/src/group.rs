//! What is written at once: facts, and what they let be remembered.

use sunward_core::{Dataset, Digest, Fact, TaskResult, Timestamp};

/// Where a group stands in the journal. Later groups have greater positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// What becomes durable together, or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// When it was formed; the time of use of the results in it.
    pub at: Timestamp,
    /// Facts, in the order in which they became true.
    pub facts: Vec<Fact>,
    /// Results that other runs may use, by task key.
    pub results: Vec<(Digest, TaskResult)>,
    /// Keys of results that were used again.
    pub used: Vec<Digest>,
    /// What local files were found to hold.
    pub files: Vec<FileRecord>,
}

impl Group {
    /// True when writing it would change nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.facts.is_empty()
            && self.results.is_empty()
            && self.used.is_empty()
            && self.files.is_empty()
    }
}

/// What tells an unchanged local file from a changed one without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// Last change of its content, nanoseconds since the epoch.
    pub mtime_ns: i64,
    /// Last change of its inode, nanoseconds since the epoch.
    pub ctime_ns: i64,
}

/// What a local file was found to hold, read in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRecord {
    /// The file as it was.
    pub stamp: FileStamp,
    /// How it was read: format, variable, columns. One file may be read in several ways.
    pub reading: Digest,
    /// What it holds.
    pub dataset: Dataset,
}
