//! Python environments: resolved once into a lock file, built once a host.

use std::path::PathBuf;

use sunward_protocol::Job;

use crate::batch::Stop;
use crate::fault::Fault;
use crate::worker::House;

/// The environment of a stage, if it asks for one.
pub(crate) fn for_stage(_: &House, job: &Job, _: &Stop) -> Result<Option<PathBuf>, Fault> {
    match &job.stage.python {
        None => Ok(None),
        Some(_) => Err(Fault::infrastructure(
            "this worker cannot build Python environments yet",
        )),
    }
}
