//! Python environments. They are resolved once into a lock file, and built once on each host.
//!
//! [`resolve_lock`] resolves a stage's requirements with the package index and records the result.
//! [`lock_digest`] is the part of a task's key. [`environment`] builds the folder that commands run
//! with. Unless the interpreter has a recent pip, pip runs from a separate environment. Nothing is
//! installed into the user's Python.

mod build;
mod lock;
mod pip;
mod resolve;

use std::path::{Path, PathBuf};

use sunward_core::{Digest, FailureKind};
use sunward_data::io_blame;
use sunward_protocol::Job;
use sunward_workflows::Python;

use crate::batch::Stop;
use crate::fault::Fault;
use crate::worker::WorkerContext;

pub use build::environment;
pub use lock::{Entry, LockFile, Package, lock_digest, lock_path};
pub use pip::Tools;
pub use resolve::resolve_lock;

/// The reason why a Python environment could not be resolved or built.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// There is no interpreter, or not the requested one.
    #[error("{0}")]
    NoPython(String),
    /// The lock file cannot be read or written.
    #[error("the lock file {path}: {problem}")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// The index lacks a requested package.
    #[error(
        "pip cannot resolve {requirements}: {said}; correct `packages`, or check that the index has them for this Python"
    )]
    Unresolvable {
        /// The requirements.
        requirements: String,
        /// The end of pip's output.
        said: String,
    },
    /// The index cannot be reached.
    #[error(
        "the package index could not be reached while {what}: {said}; try again when the network is back"
    )]
    Registry {
        /// What was attempted.
        what: String,
        /// The end of pip's output.
        said: String,
    },
    /// A package differs from the lock file.
    #[error(
        "a package is not what the lock file says it is: {said}; delete its entry in the lock file so that it is resolved again, if you trust the index"
    )]
    OtherBytes {
        /// The end of pip's output.
        said: String,
    },
    /// pip or venv failed in another way.
    #[error("{what} failed: {said}")]
    Tool {
        /// What was run.
        what: String,
        /// The end of its output.
        said: String,
    },
    /// A file operation of the environment failed.
    #[error("could not {what} {path}: {source}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The run was cancelled meanwhile.
    #[error("it was stopped before it finished")]
    Cancelled,
}

impl PythonError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// The kind of failure. A tool that fails for another reason than the network will fail again.
    /// If a package has other bytes than the lock file says, the user must decide what to do.
    fn kind(&self) -> FailureKind {
        match self {
            Self::NoPython(_)
            | Self::Unresolvable { .. }
            | Self::Lock { .. }
            | Self::OtherBytes { .. } => FailureKind::Input,
            Self::Registry { .. } => FailureKind::Infrastructure,
            Self::Tool { .. } => FailureKind::Permanent,
            Self::Io { source, .. } => io_blame(source).kind(FailureKind::Infrastructure),
            Self::Cancelled => FailureKind::Cancelled,
        }
    }
}

/// Returns the environment of a stage, or `None` if the stage asks for none. It is built if it is
/// missing. A lock file that has changed since the tasks' keys were computed is refused.
pub(crate) fn for_stage(
    context: &WorkerContext,
    job: &Job,
    stop: &Stop,
) -> Result<Option<PathBuf>, Fault> {
    let Some(python) = &job.stage.python else {
        return Ok(None);
    };
    let tools = Tools::new(&context.options.home, &context.options.host).stopped_by(stop);
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

/// A digest of text fields, for the names of folders.
fn name_of(purpose: &str, fields: &[&str]) -> Digest {
    let mut hasher = sunward_core::Hasher::new(purpose);
    for field in fields {
        hasher.field("field", field.as_bytes());
    }
    hasher.finish()
}
