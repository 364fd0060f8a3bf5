//! The state's memory of files, as the store asks for it.

use std::cell::RefCell;

use sunward_core::Dataset;
use sunward_data::FileMemory;
use sunward_state::{FileRecord, FileStamp, Reader, StateError};

/// Remembers what the state knows of files, and collects what is to be written there.
pub struct FileRecall<'a> {
    memory: &'a dyn Reader,
    found: RefCell<Vec<FileRecord>>,
    /// The first time the memory could not be read.
    fault: RefCell<Option<StateError>>,
}

impl<'a> FileRecall<'a> {
    /// Of a state.
    #[must_use]
    pub fn new(memory: &'a dyn Reader) -> Self {
        Self {
            memory,
            found: RefCell::default(),
            fault: RefCell::default(),
        }
    }

    /// What files were found to hold.
    ///
    /// # Errors
    /// When the memory could not be read.
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
