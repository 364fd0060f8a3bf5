//! A part of a lease that one slot works on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sunward_core::{Generation, TaskId};

use crate::job::JobState;

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

/// Becomes true once, to end everything that runs under it.
pub(crate) type Stop = Arc<AtomicBool>;

/// Consecutive tasks of one lease, which run in sequence within one [`Need`].
#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) job: Arc<JobState>,
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) generation: Generation,
    pub(crate) attempt: u32,
    pub(crate) need: Need,
    /// Set when the run was revoked or the worker stops.
    pub(crate) stop: Stop,
}

impl Batch {
    /// The task of this index.
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

    /// The memory that one task declared for this attempt, if any.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        self.job.declared_memory(self.attempt)
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
