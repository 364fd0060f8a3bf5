//! The unit of writing: facts, and what is remembered with them.

use sunward_core::{Dataset, Digest, Fact, TaskResult, Timestamp};

/// The position of a group in the journal. Later groups have greater positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// What becomes durable together, or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// When the group was formed. It is the time of use of the results in it.
    pub at: Timestamp,
    /// The facts, in the order in which they became true.
    pub facts: Vec<Fact>,
    /// Results that other runs may use, by task key.
    pub results: Vec<(Digest, TaskResult)>,
    /// Keys of results that were used again.
    pub used: Vec<Digest>,
    /// Contents of local files that were read.
    pub files: Vec<FileRecord>,
}

impl Group {
    /// True if writing the group would change nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.facts.is_empty()
            && self.results.is_empty()
            && self.used.is_empty()
            && self.files.is_empty()
    }
}

/// A file's metadata. If it is unchanged, the file is taken to be unchanged and is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// The device number.
    pub device: u64,
    /// The inode number.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// Last change of its content, in nanoseconds since the epoch.
    pub mtime_ns: i64,
    /// Last change of its inode, in nanoseconds since the epoch.
    pub ctime_ns: i64,
}

/// The content of a local file, read in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRecord {
    /// The file's metadata when it was read.
    pub stamp: FileStamp,
    /// How it was read: format, variable, columns. A file may be read in several ways.
    pub reading: Digest,
    /// The content.
    pub dataset: Dataset,
}
