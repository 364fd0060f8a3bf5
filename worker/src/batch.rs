//! A piece of a lease that one slot works on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sunward_core::{Generation, TaskId};

use crate::job::JobState;

/// What a task takes from the worker while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) cpus: u32,
    pub(crate) memory_bytes: u64,
    /// Space on the disk of its folder, free when it starts.
    pub(crate) disk_bytes: u64,
    /// GPUs that it holds at least.
    pub(crate) gpus: u32,
}

/// Set once to end everything that runs under it.
pub(crate) type Stop = Arc<AtomicBool>;

/// Consecutive tasks of one lease, run one after the other within one [`Need`].
#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) job: Arc<JobState>,
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) generation: Generation,
    pub(crate) attempt: u32,
    pub(crate) need: Need,
    /// The run was revoked, or the worker is leaving.
    pub(crate) stop: Stop,
}

impl Batch {
    /// The task with this index.
    pub(crate) fn task(&self, index: u32) -> TaskId {
        TaskId {
            run: self.job.job.run,
            stage: self.job.job.stage_id,
            index,
        }
    }

    /// The task's name for messages: `search/12, attempt 2`.
    pub(crate) fn title(&self, index: u32) -> String {
        let stage = &self.job.job.stage.name;
        format!("{stage}/{index}, attempt {}", self.attempt)
    }

    /// The memory one task declared for this attempt, if it did.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        self.job.declared_memory(self.attempt)
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
