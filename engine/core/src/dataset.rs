//! Datasets, which pass through ports. A dataset is a table in parts, a file, or a folder.

use std::fmt;

use serde::{Deserialize, Serialize};
use sunward_workflows::Form;

use crate::digest::{Digest, Hasher};
use crate::files::FileRows;
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

impl PartRef {
    /// Stands for a part that a task is still to write.
    pub const AWAITED: Self = Self {
        digest: Digest([0; 32]),
        bytes: 0,
        rows: 0,
    };

    /// Whether a task is still to write it.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        *self == Self::AWAITED
    }
}

/// The kind of a dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DatasetKind {
    /// A table in parts.
    #[default]
    Table,
    /// One blob.
    File,
    /// One folder, stored as a blob that lists its files.
    Dir,
    /// A folder of blobs, in order: the files of a scattered stage's tasks, however many there are.
    Files,
    /// A folder of folders, in order, as with [`Self::Files`].
    Dirs,
}

impl DatasetKind {
    /// The kind of a folder that holds datasets of this kind, whatever their number. A table stays
    /// a table.
    #[must_use]
    pub const fn gathered(self) -> Self {
        match self {
            Self::Table => Self::Table,
            Self::File | Self::Files => Self::Files,
            Self::Dir | Self::Dirs => Self::Dirs,
        }
    }

    /// The kind of one part of a dataset of this kind.
    #[must_use]
    pub const fn of_part(self) -> Self {
        match self {
            Self::Table => Self::Table,
            Self::File | Self::Files => Self::File,
            Self::Dir | Self::Dirs => Self::Dir,
        }
    }
}

impl fmt::Display for DatasetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::File => "file",
            Self::Dir => "folder",
            Self::Files => "folder of files",
            Self::Dirs => "folder of folders",
        })
    }
}

/// A dataset by reference. The order of parts is the order of rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// The kind of dataset.
    pub kind: DatasetKind,
    /// The digest of schema and logical rows (of the bytes for a file or folder). It does not
    /// depend on how the rows are divided into parts. Task keys use it.
    pub content: Digest,
    /// The number of rows; 0 for files and folders.
    pub rows: u64,
    /// Its parts.
    pub parts: Vec<PartRef>,
    /// The original files of the table, if they are kept beside its parts.
    #[serde(default)]
    pub written: Option<Written>,
    /// What is known of each file, if it is a dataset of files, or one file of such a dataset.
    #[serde(default)]
    pub files: Option<FileRows>,
}

/// Files that hold a table as a user or a command wrote it. Readers of this form get these files.
/// The values are not written again, because a number does not keep text such as `1.50`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Their form.
    pub form: Form,
    /// The files, in the order of their rows.
    pub files: Vec<PartRef>,
    /// The columns whose types were declared. The types of all others come from the text of their
    /// cells, so they may become wider when the table is joined with others.
    #[serde(default)]
    pub declared: Vec<String>,
}

impl Dataset {
    /// Files or folders as one folder, in this order. It is a folder for one of them and for none,
    /// too. `kind` is the kind of one. If something is known of all of them, it stays known.
    #[must_use]
    pub fn folder_of(kind: DatasetKind, blobs: &[Self]) -> Self {
        let parts = blobs.iter().flat_map(|blob| blob.parts.iter().copied());
        let parts: Vec<PartRef> = parts.collect();
        let rows: Option<Vec<&FileRows>> = blobs.iter().map(|blob| blob.files.as_ref()).collect();
        if let Some(rows) = rows.filter(|rows| !rows.is_empty()) {
            return Self::of_files(kind.of_part(), parts, FileRows::joined(&rows));
        }
        let mut hasher = Hasher::new("blobs");
        for part in &parts {
            hasher.field("part", &part.digest.0);
        }
        Self {
            kind: kind.gathered(),
            content: hasher.finish(),
            rows: 0,
            parts,
            written: None,
            files: None,
        }
    }

    /// All of its parts in the store. Those that tasks are still to write are not there.
    pub fn stored(&self) -> impl Iterator<Item = &PartRef> {
        let written = self.written.iter().flat_map(|written| &written.files);
        let all = self.parts.iter().chain(written);
        all.filter(|part| !part.is_awaited())
    }

    /// The original files, if they have this form.
    #[must_use]
    pub fn written_as(&self, form: Form) -> Option<&[PartRef]> {
        let written = self.written.as_ref()?;
        (written.form == form).then_some(written.files.as_slice())
    }

    /// The original file of one part, if each part has one.
    #[must_use]
    pub fn written_part(&self, index: usize) -> Option<&PartRef> {
        let written = self.written.as_ref()?;
        let one_each = written.files.len() == self.parts.len();
        written.files.get(index).filter(|_| one_each)
    }

    /// The bytes of all parts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

/// The result of one task: a dataset for each output port in the order of the stage's outputs, and
/// the device that made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// One dataset for each output port.
    pub ports: Vec<Dataset>,
    /// The device that computed it. A cached result keeps it.
    pub ran_on: RanOn,
    /// Remarks on how it was made, such as files that were not kept. Only the first task of a stage
    /// has remarks.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// The rows that a kernel rejected, by input. Empty for a command, and for a kernel that
    /// rejects no rows.
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
