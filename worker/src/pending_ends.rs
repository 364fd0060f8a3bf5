//! Collects the ends of a slot's attempts, and sends them in batches.

use std::time::{Duration, Instant};

use sunward_core::TaskEnd;

use crate::outbox::Outbox;

/// The most ends in one message. It bounds what runs again after a crash.
const ENDS_AT_MOST: usize = 4096;

/// How long an end may be held back: far below what a user notices, and long enough that thousands
/// of short tasks a second do not each wake the coordinator.
const HELD_AT_MOST: Duration = Duration::from_millis(2);

/// A slot's ends that are not sent yet.
#[derive(Default)]
pub(crate) struct PendingEnds {
    ends: Vec<TaskEnd>,
    since: Option<Instant>,
    /// All tasks of the current batch before this index have ended.
    next: u32,
    /// Later tasks of the batch that have ended already.
    early: Vec<u32>,
}

impl PendingEnds {
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Starts a batch whose first task has this index.
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

    /// How long the oldest end may still be held back; `None` if there is none.
    pub(crate) fn patience(&self, now: Instant) -> Option<Duration> {
        self.since
            .map(|since| (since + HELD_AT_MOST).saturating_duration_since(now))
    }

    /// Sends what was held long enough, or is enough.
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
            outbox.ended(std::mem::take(&mut self.ends));
        }
    }
}
