//! Gives a message to a command.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use sunward_worker::Host;

use super::limit::{LIMIT, too_long};
use super::message::Message;

/// How often a command is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The end of a command's errors that is read.
const TAIL_BYTES: i64 = 4096;

/// Runs a command in the workflow's folder. Values are in its environment, and the whole message is
/// on its standard input. After the limit it is ended, with everything that it started.
pub(super) fn run(
    argv: &[String],
    secrets: &[(String, String)],
    folder: &Path,
    host: &Host,
    message: &Message,
) -> Result<(), String> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err("it names no program".to_owned());
    };
    let cannot = |error: std::io::Error| format!("`{program}` cannot be run: {error}");
    let mut input = tempfile::tempfile().map_err(cannot)?;
    input.write_all(&message.body()?).map_err(cannot)?;
    input.rewind().map_err(cannot)?;
    let mut errors = tempfile::tempfile().map_err(cannot)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(errors.try_clone().map_err(cannot)?)
        .process_group(0);
    for name in ["PATH", "HOME", "LANG", "TMPDIR"] {
        if let Some(value) = host.get(name) {
            command.env(name, value);
        }
    }
    for (name, value) in secrets {
        command.env(name, value);
    }
    for (name, value) in variables(message) {
        command.env(name, value);
    }
    let mut child = command.spawn().map_err(cannot)?;
    let ended = wait(&mut child, LIMIT).map_err(cannot)?;
    match ended {
        None => Err(too_long()),
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(match last_line(&mut errors) {
            Some(line) => format!("it ended with {status}: {line}"),
            None => format!("it ended with {status}"),
        }),
    }
}

fn variables(message: &Message) -> [(&'static str, &str); 7] {
    [
        ("SUNWARD_EVENT", message.event),
        ("SUNWARD_STATUS", &message.status),
        ("SUNWARD_RUN", &message.run),
        ("SUNWARD_WORKFLOW", &message.workflow),
        ("SUNWARD_FILE", &message.path),
        ("SUNWARD_TEXT", &message.text),
        ("SUNWARD_MACHINE", &message.host),
    ]
}

/// Waits for a command's end. `None` if it was ended after the limit.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            if let Some(group) = group {
                // It fails if the command has ended by itself in the meantime.
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// The last line that a command wrote to its standard error.
fn last_line(errors: &mut File) -> Option<String> {
    let length = i64::try_from(errors.seek(SeekFrom::End(0)).ok()?).ok()?;
    let back = length.min(TAIL_BYTES);
    errors.seek(SeekFrom::End(-back)).ok()?;
    let mut tail = Vec::new();
    errors.read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    let mut lines = tail.lines().map(str::trim);
    lines.rfind(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::wait;

    #[test]
    fn a_command_that_takes_too_long_is_ended_with_what_it_started() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 1000 & sleep 1000"])
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(wait(&mut child, Duration::ZERO).unwrap(), None);
        // This ends once nobody holds the pipe.
        let mut all = Vec::new();
        let mut out = child.stdout.take().unwrap();
        assert_eq!(out.read_to_end(&mut all).unwrap(), 0);
    }
}
