//! Starts a process in its own group and in its task folder, with one pipe for both of its outputs.
//!
//! Everything here lets the standard library use `posix_spawn`. That is several times cheaper than
//! a fork of a process with this much memory. So no closure runs between fork and exec. The program
//! is looked up beforehand, because the standard library would have to fork to search a `PATH`
//! other than its own.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use sunward_core::FailureKind;
use sunward_data::io_blame;
use wait4::{ResUse, Wait4 as _};

use super::attempt_name::VARIABLE;
use super::environment::Environment;
use super::launcher::Launcher;
use super::tree::ProcessTree;
use crate::clock::Ticks;
use crate::environments::leftover;
use crate::fault::Fault;
use crate::host::find_program;
use crate::task_folder::TaskFolder;

/// The program to start, its arguments and its environment.
pub(crate) struct Order {
    pub(crate) words: Vec<OsString>,
    pub(crate) environment: Environment,
    /// The container that it runs in, if a runtime keeps one.
    pub(crate) container: Option<leftover::Running>,
}

/// A started process. If this is dropped before the process was reaped, it kills the process and
/// everything that the process started.
pub(crate) struct Running {
    /// `None` once it was reaped.
    child: Option<Child>,
    pub(crate) pid: Pid,
    /// The process and everything that it starts.
    pub(crate) tree: ProcessTree,
    /// Readable once the process has ended.
    pub(crate) pidfd: OwnedFd,
    /// The reading end of the pipe for its standard output and error.
    pub(crate) output: OwnedFd,
}

impl Running {
    /// Reaps the process: returns how it ended, and frees its process id.
    pub(crate) fn reap(&mut self) -> io::Result<ResUse> {
        let child = self.child.take();
        child.ok_or(io::ErrorKind::NotFound)?.wait4()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.tree.kill(self.pid);
            drop(child.wait());
        }
    }
}

/// Opens `/dev/null`, as the standard input of commands.
pub(crate) fn open_null() -> Result<File, Fault> {
    let path = Path::new("/dev/null");
    File::open(path).map_err(|error| Fault::io("open", path, &error))
}

/// Starts a command with this standard input, for the slot `place`.
pub(crate) fn spawn(
    launcher: &Launcher,
    place: usize,
    order: &Order,
    task_folder: &TaskFolder,
    stdin: impl Into<Stdio>,
) -> Result<Running, Fault> {
    let path = order.environment.get("PATH").unwrap_or_default();
    let (program, arguments) = order
        .words
        .split_first()
        .filter(|(program, _)| !program.is_empty())
        .ok_or_else(|| {
            Fault::input("`run` renders to an empty command; it must begin with a program")
        })?;
    let file = find_program(program, path).ok_or_else(|| not_found(program, path))?;
    let (output, write) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| no_handles(&e.into()))?;
    let also_write = write.try_clone().map_err(|e| no_handles(&e))?;
    launcher.supervise();
    let tree = ProcessTree::begin(launcher.scratch().name(), task_folder.path());
    let mut command = Command::new(&file);
    command
        .arg0(program)
        .args(arguments)
        .env_clear()
        .envs(order.environment.iter())
        .env(VARIABLE, tree.name())
        .current_dir(task_folder.work())
        .process_group(0)
        .stdin(stdin.into())
        .stdout(Stdio::from(write))
        .stderr(Stdio::from(also_write));
    let before = Ticks::now();
    let mut child = command
        .spawn()
        .map_err(|e| not_started(program, path, &e))?;
    // This closes our copies of the writing end. Otherwise the pipe would never reach its end.
    drop(command);
    launcher
        .scratch()
        .note(place, child.id(), before, Ticks::now());
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return Err(give_up(&mut child, &io::ErrorKind::InvalidData.into()));
    };
    tree.set_leader(pid);
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Running {
            child: Some(child),
            pid,
            tree,
            pidfd,
            output,
        }),
        Err(error) => Err(give_up(&mut child, &error.into())),
    }
}

/// Kills a process that cannot be watched.
fn give_up(child: &mut Child, error: &io::Error) -> Fault {
    drop(child.kill());
    drop(child.wait());
    no_handles(error)
}

pub(crate) fn no_handles(error: &io::Error) -> Fault {
    let kind = io_blame(error).kind(FailureKind::Infrastructure);
    Fault::new(
        kind,
        format!(
            "could not get a pipe or handle for the command: {error}; raise the limit of open files (`ulimit -n`) or lower `-j`"
        ),
    )
}

fn not_found(program: &OsStr, path: &OsStr) -> Fault {
    Fault::input(format!(
        "the program `{}` was not found in PATH={}; install it, correct its name, or write its path",
        sunward_files::shown(program.as_ref()),
        sunward_files::shown(path.as_ref())
    ))
}

fn not_started(program: &OsStr, path: &OsStr, error: &io::Error) -> Fault {
    let name = sunward_files::shown(program.as_ref());
    match error.kind() {
        io::ErrorKind::NotFound => Fault::input(format!(
            "the program `{name}` could not be started: either it or the interpreter in its first line does not exist (PATH={}); a program of your own must be beside the workflow or under `files:`",
            sunward_files::shown(path.as_ref())
        )),
        io::ErrorKind::PermissionDenied => Fault::input(format!(
            "the program `{name}` may not be executed: {error}; run `chmod +x` on it, or put its interpreter in front of it"
        )),
        io::ErrorKind::ArgumentListTooLong => Fault::input(format!(
            "the command line of `{name}` is too long: {error}; pass the values in an input file"
        )),
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            Fault::input(format!(
                "the file `{name}` cannot be executed: {error}; start it with a line such as #!/bin/sh, or put its interpreter in front of it"
            ))
        }
        _ => Fault::new(
            FailureKind::Infrastructure,
            format!(
                "the program `{name}` could not be started: {error}; check the machine's limits on processes and memory"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::process::table::ProcessEntry;

    #[test]
    fn what_is_dropped_is_ended_with_all_that_it_started() {
        let home = tempfile::tempdir().unwrap();
        let tree = ProcessTree::begin("w0-0", home.path());
        let script = "trap '' TERM; setsid --fork sh -c 'echo $$; exec sleep 1000' </dev/null; exec sleep 1000";
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .env(VARIABLE, tree.name())
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        tree.set_leader(pid);
        let mut output = child.stdout.take().unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"\n") {
            let mut byte = [0];
            output.read_exact(&mut byte).unwrap();
            said.extend(byte);
        }
        let daemon: i32 = String::from_utf8(said).unwrap().trim().parse().unwrap();
        let daemon = Pid::from_raw(daemon).unwrap();
        assert!(ProcessEntry::read(pid).is_some() && ProcessEntry::read(daemon).is_some());
        drop(Running {
            child: Some(child),
            pid,
            tree,
            pidfd: pidfd_open(pid, PidfdFlags::empty()).unwrap(),
            output: output.into(),
        });
        assert_eq!(ProcessEntry::read(pid), None);
        assert_eq!(ProcessEntry::read(daemon), None);
    }
}
