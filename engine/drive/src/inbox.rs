//! The inbox of the loop: everything that arrives, in order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use sunward_core::place::{AskId, Outlook, Solution};
use sunward_core::{Actuals, Signal, Timestamp};
use sunward_protocol::Envelope;
use sunward_state::StateError;

use crate::demand::Heard;
use crate::resolver::Answer;

/// A request of the user, or of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Stop cleanly: running tasks are ended, and the run can be resumed.
    Interrupt,
    /// Stop at once. What is durable stays, and the run can be resumed.
    Stop,
    /// Cancel the run for good.
    Cancel,
}

/// One arrival.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A worker's message.
    Worker(Envelope),
    /// A request of the user.
    Control(Control),
    /// The answer to a slow question.
    Answered(Box<Answer>),
    /// An answer of the feed.
    Seen(Box<Seen>),
    /// What grid operators ask.
    Demanded(Box<Heard>),
    /// An answer of the placer.
    Solved(Box<Solved>),
    /// The journal's writer finished its work.
    Written(Result<(), StateError>),
    /// The journal's writer is gone.
    WriterGone,
}

/// An answer of the feed.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The outlook, or why there is none.
    pub(crate) outlook: Result<Arc<Outlook>, String>,
    /// Who publishes the figures of each zone.
    pub(crate) signals: Vec<Signal>,
    /// New measurements.
    pub(crate) measured: Vec<Actuals>,
    /// When to look again.
    pub(crate) next: Timestamp,
}

/// The answer to one problem.
#[derive(Debug)]
pub(crate) struct Solved {
    pub(crate) asks: Vec<AskId>,
    pub(crate) solution: Solution,
}

/// The receiving end, which the loop owns. It is unbounded, but its senders are bounded: a worker
/// sends messages only about its leases, and it holds no more of these than it can run.
#[derive(Debug)]
pub struct Inbox {
    receiver: Receiver<Arrival>,
    sender: Sender<Arrival>,
}

/// A sending end for transports and signal handlers. It is cheap to clone and never blocks.
#[derive(Clone, Debug)]
pub struct Line(pub(crate) Sender<Arrival>);

/// An inbox and a sending end of it.
#[must_use]
pub fn inbox() -> (Inbox, Line) {
    let (sender, receiver) = channel();
    let line = Line(sender.clone());
    (Inbox { receiver, sender }, line)
}

impl Line {
    /// Passes on a worker's message. After the loop's end it is dropped.
    pub fn worker(&self, envelope: Envelope) {
        drop(self.0.send(Arrival::Worker(envelope)));
    }

    /// Passes on a request of the user.
    pub fn control(&self, control: Control) {
        drop(self.0.send(Arrival::Control(control)));
    }
}

impl Inbox {
    /// Another sending end.
    #[must_use]
    pub fn line(&self) -> Line {
        Line(self.sender.clone())
    }

    /// The next arrival, if there is one.
    pub(crate) fn try_next(&self) -> Option<Arrival> {
        self.receiver.try_recv().ok()
    }

    /// Waits for the next arrival for a limited time.
    pub(crate) fn next_within(&self, patience: Duration) -> Option<Arrival> {
        self.receiver.recv_timeout(patience).ok()
    }
}
