//! What is remembered of users' files, so that one that has not changed is neither read nor hashed
//! again.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sunward_core::{Dataset, Digest};

use crate::error::DataError;

/// A file that changed less than this ago may change again without its times showing it: clocks of
/// file systems tick in milliseconds, some in seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// What tells an unchanged file from a changed one without reading it, and how it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Digest of how it was read: format, variable, columns.
    pub reading: Digest,
}

impl FileStamp {
    /// Of a file as it is now.
    ///
    /// # Errors
    /// When it is not there or may not be looked at.
    pub fn of(path: &Path, reading: Digest) -> Result<Self, DataError> {
        let found = fs::metadata(path).map_err(DataError::io("read", path))?;
        let nanos =
            |secs: i64, nanos: i64| secs.saturating_mul(1_000_000_000).saturating_add(nanos);
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            mtime_ns: nanos(found.mtime(), found.mtime_nsec()),
            ctime_ns: nanos(found.ctime(), found.ctime_nsec()),
            reading,
        })
    }

    /// Whether it is long enough since the last change that a further one would show.
    #[must_use]
    pub(crate) fn is_settled(&self) -> bool {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let now_ns = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        let age_ns = now_ns.saturating_sub(self.mtime_ns.max(self.ctime_ns));
        u128::try_from(age_ns).is_ok_and(|age| age >= SETTLED.as_nanos())
    }
}

/// Remembers datasets by the file they were read from. Forgetting costs time, never correctness.
pub trait FileMemory {
    /// The dataset that this file gave.
    fn get(&self, stamp: &FileStamp) -> Option<Dataset>;
    /// Notes what a file gave.
    fn put(&self, stamp: &FileStamp, dataset: &Dataset);
}

/// Remembers nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMemory;

impl FileMemory for NoMemory {
    fn get(&self, _: &FileStamp) -> Option<Dataset> {
        None
    }

    fn put(&self, _: &FileStamp, _: &Dataset) {}
}
