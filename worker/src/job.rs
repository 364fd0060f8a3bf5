//! A stage as this worker knows it: what it was told, and what it worked out once for all tasks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sunward_protocol::Job;
use sunward_workflows::Action;

use crate::device::Venue;
use crate::fault::Fault;
use crate::kernels::PreparedKernel;
use crate::process::PreparedCommand;
use crate::worker::WorkerContext;

/// How long one batch of kernel tasks should take: long beside the cost of fetching a batch, short
/// beside what a user or another stage would notice.
const BATCH_NANOS: u64 = 2_000_000;

/// Tasks of one batch at most.
const BATCH_TASKS: u32 = 4096;

/// One stage of one run.
pub(crate) struct JobState {
    pub(crate) job: Arc<Job>,
    pub(crate) command: Memo<PreparedCommand>,
    pub(crate) kernel: Memo<PreparedKernel>,
    /// Where its kernel runs.
    pub(crate) venue: Venue,
    /// GPUs that a task of it holds at least.
    pub(crate) gpus: u32,
    /// Nanoseconds that a task took lately; 0 when none was run yet.
    pace_nanos: AtomicU64,
    noticed: AtomicBool,
    told_of_space: AtomicBool,
    /// What was remarked once of its tasks' results.
    pub(crate) told_of_strays: AtomicBool,
    pub(crate) told_of_special_bits: AtomicBool,
}

impl JobState {
    /// A stage as it runs on this worker; what a user should know of where it runs is said.
    pub(crate) fn here(context: &WorkerContext, job: Arc<Job>) -> Self {
        let venue = Venue::of(context, &job.stage);
        let on_devices = match job.stage.action {
            Action::Run(_) | Action::Cuda(_) => true,
            Action::Kernel { .. } => venue == Venue::Gpu,
        };
        let gpus = if on_devices {
            context.devices.least(&job.stage.resources)
        } else {
            0
        };
        Self::new(job, venue, gpus)
    }

    pub(crate) fn new(job: Arc<Job>, venue: Venue, gpus: u32) -> Self {
        Self {
            venue,
            gpus,
            job,
            command: Memo::default(),
            kernel: Memo::default(),
            pace_nanos: AtomicU64::new(0),
            noticed: AtomicBool::new(false),
            told_of_space: AtomicBool::new(false),
            told_of_strays: AtomicBool::new(false),
            told_of_special_bits: AtomicBool::new(false),
        }
    }

    /// How many of `remaining` tasks a slot should take at once: one where tasks are long, many
    /// where they are short, and never so many that other slots would have none.
    pub(crate) fn chunk(&self, remaining: u32, slots: u32) -> u32 {
        let pace = self.pace_nanos.load(Ordering::Relaxed);
        if pace == 0 || !matches!(self.job.stage.action, Action::Kernel { .. }) {
            return remaining.min(1);
        }
        let by_time = u32::try_from(BATCH_NANOS / pace).unwrap_or(BATCH_TASKS);
        let share = remaining.div_ceil(slots.max(1));
        by_time
            .min(BATCH_TASKS)
            .min(share)
            .clamp(1, remaining.max(1))
    }

    /// Notes how long so many tasks took together.
    pub(crate) fn note_pace(&self, tasks: u32, took: std::time::Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let each = (nanos / u64::from(tasks.max(1))).max(1);
        self.pace_nanos.store(each, Ordering::Relaxed);
    }

    /// Nanoseconds that a task took lately, 0 when that is not known.
    pub(crate) fn pace_nanos(&self) -> u64 {
        self.pace_nanos.load(Ordering::Relaxed)
    }

    /// The memory one task declared, as it grows with each attempt.
    pub(crate) fn declared_memory(&self, attempt: u32) -> Option<u64> {
        let declared = self.job.stage.resources.memory_bytes?;
        let Some(factor) = self.job.stage.retry.scale_memory else {
            return Some(declared);
        };
        // In steps of a thousandth, because a float has no checked conversion to an integer.
        let thousandths: u64 = format!("{:.0}", (factor * 1000.0).clamp(1000.0, 1e6))
            .parse()
            .unwrap_or(1000);
        let mut bytes = u128::from(declared);
        for _ in 1..attempt.min(64) {
            bytes = (bytes * u128::from(thousandths) / 1000).min(u128::from(u64::MAX));
        }
        Some(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    /// True the first time it is asked.
    pub(crate) fn first_notice(&self) -> bool {
        !self.noticed.swap(true, Ordering::Relaxed)
    }

    /// True the first time that a task of it is found to wait for space on the disk.
    pub(crate) fn first_wait_for_space(&self) -> bool {
        !self.told_of_space.swap(true, Ordering::Relaxed)
    }
}

/// Something that is worked out once, by whoever comes first while the others wait for it. A
/// failure is not kept: what was missing may be there next time.
pub(crate) struct Memo<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Memo<T> {
    pub(crate) fn get_or_make(
        &self,
        make: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<Arc<T>, Fault> {
        let mut memo = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*memo {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(make()?);
        *memo = Some(Arc::clone(&made));
        Ok(made)
    }
}
