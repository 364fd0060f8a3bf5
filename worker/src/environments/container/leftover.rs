//! Ends what a container's runtime keeps of a container that was killed.
//!
//! A container has a name, and as long as it may exist, a note in the worker's scratch folder says
//! how to remove it. If the worker is killed, whoever cleans up after it follows the notes.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sunward_files::private;

use super::ReadyImage;
use super::line::MONITOR;
use super::runtime::{Engine, Runtime};
use super::store::REFERENCE;
use crate::clock::micros;
use crate::environments::kind::TaskPlaces;
use crate::environments::runner::{Runner, words};
use crate::fault::Fault;
use crate::host::Host;
use crate::process::exit::{Cause, CommandExit};
use crate::process::tree;

/// The folder of notes in a scratch folder.
const NOTES: &str = "containers";

/// How long to wait until the process that watched a container has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often to try to remove a container, and the pause between.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// A container that may be running. If this is dropped before it has ended, it is removed.
#[derive(Debug)]
pub(crate) struct Running {
    engine: Engine,
    note: PathBuf,
    monitor: PathBuf,
    cpus: u32,
    began: Instant,
    ended: bool,
}

impl Running {
    /// Notes a container that is about to start.
    pub(super) fn begin(
        image: &ReadyImage,
        name: &str,
        engine: Engine,
        task: &TaskPlaces<'_>,
    ) -> Result<Self, Fault> {
        let notes = task.scratch.join(NOTES);
        let note = notes.join(name);
        let force: &[&str] = match engine {
            Engine::Podman => &["rm", "--force", "--ignore", "--time", "0"],
            Engine::Docker | Engine::Apptainer => &["rm", "--force"],
        };
        let mut line = vec![image.runtime.program.clone().into_os_string()];
        line.extend(force.iter().map(OsString::from));
        line.push(name.into());
        private::create_folders(&notes)
            .and_then(|()| private::write(&note, packed(&line, &image.client)))
            .map_err(|error| Fault::io("write", &note, &error))?;
        Ok(Self {
            engine,
            note,
            monitor: task.whole.join(MONITOR),
            cpus: image.cpus,
            began: Instant::now(),
            ended: false,
        })
    }

    /// Counts the processor time of a container whose runtime's own process has ended, and removes
    /// the container unless it ended by itself.
    pub(crate) fn end(mut self, exit: &mut CommandExit) {
        match self.engine {
            // The process that watched the container is an orphan of ours, and the container's
            // processes count as its children.
            Engine::Podman => {
                let monitor = fs::read_to_string(&self.monitor).unwrap_or_default();
                let used = monitor.trim().parse().ok().and_then(|pid| {
                    let until = Instant::now() + PATIENCE;
                    tree::cpu_of_monitor(pid, until)
                });
                exit.cpu_us = exit.cpu_us.saturating_add(used.unwrap_or(0));
                fs::remove_file(&self.monitor).ok();
            }
            // Its daemon's processes are not ours, so all cores of the task count as busy.
            Engine::Docker => {
                let wall = micros(self.began.elapsed());
                exit.cpu_us = wall.saturating_mul(u64::from(self.cpus));
            }
            Engine::Apptainer => {}
        }
        let by_itself = exit.cause == Cause::Itself && exit.status.code().is_some_and(|c| c != 125);
        self.ended = by_itself;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            follow(&self.note);
        }
        fs::remove_file(&self.note).ok();
    }
}

/// Removes the containers of a dead worker, whose scratch folder this is.
pub(crate) fn remove_noted(scratch: &Path) {
    let notes = fs::read_dir(scratch.join(NOTES)).into_iter().flatten();
    for note in notes.flatten() {
        follow(&note.path());
    }
}

/// Runs the command of a note.
fn follow(note: &Path) {
    let Some((line, variables)) = fs::read(note).ok().map(|bytes| unpacked(&bytes)) else {
        return;
    };
    let Some((program, words)) = line.split_first() else {
        return;
    };
    let mut command = Command::new(program);
    command
        .args(words)
        .env_clear()
        .envs(variables)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // The runtime may be about to note the end of the container, and refuses meanwhile.
    for _ in 0..TRIES {
        if command.status().is_ok_and(|status| status.success()) {
            return;
        }
        std::thread::sleep(PAUSE);
    }
    tracing::debug!(
        "could not remove the container {}",
        sunward_files::shown(note)
    );
}

/// A command and an environment: words, and then variables, each ended by a zero byte, and an empty
/// word between.
fn packed(line: &[OsString], variables: &[(OsString, OsString)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in line {
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(0);
    }
    bytes.push(0);
    for (name, value) in variables {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

fn unpacked(bytes: &[u8]) -> (Vec<OsString>, Vec<(OsString, OsString)>) {
    let mut parts = bytes.split(|byte| *byte == 0);
    let own = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let line = parts.by_ref().take_while(|part| !part.is_empty()).map(own);
    let line = line.collect();
    let variables = parts.filter_map(|part| {
        let at = part.iter().position(|byte| *byte == b'=')?;
        Some((own(&part[..at]), own(&part[at + 1..])))
    });
    (line, variables.collect())
}

/// Deletes an image from its engine's store, if this folder of the cache is of one. Called before
/// the folder is deleted.
pub fn forget_image(folder: &Path, host: &Host) {
    let Ok(text) = fs::read_to_string(folder.join(REFERENCE)) else {
        return;
    };
    let mut lines = text.lines();
    let (Some(program), Some(reference)) = (lines.next(), lines.next()) else {
        return;
    };
    let runtime = Runtime {
        engine: Engine::Podman,
        program: program.into(),
    };
    let line = words(["rmi", reference]);
    let line: Vec<&OsStr> = line;
    // Another container may use it, or somebody has deleted it already.
    drop(runtime.run_by(&Runner::new(host), &line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_what_was_written_whatever_is_in_it() {
        let line = ["/bin/podman", "rm", "a b\n"].map(OsString::from).to_vec();
        let variables = vec![("A".into(), "1=2\n3".into()), ("B".into(), "".into())];
        assert_eq!(unpacked(&packed(&line, &variables)), (line, variables));
    }

    #[test]
    fn notes_of_a_dead_worker_are_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let notes = scratch.path().join(NOTES);
        fs::create_dir(&notes).unwrap();
        let done = scratch.path().join("done");
        let line = ["/bin/sh", "-c", "echo $A > \"$0\"", done.to_str().unwrap()];
        let variables = [("A".into(), "gone".into())];
        fs::write(
            notes.join("one"),
            packed(&line.map(OsString::from), &variables),
        )
        .unwrap();
        remove_noted(scratch.path());
        assert_eq!(fs::read_to_string(done).unwrap(), "gone\n");
    }
}
