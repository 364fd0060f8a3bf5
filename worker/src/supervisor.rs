//! The supervisor: a process that ends the worker's tasks if the worker is killed.
//!
//! The system does not tell a child that its parent was killed (`kill -9`), and `PR_SET_PDEATHSIG`
//! is tied to the thread that started the child. So, before its first command, the worker starts
//! this small process from the same program and holds a pipe to it. If the pipe closes before the
//! worker has written that it stops, the worker is dead, and the supervisor ends its tasks (see
//! `live.rs`). The supervisor has its own process group, so that Ctrl-C does not reach it. It
//! inherits none of the worker's open files.

use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::live;
use crate::process::tree::OwnChild;

/// The verb that makes the program run as a supervisor.
pub const VERB: &str = "supervise";

/// The bytes that the worker writes into the pipe when it stops normally.
const NORMAL_STOP: &[u8] = b"over";

/// The supervisor of a worker. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Child,
    _ours: OwnChild,
}

impl Supervisor {
    /// Starts `program` as the supervisor of the worker with the scratch folder `folder`.
    pub(crate) fn start(program: &Path, folder: &Path) -> io::Result<Self> {
        let child = Command::new(program)
            .arg(VERB)
            .arg(folder)
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            _ours: OwnChild::process(child.id()),
            child,
        })
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(mut line) = self.child.stdin.take() {
            // Fails only if the supervisor was killed. Then there is nobody to tell.
            drop(line.write_all(NORMAL_STOP));
        }
        drop(self.child.wait());
    }
}

/// The name of the process. It does not contain `sunward`, so that `pkill sunward` does not end it
/// together with the worker.
const NAME: &std::ffi::CStr = c"task-supervisor";

/// Reads `line` to its end, and ends the worker's tasks unless the worker stopped normally.
/// `folder` is the worker's scratch folder.
pub fn supervise(folder: &Path, mut line: impl Read) {
    rustix::thread::set_name(NAME).ok();
    let mut said = Vec::new();
    let heard = line.read_to_end(&mut said);
    if heard.is_ok() && said != NORMAL_STOP {
        live::clear(folder);
    }
}
