//! A folder that outlives the attempts of a task: what its command leaves there, the next one finds.
//!
//! So a command that was stopped, by its timeout, by the machine's owner, by the user or with the whole
//! engine, goes on from where it was. The folder belongs to one task of one run, lies outside of the
//! scratch that is swept at each start, and goes when the task has succeeded.

use std::fs;
use std::path::{Path, PathBuf};

use crate::batch::Batch;
use crate::fault::Fault;
use crate::task_folder::remove_tree;
use crate::worker::WorkerContext;

/// Where a command finds its path.
pub(crate) const VARIABLE: &str = "SUNWARD_CHECKPOINT";

/// The folder of one task.
#[derive(Debug)]
pub(crate) struct Checkpoint(PathBuf);

impl Checkpoint {
    /// That of a task, made if it is not there yet; nothing where the stage keeps none.
    pub(crate) fn of(
        context: &WorkerContext,
        batch: &Batch,
        index: u32,
    ) -> Result<Option<Self>, Fault> {
        let job = &batch.job.job;
        if !job.stage.checkpoint {
            return Ok(None);
        }
        let mut path = context.options.home.join("runs");
        path.push(job.run.to_string());
        path.push("checkpoints");
        path.push(&job.stage.name);
        path.push(index.to_string());
        fs::create_dir_all(&path)
            .map_err(|error| Fault::io("make the checkpoint folder", &path, &error))?;
        Ok(Some(Self(path)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The task has succeeded: nobody will ask for it again.
    pub(crate) fn remove(&self) {
        remove_tree(&self.0);
    }
}
