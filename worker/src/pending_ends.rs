//! Where ends go: collected by a slot, sent in batches.

use std::time::{Duration, Instant};

use sunward_core::TaskEnd;
use sunward_protocol::FromWorker;

/// Where messages to the coordinator go.
pub(crate) type Outbox = dyn Fn(FromWorker) + Send + Sync;

/// Ends that are sent as one message at most; bounds what a crash makes run again.
const ENDS_AT_MOST: usize = 4096;

/// How long an end may wait for company. Far below what a user notices, long enough that thousands
/// of short tasks a second do not wake the coordinator for each.
const HELD_AT_MOST: Duration = Duration::from_millis(2);

/// A slot's ends that are not sent yet.
#[derive(Default)]
pub(crate) struct PendingEnds {
    ends: Vec<TaskEnd>,
    since: Option<Instant>,
    /// Tasks of the current batch before this one have ended.
    next: u32,
    /// Tasks of it that ended before an earlier one did.
    early: Vec<u32>,
}

impl PendingEnds {
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A batch begins, whose first task is this.
    pub(crate) fn expect_from(&mut self, first: u32) {
        self.next = first;
        self.early.clear();
    }

    /// Whether a task of the current batch has ended.
    pub(crate) fn has_ended(&self, index: u32) -> bool {
        index < self.next || self.early.contains(&index)
    }

    /// Adds an end that happened `now`.
    pub(crate) fn push(&mut self, end: TaskEnd, now: Instant) {
        self.since.get_or_insert(now);
        match end.task.index {
            index if index == self.next => self.next += 1,
            index => self.early.push(index),
        }
        self.ends.push(end);
    }

    /// How long the oldest end may still wait; nothing when there is none.
    pub(crate) fn patience(&self, now: Instant) -> Option<Duration> {
        self.since
            .map(|since| (since + HELD_AT_MOST).saturating_duration_since(now))
    }

    /// Sends what has waited long enough or is enough.
    pub(crate) fn send_due(&mut self, now: Instant, outbox: &Outbox) {
        let due =
            self.ends.len() >= ENDS_AT_MOST || self.patience(now).is_some_and(|d| d.is_zero());
        if due {
            self.send(outbox);
        }
    }

    /// Sends everything.
    pub(crate) fn send(&mut self, outbox: &Outbox) {
        self.since = None;
        if !self.ends.is_empty() {
            let ends = std::mem::take(&mut self.ends);
            outbox(FromWorker::Ended { ends });
        }
    }
}
