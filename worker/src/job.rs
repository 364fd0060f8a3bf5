//! A stage on this worker: its job, and what was computed once for all its tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sunward_protocol::Job;
use sunward_workflows::Action;

use crate::arrived::Arrived;
use crate::context::WorkerContext;
use crate::device::Venue;
use crate::environments::kind::Ready;
use crate::kernels::prepared::PreparedKernel;
use crate::memo::Memo;
use crate::process::prepared::PreparedCommand;

/// How long one batch of kernel tasks should take: long compared with fetching a batch, and too
/// short to be noticed.
const BATCH_NANOS: u64 = 2_000_000;

/// The most tasks of one batch.
const BATCH_TASKS: u32 = 4096;

/// One stage of one run.
pub(crate) struct JobState {
    pub(crate) job: Arc<Job>,
    /// Files of its inputs that came after it.
    pub(crate) arrived: Arrived,
    pub(crate) command: Memo<PreparedCommand>,
    /// The environment of its commands.
    pub(crate) environment: Memo<Ready>,
    pub(crate) kernel: Memo<PreparedKernel>,
    /// Where its kernel runs.
    pub(crate) venue: Venue,
    /// The least number of GPUs that each of its tasks holds.
    pub(crate) gpus: u32,
    /// Nanoseconds that recent tasks took; 0 before the first one.
    pace_nanos: AtomicU64,
    noticed: AtomicBool,
    told_of_space: AtomicBool,
    /// What was remarked once of its tasks' results.
    pub(crate) told_of_strays: AtomicBool,
    pub(crate) told_of_special_bits: AtomicBool,
}

impl JobState {
    /// Prepares a stage on this worker, and tells the user about where it runs if necessary.
    pub(crate) fn here(context: &WorkerContext, job: Arc<Job>) -> Self {
        let options = &context.options;
        let venue = Venue::of(
            options.device,
            options.kernels,
            &context.devices,
            &job.stage,
        );
        let venue = venue.unwrap_or_else(|notice| {
            context.outbox.notice(notice);
            Venue::Twin
        });
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
            arrived: Arrived::default(),
            command: Memo::default(),
            environment: Memo::default(),
            kernel: Memo::default(),
            pace_nanos: AtomicU64::new(0),
            noticed: AtomicBool::new(false),
            told_of_space: AtomicBool::new(false),
            told_of_strays: AtomicBool::new(false),
            told_of_special_bits: AtomicBool::new(false),
        }
    }

    /// How many of `remaining` tasks a slot takes at once: one if tasks are long, many if they are
    /// short, and never so many that other slots get none.
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

    /// Records how long so many tasks took together.
    pub(crate) fn note_pace(&self, tasks: u32, took: std::time::Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let each = (nanos / u64::from(tasks.max(1))).max(1);
        self.pace_nanos.store(each, Ordering::Relaxed);
    }

    /// Nanoseconds that recent tasks took; 0 if unknown.
    pub(crate) fn pace_nanos(&self) -> u64 {
        self.pace_nanos.load(Ordering::Relaxed)
    }

    /// True on the first call.
    pub(crate) fn first_notice(&self) -> bool {
        !self.noticed.swap(true, Ordering::Relaxed)
    }

    /// True on the first call after a task was found to wait for disk space.
    pub(crate) fn first_wait_for_space(&self) -> bool {
        !self.told_of_space.swap(true, Ordering::Relaxed)
    }
}
