//! The contents of files that the state has recorded, in the form that the store needs.

use std::cell::RefCell;

use sunward_core::Dataset;
use sunward_data::FileMemory;
use sunward_state::{FileRecord, FileStamp, Reader, StateError};

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
        match self.memory.recall_file(&stamp_of(stamp), stamp.reading) {
            Ok(known) => known,
            Err(fault) => {
                self.fault.borrow_mut().get_or_insert(fault);
                None
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

const fn stamp_of(stamp: &sunward_data::FileStamp) -> FileStamp {
    FileStamp {
        device: stamp.device,
        inode: stamp.inode,
        size: stamp.size,
        mtime_ns: stamp.mtime_ns,
        ctime_ns: stamp.ctime_ns,
    }
}
