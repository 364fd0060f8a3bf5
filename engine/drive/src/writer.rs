//! The thread that owns the journal and writes one group after the other.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use sunward_core::RunId;
use sunward_state::{Group, Journal, StateError};

use crate::error::DriveError;
use crate::inbox::{Arrival, Line};

/// Work for the writer.
enum Work {
    /// Write this group. With `take_requests`, remove other processes' requests as well.
    Append { group: Group, take_requests: bool },
    /// Archive a finished run.
    Archive(RunId),
}

/// The journal's writer. It has at most one piece of work, so that everything that arrives
/// meanwhile becomes one group.
pub(crate) struct Writer {
    work: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    busy: bool,
}

impl Writer {
    /// Starts the thread. Its answers arrive as [`Arrival::Written`].
    pub(crate) fn start(journal: Box<dyn Journal>, line: Line) -> Result<Self, DriveError> {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || serve(journal, &receiver, &line))
            .map_err(|source| DriveError::Thread {
                purpose: "for the journal",
                source,
            })?;
        Ok(Self {
            work: Some(sender),
            thread: Some(thread),
            busy: false,
        })
    }

    /// True while something is being written.
    pub(crate) const fn is_busy(&self) -> bool {
        self.busy
    }

    /// Records that the writer has answered.
    pub(crate) const fn answered(&mut self) {
        self.busy = false;
    }

    /// Gives it a group. It must be idle.
    pub(crate) fn append(&mut self, group: Group, take_requests: bool) -> Result<(), DriveError> {
        self.give(Work::Append {
            group,
            take_requests,
        })
    }

    /// Gives it a run to archive. It must be idle.
    pub(crate) fn archive(&mut self, run: RunId) -> Result<(), DriveError> {
        self.give(Work::Archive(run))
    }

    fn give(&mut self, work: Work) -> Result<(), DriveError> {
        debug_assert!(!self.busy, "the writer is given one thing at a time");
        self.busy = true;
        self.work
            .as_ref()
            .and_then(|sender| sender.send(work).ok())
            .ok_or(DriveError::Broken {
                what: "journal's writer",
            })
    }
}

impl Drop for Writer {
    /// Waits until its work is written and the journal is closed.
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(mut journal: Box<dyn Journal>, work: &Receiver<Work>, line: &Line) {
    let _farewell = Farewell(line.clone());
    while let Ok(work) = work.recv() {
        let answer = match work {
            Work::Append {
                group,
                take_requests,
            } => append(journal.as_mut(), &group, take_requests),
            Work::Archive(run) => journal.archive(run),
        };
        drop(line.0.send(Arrival::Written(answer)));
    }
}

fn append(journal: &mut dyn Journal, group: &Group, take_requests: bool) -> Result<(), StateError> {
    journal.append(group)?;
    if take_requests {
        journal.take_cancel_requests()?;
    }
    Ok(())
}

/// Tells the loop that the thread is gone, also after a panic. Otherwise the loop would wait
/// forever.
struct Farewell(Line);

impl Drop for Farewell {
    fn drop(&mut self) {
        drop(self.0.0.send(Arrival::WriterGone));
    }
}
