//! Records of users' files, so that an unchanged file is not read and hashed again.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sunward_core::{Dataset, Digest};

use crate::error::DataError;

/// A file that changed less than this ago may change again without its times showing it: clocks of
/// file systems tick in milliseconds, some in seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// The metadata that distinguishes a changed file from an unchanged one, and how the file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// The digest of how it was read: format, variable, columns.
    pub reading: Digest,
}

impl FileStamp {
    /// The metadata of a file now.
    ///
    /// # Errors
    ///
    /// Fails if the file does not exist or cannot be examined.
    pub fn of(path: &Path, reading: Digest) -> Result<Self, DataError> {
        let found = fs::metadata(path).map_err(DataError::io("read", path))?;
        Ok(Self::of_found(&found, reading))
    }

    /// The same of metadata that were read before.
    #[must_use]
    pub fn of_found(found: &fs::Metadata, reading: Digest) -> Self {
        let nanos =
            |secs: i64, nanos: i64| secs.saturating_mul(1_000_000_000).saturating_add(nanos);
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            mtime_ns: nanos(found.mtime(), found.mtime_nsec()),
            ctime_ns: nanos(found.ctime(), found.ctime_nsec()),
            reading,
        }
    }

    /// Whether the last change is long enough ago that another one would show.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let now_ns = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        let age_ns = now_ns.saturating_sub(self.mtime_ns.max(self.ctime_ns));
        u128::try_from(age_ns).is_ok_and(|age| age >= SETTLED.as_nanos())
    }
}

/// Records datasets by the file from which they were read. Losing records costs time, never
/// correctness.
pub trait FileMemory {
    /// The dataset recorded for this file.
    fn get(&self, stamp: &FileStamp) -> Option<Dataset>;
    /// The datasets recorded for many files, in the same order.
    fn get_all(&self, stamps: &[FileStamp]) -> Vec<Option<Dataset>> {
        stamps.iter().map(|stamp| self.get(stamp)).collect()
    }
    /// Records the dataset of a file.
    fn put(&self, stamp: &FileStamp, dataset: &Dataset);
}

/// Records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMemory;

impl FileMemory for NoMemory {
    fn get(&self, _: &FileStamp) -> Option<Dataset> {
        None
    }

    fn put(&self, _: &FileStamp, _: &Dataset) {}
}
