//! The contents of files that the state has recorded, in the form that the store needs, and the files at
//! which one resolution looks.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use sunward_core::{Dataset, Digest};
use sunward_data::{FileMemory, local_path};
use sunward_state::{FileRecord, FileStamp, Reader, StateError};

use crate::files_read::{Folders, FoundFile};
use crate::path_key::{PathKey, key};
use crate::versions::Asked;

/// Looks up the contents of files in the state, and collects new records for it. It writes nothing
/// itself.
pub struct FileRecall<'a> {
    memory: &'a dyn Reader,
    found: RefCell<Vec<FileRecord>>,
    /// The first error while reading the state, which [`FileRecall::finish`] reports.
    fault: RefCell<Option<StateError>>,
}

impl<'a> FileRecall<'a> {
    /// Looks up in this state.
    #[must_use]
    pub fn new(memory: &'a dyn Reader) -> Self {
        Self {
            memory,
            found: RefCell::default(),
            fault: RefCell::default(),
        }
    }

    /// The records that the caller writes to the state.
    ///
    /// # Errors
    /// Returns the first error while reading the state.
    pub fn finish(self) -> Result<Vec<FileRecord>, StateError> {
        match self.fault.into_inner() {
            Some(fault) => Err(fault),
            None => Ok(self.found.into_inner()),
        }
    }
}

impl FileMemory for FileRecall<'_> {
    fn get(&self, stamp: &sunward_data::FileStamp) -> Option<Dataset> {
        self.get_all(std::slice::from_ref(stamp)).pop().flatten()
    }

    fn get_all(&self, stamps: &[sunward_data::FileStamp]) -> Vec<Option<Dataset>> {
        let asked = stamps.iter().map(|stamp| (stamp_of(stamp), stamp.reading));
        let asked: Vec<_> = asked.collect();
        match self.memory.recall_files(&asked) {
            Ok(known) => known,
            Err(fault) => {
                self.fault.borrow_mut().get_or_insert(fault);
                vec![None; stamps.len()]
            }
        }
    }

    fn put(&self, stamp: &sunward_data::FileStamp, dataset: &Dataset) {
        self.found.borrow_mut().push(FileRecord {
            stamp: stamp_of(stamp),
            reading: stamp.reading,
            dataset: dataset.clone(),
        });
    }
}

/// The records of files, with what one of them says already looked up.
pub(crate) struct Recalled<'a, 'm> {
    pub(crate) files: &'a FileRecall<'m>,
    pub(crate) found: Option<(sunward_data::FileStamp, Option<Dataset>)>,
}

impl FileMemory for Recalled<'_, '_> {
    fn get(&self, stamp: &sunward_data::FileStamp) -> Option<Dataset> {
        match &self.found {
            Some((known, dataset)) if known == stamp => dataset.clone(),
            Some(_) | None => self.files.get(stamp),
        }
    }

    fn put(&self, stamp: &sunward_data::FileStamp, dataset: &Dataset) {
        self.files.put(stamp, dataset);
    }
}

/// What one resolution looks up, and which files it reads.
pub(crate) struct Recall<'a> {
    pub(crate) files: FileRecall<'a>,
    /// Paths that this resolution has read.
    paths: RefCell<Vec<PathKey>>,
    /// The folders that it has looked at.
    folders: Folders,
}

impl<'a> Recall<'a> {
    pub(crate) fn new(memory: &'a dyn Reader) -> Self {
        Self {
            files: FileRecall::new(memory),
            paths: RefCell::default(),
            folders: Folders::default(),
        }
    }

    /// The paths that were read.
    pub(crate) fn paths(&self) -> BTreeSet<PathKey> {
        self.paths.borrow().iter().cloned().collect()
    }

    pub(crate) fn looked_at(&self, path: &PathKey) {
        self.paths.borrow_mut().push(Arc::clone(path));
    }

    pub(crate) fn look<'p>(&self, path: &'p str) -> Looked<'p> {
        let local = local_path(path).unwrap_or_else(|_| path.into());
        let key = key(&local);
        let file = self.folders.file(&local, &key);
        Looked {
            path,
            local,
            key,
            file,
        }
    }

    /// Looks at a file again, because much time may have passed.
    pub(crate) fn look_again(&self, looked: &mut Looked<'_>) {
        looked.file = self.folders.file(&looked.local, &looked.key);
    }
}

/// A path at which a resolution has looked.
pub(crate) struct Looked<'p> {
    pub(crate) path: &'p str,
    /// The path without `file://`.
    local: PathBuf,
    pub(crate) key: PathKey,
    /// The regular file behind it.
    file: Option<FoundFile>,
}

impl Looked<'_> {
    /// The stamp by which the file is recorded.
    pub(crate) fn stamp(&self, reading: Digest) -> Option<sunward_data::FileStamp> {
        let stamp = self.file.as_ref()?.stamp();
        Some(sunward_data::FileStamp { reading, ..stamp })
    }

    pub(crate) fn asked(&self, reading: Digest) -> Asked<'_> {
        Asked {
            path: &self.local,
            key: &self.key,
            file: self.file.as_ref(),
            reading,
        }
    }
}

const fn stamp_of(stamp: &sunward_data::FileStamp) -> FileStamp {
    FileStamp {
        device: stamp.device,
        inode: stamp.inode,
        size: stamp.size,
        mtime_ns: stamp.mtime_ns,
        ctime_ns: stamp.ctime_ns,
    }
}
