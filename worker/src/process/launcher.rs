//! What every command of a worker needs before it starts: a scratch folder that notes it, and a
//! supervisor that ends it if the worker is killed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::live::Scratch;
use crate::outbox::Outbox;
use crate::supervisor::Supervisor;

/// The scratch folder and the supervisor of a worker.
pub(crate) struct Launcher {
    /// The supervisor's program.
    program: Option<PathBuf>,
    outbox: Outbox,
    /// Started with the first command. It is declared before the scratch folder, so that it is
    /// dropped first.
    supervisor: OnceLock<Option<Supervisor>>,
    scratch: Scratch,
}

impl Launcher {
    pub(crate) fn new(scratch: Scratch, program: Option<PathBuf>, outbox: Outbox) -> Self {
        Self {
            program,
            outbox,
            supervisor: OnceLock::new(),
            scratch,
        }
    }

    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The folder below which the worker's tasks have their folders.
    pub(crate) fn folder(&self) -> &Path {
        self.scratch.folder()
    }

    /// Starts the supervisor if it is not running yet, so that the command that is started next
    /// does not outlive this process.
    pub(crate) fn supervise(&self) {
        self.supervisor.get_or_init(|| {
            let program = self.program.as_ref()?;
            Supervisor::start(program, self.scratch.folder())
                .inspect_err(|error| {
                    self.outbox.notice(format!(
                        "the process that stops tasks if Sunward is killed could not be started ({}): {error}",
                        sunward_files::shown(program)
                    ));
                })
                .ok()
        });
    }
}
