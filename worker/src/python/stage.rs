//! The environment of a stage.

use std::path::{Path, PathBuf};

use sunward_core::Digest;
use sunward_protocol::Job;
use sunward_workflows::Python;

use super::build::environment;
use super::error::PythonError;
use super::lock::{LockFile, lock_path};
use super::pip::Tools;
use super::resolve::resolve_lock;
use crate::fault::Fault;
use crate::host::Host;
use crate::stop::Stop;

/// Returns the environment of a stage, or `None` if the stage asks for none. It is built if it is
/// missing. A lock file that has changed since the tasks' keys were computed is refused.
pub(crate) fn for_stage(
    home: &Path,
    host: &Host,
    job: &Job,
    stop: &Stop,
) -> Result<Option<PathBuf>, Fault> {
    let Some(python) = &job.stage.python else {
        return Ok(None);
    };
    let tools = Tools::new(home, host).stopped_by(stop);
    let folder = Path::new(&job.folder);
    find_or_build(&tools, folder, python, job.staged.lock)
        .map(Some)
        .map_err(|error| Fault::new(error.kind(), format!("its Python environment: {error}")))
}

fn find_or_build(
    tools: &Tools<'_>,
    folder: &Path,
    python: &Python,
    keyed: Option<Digest>,
) -> Result<PathBuf, PythonError> {
    let platform = tools.platform(python)?;
    let locked = || {
        // The used entry and the compared digest come from the same read of the file.
        let lock = LockFile::read(&lock_path(folder, python))?;
        let is_keyed = keyed.is_none_or(|keyed| keyed == lock.digest(python));
        Ok(is_keyed.then(|| lock.find(python, &platform).cloned()))
    };
    let problem = |problem: &str| PythonError::Lock {
        path: lock_path(folder, python),
        problem: problem.to_owned(),
    };
    let changed = || {
        problem(
            "it has changed since the run began, and a run uses only one version of it; \
             `sunward retry` runs the remaining tasks with the new one",
        )
    };
    let entry = match locked()?.ok_or_else(changed)? {
        Some(entry) => entry,
        None => {
            resolve_lock(tools, folder, [python])?;
            locked()?.ok_or_else(changed)?.ok_or_else(|| {
                problem("it does not hold what was just written; check what else writes to it")
            })?
        }
    };
    environment(tools, &entry)
}
