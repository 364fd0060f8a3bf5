//! Files of a job's inputs that came after the job.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use sunward_core::{Dataset, PartRef};
use sunward_protocol::ArrivedFile;

/// The contents of files by their input and place. Tasks of other stages write them while the stage is
/// open.
#[derive(Debug, Default)]
pub(crate) struct Arrived(RwLock<BTreeMap<String, BTreeMap<u32, PartRef>>>);

impl Arrived {
    /// Adds files.
    pub(crate) fn add(&self, files: Vec<ArrivedFile>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for file in files {
            known
                .entry(file.port)
                .or_default()
                .insert(file.row, file.part);
        }
    }

    /// The content of one file of an input: as the job has it, or as it came.
    pub(crate) fn part(&self, port: &str, dataset: &Dataset, row: usize) -> Option<PartRef> {
        let part = dataset.parts.get(row).copied()?;
        if !part.is_awaited() {
            return Some(part);
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let row = u32::try_from(row).ok()?;
        known.get(port)?.get(&row).copied()
    }
}
