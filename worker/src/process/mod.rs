//! Executes commands: prepares a task, runs its process, and reports the end of the attempt.

mod checkpoint;
pub(crate) mod environment;
mod footprint;
mod full;
mod prepared;
mod remarks;
pub(crate) mod spawn;
pub(crate) mod table;
pub(crate) mod tree;
pub(crate) mod verdict;
pub(crate) mod watch;
mod writers;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use sunward_core::{Energy, Failure, Outcome, RanOn, TaskEnd, TaskResult};
use sunward_protocol::FromWorker;
use sunward_workflows::Action;

use crate::batch::Batch;
use crate::ends::end;
use crate::executor::Executor;
use crate::fault::Fault;
use crate::log::AttemptLog;
use crate::outputs;
use crate::pending_ends::PendingEnds;
use crate::task_folder::{TaskFolder, TaskFolders};
use crate::worker::WorkerContext;

use checkpoint::Checkpoint;
pub(crate) use prepared::PreparedCommand;
use prepared::TaskOrder;
use watch::{Departure, Limits, Watch};

/// Bytes read at once from a command's output: the default capacity of a pipe.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// Runs commands, one at a time.
pub(crate) struct ProcessExecutor {
    context: Arc<WorkerContext>,
    place: usize,
    folders: TaskFolders,
    buffer: Vec<u8>,
    /// `/dev/null`, opened once for the standard input of every command.
    null: Option<File>,
}

/// The time after which a running command is reported as started.
pub(crate) const TELL_AFTER: Duration = Duration::from_millis(2);

/// What an attempt used until it ended, also if it failed before its command started.
#[derive(Clone, Default)]
pub(crate) struct Spent {
    pub(crate) cpu_us: u64,
    /// The processor or devices that it ran on, once its command has ended.
    pub(crate) ran_on: Option<RanOn>,
    /// The energy that its GPUs used, if it had any.
    pub(crate) gpus: Option<Energy>,
}

impl ProcessExecutor {
    pub(crate) fn new(context: Arc<WorkerContext>, place: usize) -> Self {
        Self {
            folders: TaskFolders::new(context.scratch.folder().join(format!("slot{place}"))),
            context,
            place,
            buffer: vec![0; READ_BYTES],
            null: None,
        }
    }

    fn attempt(&mut self, batch: &Batch, index: u32, pending_ends: &mut PendingEnds) -> TaskEnd {
        let context = Arc::clone(&self.context);
        let span = context.meters.begin();
        let mut spent = Spent::default();
        let outcome = match self.prepare(batch) {
            Err(fault) => Outcome::Failed(fault.into_failure(batch, index, String::new())),
            Ok(prepared) => {
                let mut log = AttemptLog::new(
                    self.context.log_path(batch, index),
                    self.context.options.log_cap_bytes,
                    prepared.redactor(),
                );
                let result = self.run(batch, index, &prepared, &mut log, &mut spent, pending_ends);
                log.finish();
                self.mention_lost_log(batch, &log);
                match result {
                    Ok(result) => Outcome::Succeeded(result),
                    Err(fault) => Outcome::Failed(failure(fault, batch, index, &prepared, &log)),
                }
            }
        };
        let reading = span.reading(Instant::now(), spent.cpu_us, spent.gpus);
        end(batch, index, reading, spent.ran_on, outcome)
    }

    fn prepare(&self, batch: &Batch) -> Result<Arc<PreparedCommand>, Fault> {
        if batch.stopped() {
            return Err(Fault::cancelled());
        }
        let job = &batch.job;
        job.command
            .get_or_make(|| PreparedCommand::new(&self.context, &job.job, &batch.stop))
    }

