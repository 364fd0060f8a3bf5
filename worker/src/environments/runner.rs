//! Runs the tools that resolve and build environments.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use wait4::Wait4 as _;

use crate::clock::micros;
use crate::host::Host;
use crate::process::tree::OwnChild;
use crate::stop::Stop;
use crate::tail;

/// How often a running tool is checked for its end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs tools with the host's environment.
pub(crate) struct Runner<'a> {
    host: &'a Host,
    stop: Option<&'a Stop>,
    cpu_us: AtomicU64,
}

/// How a tool ended, and its output.
pub(crate) struct Outcome {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Why there is no outcome.
pub(crate) enum NoOutcome {
    /// The run was stopped meanwhile, and the tool with it.
    Stopped,
    /// It could not be started or watched.
    Io(io::Error),
}

impl<'a> Runner<'a> {
    pub(crate) fn new(host: &'a Host) -> Self {
        Self {
            host,
            stop: None,
            cpu_us: AtomicU64::new(0),
        }
    }

    /// The same, but a running tool is killed once `stop` is set.
    pub(crate) fn stopped_by(mut self, stop: &'a Stop) -> Self {
        self.stop = Some(stop);
        self
    }

    pub(crate) fn host(&self) -> &'a Host {
        self.host
    }

    pub(crate) fn stop(&self) -> Option<&'a Stop> {
        self.stop
    }

    /// Processor time of all tools so far, in microseconds.
    pub(crate) fn cpu_us(&self) -> u64 {
        self.cpu_us.load(Ordering::Relaxed)
    }

    /// Counts processor time of tools that another runner ran.
    pub(crate) fn also_used(&self, cpu_us: u64) {
        self.cpu_us.fetch_add(cpu_us, Ordering::Relaxed);
    }

    /// Runs a tool until it ends or the run is stopped. Its environment is the host's, without the
    /// variables `without`, and with those of `with`.
    pub(crate) fn run(
        &self,
        program: &Path,
        words: &[&OsStr],
        without: &[&str],
        with: &[(&OsStr, &OsStr)],
    ) -> Result<Outcome, NoOutcome> {
        let mut stdout = tempfile::tempfile().map_err(NoOutcome::Io)?;
        let mut stderr = tempfile::tempfile().map_err(NoOutcome::Io)?;
        let kept = self.host.variables();
        let kept = kept.filter(|(name, _)| !without.iter().any(|one| name == one));
        let mut command = Command::new(program);
        command
            .args(words)
            .env_clear()
            .envs(kept)
            .envs(with.iter().copied())
            .stdin(Stdio::null())
            .stdout(stdout.try_clone().map_err(NoOutcome::Io)?)
            .stderr(stderr.try_clone().map_err(NoOutcome::Io)?)
            .process_group(0);
        let succeeded = self.watch(&mut command)?;
        Ok(Outcome {
            succeeded,
            stdout: read_back(&mut stdout).map_err(NoOutcome::Io)?,
            stderr: read_back(&mut stderr).map_err(NoOutcome::Io)?,
        })
    }

    /// Runs a command to its end, and returns whether it succeeded.
    fn watch(&self, command: &mut Command) -> Result<bool, NoOutcome> {
        let child = command.spawn().map_err(NoOutcome::Io)?;
        let _ours = OwnChild::process(child.id());
        let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
            return Err(NoOutcome::Io(io::ErrorKind::InvalidData.into()));
        };
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let mut stopped = false;
        while !stopped
            && waitid(WaitId::Pid(pid), ended)
                .map_err(|error| NoOutcome::Io(error.into()))?
                .is_none()
        {
            if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                kill_process_group(pid, Signal::KILL).ok();
                stopped = true;
            } else {
                std::thread::sleep(LOOK_EVERY);
            }
        }
        let used = child.wait4().map_err(NoOutcome::Io)?;
        let cpu = micros(used.rusage.utime + used.rusage.stime);
        self.cpu_us.fetch_add(cpu, Ordering::Relaxed);
        if stopped {
            return Err(NoOutcome::Stopped);
        }
        Ok(used.status.success() && used.status.signal().is_none())
    }
}

impl Outcome {
    /// The end of the tool's output.
    pub(crate) fn last_words(&self) -> String {
        let said = if self.stderr.trim().is_empty() {
            &self.stdout
        } else {
            &self.stderr
        };
        tail::last_lines(said.as_bytes())
    }
}

/// Words for [`Runner::run`].
pub(crate) fn words<'w, S: AsRef<OsStr> + ?Sized + 'w>(
    words: impl IntoIterator<Item = &'w S>,
) -> Vec<&'w OsStr> {
    words.into_iter().map(AsRef::as_ref).collect()
}

fn read_back(file: &mut File) -> io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
