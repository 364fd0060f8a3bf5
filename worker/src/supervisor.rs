//! A process beside the worker that outlives it by a moment.
//!
//! Nothing tells a child that its parent was killed (`kill -9`), and `PR_SET_PDEATHSIG` follows the
//! thread that started it. So the worker starts this small process of the same program with its first
//! command, and holds a pipe to it: at the pipe's end without a word the worker is dead, and its tasks
//! are ended (`live`). It is in a group of its own, so that Ctrl-C does not reach it, and has
//! nothing open of the worker's.

use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::live;
use crate::process::tree::OwnChild;

/// The verb under which the program does this.
pub const VERB: &str = "supervise";

/// What the worker says when it leaves as it should.
const FAREWELL: &[u8] = b"over";

/// The supervisor of a worker; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Child,
    _ours: OwnChild,
}

impl Supervisor {
    /// Starts `program` for the worker with this scratch folder.
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
            // One that was killed hears nothing, and need not.
            drop(line.write_all(FAREWELL));
        }
        drop(self.child.wait());
    }
}

/// How the process is listed, so that `pkill sunward` does not end it with the worker.
const NAME: &std::ffi::CStr = c"task-supervisor";

/// Waits until the worker says farewell or is dead; then ends its tasks.
pub fn supervise(folder: &Path, mut line: impl Read) {
    rustix::thread::set_name(NAME).ok();
    let mut said = Vec::new();
    let heard = line.read_to_end(&mut said);
    if heard.is_ok() && said != FAREWELL {
        live::clear(folder);
    }
}
