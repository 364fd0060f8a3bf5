//! The checkpoint folder of a task. It outlives attempts: the next attempt finds what the last one
//! wrote there.
//!
//! So a command that was stopped can continue where it was, whether its timeout, the machine's
//! owner, the user or the end of the engine stopped it. The folder belongs to one task of one run.
//! It is outside of the scratch folder, which is swept at each start, and it is removed when the
//! task succeeds.

use std::path::{Path, PathBuf};

use sunward_files::private;

use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::task_folder::remove_tree;

/// The environment variable that holds the folder's path.
pub(crate) const VARIABLE: &str = "SUNWARD_CHECKPOINT";

/// The checkpoint folder of one task.
#[derive(Debug)]
pub(crate) struct Checkpoint(PathBuf);

impl Checkpoint {
    /// Returns the checkpoint folder of an attempt's task in the state folder `home`, and creates
    /// it if it is missing. Returns `None` if the stage has no checkpoints.
    pub(crate) fn of(home: &Path, attempt: &Attempt<'_>) -> Result<Option<Self>, Fault> {
        let job = attempt.job;
        if !job.stage.checkpoint {
            return Ok(None);
        }
        let mut path = home.join("runs");
        path.push(job.run.to_string());
        path.push("checkpoints");
        path.push(&job.stage.name);
        path.push(attempt.index.to_string());
        private::create_folders(&path)
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
