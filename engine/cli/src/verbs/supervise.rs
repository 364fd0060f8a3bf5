//! `sunward supervise`: ends the tasks of a worker that was killed. Workers start it; it is not in
//! the help.

use std::path::PathBuf;

use clap::Args;
use sunward_worker::supervisor::supervise;

use crate::exit::Exit;

/// End the tasks of a worker that was killed (workers start this)
#[derive(Args)]
pub(crate) struct Supervise {
    /// The worker's scratch folder
    folder: PathBuf,
}

impl Supervise {
    /// Waits until standard input shows that the worker has ended or was killed. Then ends its
    /// tasks.
    pub(crate) fn perform(&self) -> Exit {
        supervise(&self.folder, std::io::stdin().lock());
        Exit::Done
    }
}
