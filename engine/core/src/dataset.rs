//! Datasets: what passes through a port. A dataset is a table in parts, a file, or a folder.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::ran_on::RanOn;

/// One Arrow IPC file (or one blob) in the store, written once under the digest of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartRef {
    /// BLAKE3 of the file's bytes: its name in the store.
    pub digest: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its rows; 0 for a blob.
    pub rows: u64,
}

/// What a dataset is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DatasetKind {
    /// A table in parts.
    #[default]
    Table,
    /// One blob; several when gathered.
    File,
    /// One folder, kept as a blob that lists its files; several when gathered.
    Dir,
}

impl fmt::Display for DatasetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::File => "file",
            Self::Dir => "folder",
        })
    }
}

/// A dataset by reference. The order of parts is the order of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// What it is.
    pub kind: DatasetKind,
    /// Digest of schema and logical rows (of the bytes for a file or folder): independent of how it
    /// is cut into parts. Task keys use it.
    pub content: Digest,
    /// Its rows in all; 0 for files and folders.
    pub rows: u64,
    /// Its parts.
    pub parts: Vec<PartRef>,
}

impl Dataset {
    /// Bytes of all parts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

/// What one task gave, its manifest: a dataset for each output port, in the order of the stage's
/// outputs, and on what it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskResult {
    /// One for each output port.
    pub ports: Vec<Dataset>,
    /// What computed it; a result from the cache keeps it.
    pub ran_on: RanOn,
}

impl TaskResult {
    /// A result that the processor produced.
    #[must_use]
    pub const fn of_cpu(ports: Vec<Dataset>) -> Self {
        Self {
            ports,
            ran_on: RanOn::Cpu,
        }
    }
}
