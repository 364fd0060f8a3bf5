//! The Python environment of a stage.

use std::path::Path;

use sunward_core::Digest;
use sunward_workflows::Python;

use super::build::held_environment;
use super::error::PythonError;
use super::lock::{Entry, LockFile, lock_digest, lock_path};
use super::pip::Tools;
use super::resolve::resolve_lock;
use crate::environments::Built;
use crate::environments::error::EnvironmentError;
use crate::environments::kind::{Kind, Layer};
use crate::environments::site::Site;
use crate::process::environment::Environment;

/// `python:` of a stage.
pub(in crate::environments) struct InPython<'s> {
    pub(in crate::environments) stage: &'s str,
    pub(in crate::environments) python: &'s Python,
}

/// An environment of Python that is ready.
struct Venv(Built);

impl Kind for InPython<'_> {
    fn ingredient(&self) -> Option<&'static str> {
        Some("python lock")
    }

    fn digest(&self, site: &Site<'_>) -> Result<Digest, EnvironmentError> {
        Ok(lock_digest(site.folder, self.python)?)
    }

    fn resolve(&self, site: &Site<'_>) -> Result<bool, EnvironmentError> {
        let tools = tools(site);
        let path = lock_path(site.folder, self.python);
        let platform = tools.platform(self.python)?;
        if LockFile::read(&path)?
            .find(self.python, &platform)
            .is_none()
        {
            let stage = self.stage;
            site.tell(&format!("stage {stage}: resolving its Python packages"));
        }
        let wrote = resolve_lock(&tools, site.folder, [self.python])?;
        site.runner.also_used(tools.cpu_us());
        Ok(wrote)
    }

    /// The environment is built if it is missing. A lock file that has changed since the tasks' keys
    /// were computed is refused.
    fn prepare(
        &self,
        site: &Site<'_>,
        keyed: Option<Digest>,
    ) -> Result<Box<dyn Layer>, EnvironmentError> {
        let tools = tools(site);
        let mut begins = || {
            let stage = self.stage;
            site.tell(&format!("stage {stage}: building its Python environment"));
        };
        let built = find_or_build(&tools, site.folder, self.python, keyed, &mut begins);
        site.runner.also_used(tools.cpu_us());
        Ok(Box::new(Venv(built?)))
    }
}

impl Layer for Venv {
    /// The environment comes first in `PATH`.
    fn change_base(&self, environment: &mut Environment) {
        let folder = &self.0.folder;
        let mut path = folder.join("bin").into_os_string();
        path.push(":");
        path.push(environment.get("PATH").unwrap_or_default());
        environment.set_base("VIRTUAL_ENV", folder);
        environment.set_base("PATH", path);
    }
}

fn tools<'a>(site: &Site<'a>) -> Tools<'a> {
    let tools = Tools::new(site.cache.clone(), site.runner.host());
    match site.runner.stop() {
        Some(stop) => tools.stopped_by(stop),
        None => tools,
    }
}

fn find_or_build(
    tools: &Tools<'_>,
    folder: &Path,
    python: &Python,
    keyed: Option<Digest>,
    begins: &mut dyn FnMut(),
) -> Result<Built, PythonError> {
    let platform = tools.platform(python)?;
    let locked = || -> Result<Option<Option<Entry>>, PythonError> {
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
    held_environment(tools, &entry, begins)
}
