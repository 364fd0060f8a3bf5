//! A part of a lease that one slot works on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sunward_core::Generation;

use crate::attempt::Attempt;
use crate::job::JobState;
use crate::stop::BatchStop;

/// What a task takes from the worker while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) cpus: u32,
    pub(crate) memory_bytes: u64,
    /// Disk space for its folder that must be free when it starts.
    pub(crate) disk_bytes: u64,
    /// The least number of GPUs that it holds.
    pub(crate) gpus: u32,
}

/// Consecutive tasks of one lease, which run in sequence within one [`Need`].
#[derive(Clone)]
pub(crate) struct Batch {
    /// Its number in the queue.
    pub(crate) number: u64,
    pub(crate) job: Arc<JobState>,
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) generation: Generation,
    pub(crate) attempt: u32,
    pub(crate) need: Need,
    /// Set when the run was revoked, the worker stops, or its tasks have to make way.
    pub(crate) stop: BatchStop,
}

impl Batch {
    /// The attempt of the task of this index.
    pub(crate) fn attempt(&self, index: u32) -> Attempt<'_> {
        Attempt {
            job: &self.job.job,
            arrived: &self.job.arrived,
            index,
            number: self.attempt,
            generation: self.generation,
            stop: &self.stop,
        }
    }

    /// The attempts of the batch's tasks from the task of index `from` on.
    pub(crate) fn attempts_from(&self, from: u32) -> impl Iterator<Item = Attempt<'_>> {
        (from..self.first + self.count).map(|index| self.attempt(index))
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.stop.load(Ordering::Relaxed)
    }
}
