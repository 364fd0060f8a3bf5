//! The queue of a worker, which its slots wait at.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::queue::Queue;

/// How often the free disk space is measured while a task waits for it.
const LOOK_FOR_SPACE_EVERY: Duration = Duration::from_secs(1);

/// A queue that several threads use.
pub(crate) struct SharedQueue {
    queue: Mutex<Queue>,
    work: Condvar,
}

impl SharedQueue {
    pub(crate) fn new(queue: Queue) -> Self {
        Self {
            queue: Mutex::new(queue),
            work: Condvar::new(),
        }
    }

    /// Locks the queue. No slot panics while it holds this lock, so a poisoned lock is still sound.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there may be work.
    pub(crate) fn wait<'a>(&'a self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.work
            .wait(queue)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there may be work, or it is time to measure the free disk space again.
    pub(crate) fn wait_for_space<'a>(
        &'a self,
        queue: MutexGuard<'a, Queue>,
    ) -> MutexGuard<'a, Queue> {
        let woken = self.work.wait_timeout(queue, LOOK_FOR_SPACE_EVERY);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Wakes one waiting slot.
    pub(crate) fn wake_one(&self) {
        self.work.notify_one();
    }

    /// Wakes all waiting slots.
    pub(crate) fn wake_all(&self) {
        self.work.notify_all();
    }
}
