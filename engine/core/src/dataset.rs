//! Datasets: what passes through a port. A dataset is a table in parts, a file, or a folder.

use std::fmt;

use serde::{Deserialize, Serialize};
use sunward_workflows::Form;

use crate::digest::Digest;
use crate::ran_on::RanOn;
use crate::rejects::Rejects;

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
    /// The table as it was written, where that is kept beside its parts.
    #[serde(default)]
    pub written: Option<Written>,
}

/// Files that hold a table as a user or a command wrote it. Who wants the table in this form gets
/// them and not its values written anew, since text such as `1.50` does not come back from a
/// number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Their form.
    pub form: Form,
    /// The files, in the order of their rows.
    pub files: Vec<PartRef>,
}

impl Dataset {
    /// Everything in the store that it consists of.
    pub fn stored(&self) -> impl Iterator<Item = &PartRef> {
        let written = self.written.iter().flat_map(|written| &written.files);
        self.parts.iter().chain(written)
    }

    /// The files that hold it in this form as it was written.
    #[must_use]
    pub fn written_as(&self, form: Form) -> Option<&[PartRef]> {
        let written = self.written.as_ref()?;
        (written.form == form).then_some(written.files.as_slice())
    }

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
    /// What a user should know of how it was made, as files that are not kept. The first task of a
    /// stage says it for all.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// What a kernel could not use, by input; nothing of a kernel that rejects no rows, or of a
    /// command.
    #[serde(default)]
    pub rejects: Vec<Rejects>,
}

impl TaskResult {
    /// A result that the processor produced.
    #[must_use]
    pub const fn of_cpu(ports: Vec<Dataset>) -> Self {
        Self {
            ports,
            ran_on: RanOn::Cpu,
            remarks: Vec::new(),
            rejects: Vec::new(),
        }
    }
}
