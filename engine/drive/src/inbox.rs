//! Everything that arrives at the loop comes through one door, in order.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use sunward_protocol::Envelope;
use sunward_state::StateError;

use crate::feed::Seen;
use crate::resolver::Answer;
use crate::solver::Solved;

/// What a user, or a signal, wants of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Stop cleanly: what runs is ended, the run stays resumable.
    Interrupt,
    /// Stop at once. What is durable stays; the run stays resumable.
    Stop,
    /// Cancel the run for good.
    Cancel,
}

/// One thing that arrived.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// From a worker.
    Worker(Envelope),
    /// From the user.
    Control(Control),
    /// A slow question was answered.
    Answered(Box<Answer>),
    /// The feed has answered.
    Seen(Box<Seen>),
    /// Where and when was found.
    Solved(Box<Solved>),
    /// The journal's writer has done what it was given.
    Written(Result<(), StateError>),
    /// The journal's writer will never do anything again.
    WriterGone,
}

/// The receiving end; the loop's own. It is unbounded, but what may be under way is not: a worker
/// speaks of its leases only, and those are bounded by what it can run.
#[derive(Debug)]
pub struct Inbox {
    receiver: Receiver<Arrival>,
    sender: Sender<Arrival>,
}

/// A sending end, for workers' transports and signal handlers. Cheap to clone; never blocks.
#[derive(Clone, Debug)]
pub struct Line(pub(crate) Sender<Arrival>);

/// An inbox and a line to it.
#[must_use]
pub fn inbox() -> (Inbox, Line) {
    let (sender, receiver) = channel();
    let line = Line(sender.clone());
    (Inbox { receiver, sender }, line)
}

impl Line {
    /// Passes on what a worker said. Lost when the loop has ended: nobody is left to care.
    pub fn worker(&self, envelope: Envelope) {
        drop(self.0.send(Arrival::Worker(envelope)));
    }

    /// Passes on what the user wants.
    pub fn control(&self, control: Control) {
        drop(self.0.send(Arrival::Control(control)));
    }
}

impl Inbox {
    /// One more sending end.
    #[must_use]
    pub fn line(&self) -> Line {
        Line(self.sender.clone())
    }

    /// What has arrived, if anything.
    pub(crate) fn try_next(&self) -> Option<Arrival> {
        self.receiver.try_recv().ok()
    }

    /// Waits for the next arrival, at most so long.
    pub(crate) fn next_within(&self, patience: Duration) -> Option<Arrival> {
        self.receiver.recv_timeout(patience).ok()
    }
}
