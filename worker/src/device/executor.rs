//! Executes kernels on devices. A child process does the tasks of a stage in sequence, and keeps
//! its device meanwhile.
//!
//! The child is stopped when the slot has something else to do or nothing, and after
//! [`SERVES_FOR`], so that others can use the device. It is also stopped after a failed task,
//! because what a kernel damaged on the device ends with the process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sunward_core::{Outcome, RanOn, TaskEnd, TaskResult};

use super::child::{Child, Monitor, Seen};
use super::messages::Request;
use crate::attempt::Attempt;
use crate::batch::Batch;
use crate::context::WorkerContext;
use crate::ends::{fail_rest, task_end};
use crate::executor::Executor;
use crate::fault::Fault;
use crate::log::AttemptLog;
use crate::meter::{Span, Spent};
use crate::outputs;
use crate::pending_ends::PendingEnds;
use crate::process::exit::CommandExit;
use crate::process::verdict;
use crate::process::watch::{READ_BYTES, TELL_AFTER};
use crate::secrets::Redactor;
use crate::task_folder::{TaskFolders, remove_tree};

/// How long a child takes tasks. This is long compared with starting a process and its device's
/// context, which takes up to a second, and short for others that wait for the device.
const SERVES_FOR: Duration = Duration::from_secs(10);

/// Runs kernels on devices.
pub(crate) struct DeviceExecutor {
    context: Arc<WorkerContext>,
    place: usize,
    folders: TaskFolders,
    buffer: Vec<u8>,
    serving: Option<Serving>,
}

/// A child at work.
struct Serving {
    child: Child,
    /// The latest of its batches.
    batch: Batch,
    since: Instant,
}

impl DeviceExecutor {
    pub(crate) fn new(context: Arc<WorkerContext>, place: usize) -> Self {
        Self {
            folders: TaskFolders::new(context.launcher.folder().join(format!("device{place}"))),
            context,
            place,
            buffer: Vec::new(),
            serving: None,
        }
    }

    fn attempt(
        &mut self,
        batch: &Batch,
        attempt: &Attempt<'_>,
        pending_ends: &mut PendingEnds,
    ) -> TaskEnd {
        let context = Arc::clone(&self.context);
        let span = Span::begin(&context.meters);
        let mut log = self.log(attempt.log_path(&self.context.options.home));
        let mut spent = Spent::default();
        let result = self.task(batch, attempt, &mut log, &mut spent, pending_ends);
        let now = Instant::now();
        log.finish();
        let outcome = match result {
            Ok(result) => Outcome::Succeeded(result),
            Err(fault) => {
                self.stop_child();
                Outcome::Failed(attempt.failure(fault, log.quote()))
            }
        };
        let reading = span.reading(now, &spent);
        task_end(attempt, reading, spent.ran_on, outcome)
    }

    fn log(&self, path: PathBuf) -> AttemptLog {
        let no_secrets = Redactor::new(std::iter::empty());
        AttemptLog::new(path, self.context.options.log_cap_bytes, no_secrets)
    }

    fn task(
        &mut self,
        batch: &Batch,
        attempt: &Attempt<'_>,
        log: &mut AttemptLog,
        spent: &mut Spent,
        pending_ends: &mut PendingEnds,
    ) -> Result<TaskResult, Fault> {
        self.buffer.resize(READ_BYTES, 0);
        let context = &*self.context;
        let serving = match &mut self.serving {
            Some(serving) => serving,
            none => none.insert(Serving {
                child: Child::start(context, self.place, batch, &mut self.folders)?,
                batch: batch.clone(),
                since: Instant::now(),
            }),
        };
        let child = &mut serving.child;
        spent.ran_on = Some(match child.gpus().cards() {
            [] => RanOn::CudaOnCpu,
            _ => context.meters.ran_on(child.gpus()),
        });
        let request = Request {
            index: attempt.index,
            attempt: attempt.number,
            outputs: child.outputs(attempt.index)?,
        };
        let monitor = Monitor {
            context,
            place: self.place,
            attempt: *attempt,
            log,
            buffer: &mut self.buffer,
        };
        let (mut told, asked) = (false, Instant::now());
        let gpus = context.meters.begin_gpus(child.gpus());
        let seen = child.request(&request, monitor, TELL_AFTER, |now| {
            pending_ends.send_due(now, &context.outbox);
            if !told {
                told = true;
                context.outbox.started(attempt.task());
            }
            pending_ends.patience(now)
        });
        spent.gpus = context.meters.end_gpus(gpus);
        match seen? {
            Seen::Answered(response) => {
                // The time that it waited for a free device does not count.
                batch.job.note_pace(1, asked.elapsed());
                spent.cpu_us = response.cpu_us;
                let adopted = response.result.and_then(|rejects| {
                    let (store, stage) = (&context.options.store, &attempt.job.stage);
                    outputs::adopt_tables(store, stage, &request.outputs, rejects)
                });
                remove_tree(&request.outputs);
                adopted
            }
            Seen::Exited(exit) => {
                spent.cpu_us = exit.cpu_us;
                Err(exited_early(&exit, attempt, log))
            }
        }
    }

    /// Whether a child is kept for more tasks.
    pub(crate) fn has_child(&self) -> bool {
        self.serving.is_some()
    }

    /// Lets the child leave, if there is one.
    pub(crate) fn stop_child(&mut self) {
        let Some(Serving { child, batch, .. }) = self.serving.take() else {
            return;
        };
        // What it prints after its last task belongs to no task.
        let mut log = self.log(PathBuf::from("/dev/null"));
        let (task_folder, abandoned) = child.leave(Monitor {
            context: &self.context,
            place: self.place,
            attempt: batch.attempt(batch.first),
            log: &mut log,
            buffer: &mut self.buffer,
        });
        self.folders.leave(task_folder, abandoned);
    }
}

/// The fault of a task whose child exited before it responded.
fn exited_early(exit: &CommandExit, attempt: &Attempt<'_>, log: &AttemptLog) -> Fault {
    match verdict::judge(exit, attempt, log.path()) {
        Err(fault) => fault,
        Ok(()) => Fault::infrastructure(
            "the process that runs the kernel exited without an answer; run again, and report it if that happens again",
        ),
    }
}

impl Executor for DeviceExecutor {
    fn execute(&mut self, batch: &Batch, pending_ends: &mut PendingEnds) {
        match &mut self.serving {
            Some(serving) if Arc::ptr_eq(&serving.batch.job, &batch.job) => {
                serving.batch = batch.clone();
            }
            _ => self.stop_child(),
        }
        for attempt in batch.attempts_from(batch.first) {
            if attempt.stopped() {
                fail_rest(batch, attempt.index, &Fault::cancelled(), pending_ends);
                break;
            }
            let end = self.attempt(batch, &attempt, pending_ends);
            pending_ends.push(end, Instant::now());
        }
        let served = self.serving.as_ref().map(|serving| serving.since.elapsed());
        if batch.stopped() || served.is_some_and(|served| served >= SERVES_FOR) {
            pending_ends.send(&self.context.outbox);
            self.stop_child();
        }
    }
}