    fn run(
        &mut self,
        batch: &Batch,
        index: u32,
        prepared: &PreparedCommand,
        log: &mut AttemptLog,
        spent: &mut Spent,
        pending_ends: &mut PendingEnds,
    ) -> Result<TaskResult, Fault> {
        let task_folder = self.folders.enter()?;
        let mut abandoned = false;
        let result = self.run_in(
            &task_folder,
            batch,
            index,
            prepared,
            log,
            pending_ends,
            |departure, ran_on, gpus| {
                *spent = Spent {
                    cpu_us: departure.cpu_us,
                    ran_on: Some(ran_on),
                    gpus,
                };
                abandoned = departure.left_somebody;
            },
        );
        self.folders.leave(task_folder, abandoned);
        result
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one attempt in its order; a struct for it would only be taken apart again"
    )]
    fn run_in(
        &mut self,
        task_folder: &TaskFolder,
        batch: &Batch,
        index: u32,
        prepared: &PreparedCommand,
        log: &mut AttemptLog,
        pending_ends: &mut PendingEnds,
        departed: impl FnOnce(&Departure, RanOn, Option<Energy>),
    ) -> Result<TaskResult, Fault> {
        let mut order = prepared.order(&self.context, task_folder, batch, index)?;
        let meters = &Arc::clone(&self.context).meters;
        let gpus = meters.begin_gpus(order.gpus());
        let departure = self.watch(task_folder, &order, batch, log, pending_ends)?;
        let is_cuda = matches!(batch.job.job.stage.action, Action::Cuda(_));
        let ran_on = match order.gpus().cards() {
            [] if is_cuda => RanOn::CudaOnCpu,
            [] => RanOn::Cpu,
            _ => meters.ran_on(order.gpus()),
        };
        departed(&departure, ran_on, meters.end_gpus(gpus));
        let judged = verdict::judge(&departure, batch, log.path());
        let judged = full::reconsider(judged, task_folder, batch, log);
        verdict::compare_inputs(judged, &mut order.views, task_folder)?;
        writers::refuse(&order.outputs)?;
        let stage = &batch.job.job.stage;
        let store = self.context.options.store.stopped_by(&batch.stop);
        // The search comes before the outputs move into the store. The user is told only once they
        // are stored.
        let remarks = remarks::of(&batch.job, task_folder, prepared.staged(), &order.outputs);
        let mut result = outputs::adopt(&store, stage, &order.outputs)?;
        for (first, remark) in remarks {
            if !first.swap(true, Ordering::Relaxed) {
                let remark = prepared.redactor().text(&remark);
                self.context.notice(format!("warning: {remark}"));
                result.remarks.push(remark);
            }
        }
        if let Some(checkpoint) = &order.checkpoint {
            checkpoint.remove();
        }
        Ok(result)
    }

    fn watch(
        &mut self,
        task_folder: &TaskFolder,
        task: &TaskOrder,
        batch: &Batch,
        log: &mut AttemptLog,
        pending_ends: &mut PendingEnds,
    ) -> Result<Departure, Fault> {
        let null = match &self.null {
            Some(null) => null,
            None => self.null.insert(spawn::open_null()?),
        };
        let context = &*self.context;
        let stdin = null.try_clone().map_err(|e| spawn::no_handles(&e))?;
        let running = spawn::spawn(context, self.place, &task.order, task_folder, stdin)?;
        let started = Instant::now();
        let timeout = batch.job.job.stage.timeout_ms;
        let mut told = false;
        Watch {
            running,
            task_folder,
            checkpoint: task.checkpoint.as_ref().map(Checkpoint::path),
            context,
            place: self.place,
            stop: &batch.stop,
            limits: Limits {
                until: timeout.map(|ms| started + Duration::from_millis(ms)),
                memory_bytes: batch.memory_limit(),
                disk_bytes: batch.job.job.stage.resources.disk_bytes,
            },
            log,
            buffer: &mut self.buffer,
            answers: None,
        }
        .until_it_leaves(TELL_AFTER, |now| {
            pending_ends.send_due(now, &*context.outbox);
            if !told {
                told = true;
                let tasks = vec![batch.task(task.index)];
                (context.outbox)(FromWorker::Started { tasks });
            }
            pending_ends.patience(now)
        })
    }

    /// A log that cannot be written does not fail the task, but the user is told about it.
    fn mention_lost_log(&self, batch: &Batch, log: &AttemptLog) {
        if let Some(problem) = log.problem()
            && batch.job.first_notice()
        {
            let path = log.path().display();
            self.context
                .notice(format!("the log {path} is not complete: {problem}"));
        }
    }
}

/// Converts a duration for system calls.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

/// The failure that the user reads. Secrets are removed from its message.
fn failure(
    fault: Fault,
    batch: &Batch,
    index: u32,
    prepared: &PreparedCommand,
    log: &AttemptLog,
) -> Failure {
    let mut failure = fault.into_failure(batch, index, log.quote());
    failure.message = prepared.redactor().text(&failure.message);
    failure
}

impl Executor for ProcessExecutor {
    fn execute(&mut self, batch: &Batch, pending_ends: &mut PendingEnds) {
        for offset in 0..batch.count {
            let end = self.attempt(batch, batch.first + offset, pending_ends);
            pending_ends.push(end, Instant::now());
        }
    }
}
