//! The run of a test: a process that ends with this one, on a signal, and at its time limit.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a run that is stopped may take to end its tasks. After that it is killed.
const GRACE: Duration = Duration::from_secs(30);

/// What a test waits for.
enum Event {
    /// The run has closed its output.
    Ended,
    /// The user asks to stop.
    Stop,
}

/// Requests to stop. Signals give them, and the waiting test takes them.
pub(crate) struct Stop {
    send: Sender<Event>,
    receive: Receiver<Event>,
    requested: bool,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself.
    Itself(ExitStatus),
    /// At its time limit.
    TooLate,
    /// On request.
    Stopped,
}

/// A run that ended.
pub(super) struct Inner {
    pub(super) end: End,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Stop {
    /// No requests yet.
    pub(crate) fn new() -> Self {
        let (send, receive) = channel();
        Self {
            send,
            receive,
            requested: false,
        }
    }

    /// What a signal calls.
    pub(crate) fn requests(&self) -> impl Fn() + Send + 'static {
        let send = self.send.clone();
        // When nobody waits any more, everything has ended.
        move || drop(send.send(Event::Stop))
    }

    /// Whether the user asked to stop.
    pub(crate) fn is_requested(&mut self) -> bool {
        let mut waiting = self.receive.try_iter();
        self.requested |= waiting.any(|event| matches!(event, Event::Stop));
        self.requested
    }

    /// Waits for the next event; `None` when the time is over.
    fn next(&self, until: Option<Instant>) -> Option<Event> {
        let Some(until) = until else {
            return self.receive.recv().ok();
        };
        let left = until.saturating_duration_since(Instant::now());
        self.receive.recv_timeout(left).ok()
    }
}

/// Runs a command to its end. Its standard input is a pipe from this process: it closes when this
/// process ends, however that happens.
///
/// # Errors
/// Fails if the command cannot be started.
pub(super) fn run(
    mut command: Command,
    limit: Option<Duration>,
    stop: &mut Stop,
) -> io::Result<Inner> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C reaches this process, which passes it on once.
        .process_group(0);
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let done = stop.send.clone();
    let reader = std::thread::spawn(move || {
        let errors = std::thread::spawn(move || all_of(stderr));
        let stdout = all_of(stdout);
        let stderr = errors.join().unwrap_or_default();
        drop(done.send(Event::Ended));
        (stdout, stderr)
    });
    let ended_early = wait(&child, limit, stop);
    let status = child.wait()?;
    let (stdout, stderr) = reader.join().unwrap_or_default();
    Ok(Inner {
        end: ended_early.unwrap_or(End::Itself(status)),
        stdout,
        stderr,
    })
}

/// Waits until the run has ended. Returns why it was ended, if it did not end by itself.
fn wait(child: &Child, limit: Option<Duration>, stop: &mut Stop) -> Option<End> {
    let mut until = limit.and_then(|limit| Instant::now().checked_add(limit));
    let mut why = None;
    loop {
        let signal = match stop.next(until) {
            Some(Event::Ended) => return why,
            Some(Event::Stop) => {
                stop.requested = true;
                why = Some(End::Stopped);
                Signal::TERM
            }
            None if why.is_some() => Signal::KILL,
            None => {
                why = Some(End::TooLate);
                Signal::TERM
            }
        };
        until = match signal {
            // A killed run ends, and there is nothing else to wait for.
            Signal::KILL => None,
            _ => Instant::now().checked_add(GRACE),
        };
        // It may have ended meanwhile.
        let _ = kill_process(Pid::from_child(child), signal);
    }
}

fn all_of(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What was read until an error is what there is.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}
