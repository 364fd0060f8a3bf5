//! The checkpoint folder of a task. It outlives attempts: the next attempt finds what the last one
//! wrote there.
//!
//! So a command that was stopped can continue where it was, whether its timeout, the machine's
//! owner, the user or the end of the engine stopped it. The folder belongs to one task of one run.
//! It is outside of the scratch folder, which is swept at each start, and it is removed when the
//! task succeeds.

use std::fs;
use std::path::{Path, PathBuf};

use crate::batch::Batch;
use crate::fault::Fault;
use crate::task_folder::remove_tree;
use crate::worker::WorkerContext;

/// The environment variable that holds the folder's path.
pub(crate) const VARIABLE: &str = "SUNWARD_CHECKPOINT";

/// The checkpoint folder of one task.
#[derive(Debug)]
pub(crate) struct Checkpoint(PathBuf);

impl Checkpoint {
    /// Returns the checkpoint folder of a task, and creates it if it is missing. Returns `None` if
    /// the stage has no checkpoints.
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

    /// Removes the folder. Called when the task has succeeded.
    pub(crate) fn remove(&self) {
        remove_tree(&self.0);
    }
}
