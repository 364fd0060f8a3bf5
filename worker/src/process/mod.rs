//! Executes commands: prepares a task, runs its process, and reports the end of the attempt.

pub(crate) mod attempt_name;
mod checkpoint;
pub(crate) mod environment;
pub(crate) mod exit;
pub(crate) mod footprint;
mod full;
pub(crate) mod launcher;
pub(crate) mod limits;
pub(crate) mod prepared;
mod remarks;
pub(crate) mod spawn;
pub(crate) mod table;
pub(crate) mod tree;
pub(crate) mod verdict;
pub(crate) mod watch;
mod writers;

use std::cell::Cell;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sunward_core::{Failure, Outcome, RanOn, TaskEnd, TaskResult};
use sunward_data::{NoMemory, io_remedy};
use sunward_workflows::Action;

use crate::attempt::Attempt;
use crate::batch::Batch;
use crate::context::WorkerContext;
use crate::ends::task_end;
use crate::environments::Site;
use crate::environments::kind::Ready;
use crate::executor::Executor;
use crate::fault::Fault;
use crate::job::JobState;
use crate::log::AttemptLog;
use crate::meter::{Span, Spent};
use crate::outputs;
use crate::pending_ends::PendingEnds;
use crate::task_folder::{TaskFolder, TaskFolders};

use checkpoint::Checkpoint;
use exit::CommandExit;
use limits::{DiskLimit, Limits};
use prepared::{PreparedCommand, TaskOrder};
use watch::{READ_BYTES, TELL_AFTER, Watch};

/// Runs commands, one at a time.
pub(crate) struct ProcessExecutor {
    context: Arc<WorkerContext>,
    place: usize,
    folders: TaskFolders,
    buffer: Vec<u8>,
    /// `/dev/null`, opened once for the standard input of every command.
    null: Option<File>,
}

/// One attempt, and what its stage prepared for it.
struct Task<'a> {
    job: &'a JobState,
    attempt: &'a Attempt<'a>,
    prepared: &'a PreparedCommand,
}

impl ProcessExecutor {
    pub(crate) fn new(context: Arc<WorkerContext>, place: usize) -> Self {
        Self {
            folders: TaskFolders::new(context.launcher.folder().join(format!("slot{place}"))),
            context,
            place,
            buffer: vec![0; READ_BYTES],
            null: None,
        }
    }

    fn attempt(
        &mut self,
        job: &JobState,
        attempt: &Attempt<'_>,
        pending_ends: &mut PendingEnds,
    ) -> TaskEnd {
        let context = Arc::clone(&self.context);
        // An environment serves all tasks and later runs, so making it ready is not charged to the
        // task that comes first.
        let environment = self.environment(job, attempt);
        let span = Span::begin(&context.meters);
        let mut spent = Spent::default();
        let outcome = match environment.and_then(|ready| self.prepare(job, attempt, ready)) {
            Err(fault) => Outcome::Failed(attempt.failure(fault, String::new())),
            Ok(prepared) => {
                let task = Task {
                    job,
                    attempt,
                    prepared: &prepared,
                };
                let mut log = AttemptLog::new(
                    attempt.log_path(&context.options.home),
                    context.options.log_cap_bytes,
                    prepared.redactor(),
                );
                let result = self.run(&task, &mut log, &mut spent, pending_ends);
                log.finish();
                self.mention_lost_log(job, &log);
                match result {
                    Ok(result) => Outcome::Succeeded(result),
                    Err(fault) => Outcome::Failed(task.failure(fault, &log)),
                }
            }
        };
        let reading = span.reading(Instant::now(), &spent);
        task_end(attempt, reading, spent.ran_on, outcome)
    }

    /// The environment of a stage, ready on this machine. If that takes long, the user is told how
    /// long, and what it took.
    fn environment(&self, job: &JobState, attempt: &Attempt<'_>) -> Result<Arc<Ready>, Fault> {
        if attempt.stopped() {
            return Err(Fault::cancelled());
        }
        job.environment.get_or_make(|| {
            let context = &*self.context;
            let options = &context.options;
            let stage = &attempt.job.stage;
            let told = Cell::new(false);
            let tell = |line: &str| {
                told.set(true);
                context.outbox.notice(line.to_owned());
            };
            let folder = Path::new(&attempt.job.folder);
            let site = Site::new(&options.host, &options.home, folder, &NoMemory, &tell)
                .stopped_by(&attempt.stop.stop);
            let began = Instant::now();
            let ready = Ready::prepare(&site, stage, &attempt.job.staged.locks)?;
            if told.get() {
                let joules = context.meters.joules(site.runner.cpu_us());
                context.outbox.notice(format!(
                    "stage {}: its environment is ready after {:.1} s and about {joules} J, which do not count as the stage's",
                    stage.name,
                    began.elapsed().as_secs_f64(),
                ));
            }
            Ok(ready)
        })
    }

    fn prepare(
        &self,
        job: &JobState,
        attempt: &Attempt<'_>,
        ready: Arc<Ready>,
    ) -> Result<Arc<PreparedCommand>, Fault> {
        job.command
            .get_or_make(|| PreparedCommand::new(&self.context, attempt.job, ready))
    }

    fn run(
        &mut self,
        task: &Task<'_>,
        log: &mut AttemptLog,
        spent: &mut Spent,
        pending_ends: &mut PendingEnds,
    ) -> Result<TaskResult, Fault> {
        let task_folder = self.folders.enter()?;
        let ended = self.execute(task, &task_folder, log, spent, pending_ends);
        let abandoned = ended.as_ref().is_ok_and(|(_, d)| d.left_processes);
        let result =
            ended.and_then(|(order, exit)| self.keep(task, &task_folder, order, &exit, log));
        self.folders.leave(task_folder, abandoned);
        result
    }

    /// Runs the command of a task to its end.
    fn execute(
        &mut self,
        task: &Task<'_>,
        task_folder: &TaskFolder,
        log: &mut AttemptLog,
        spent: &mut Spent,
        pending_ends: &mut PendingEnds,
    ) -> Result<(TaskOrder, CommandExit), Fault> {
        let context = Arc::clone(&self.context);
        let mut order = task.prepared.order(&context, task_folder, task.attempt)?;
        let gpus = context.meters.begin_gpus(order.gpus());
        let container = order.order.container.take();
        let mut exit = self.watch(task, task_folder, &order, log, pending_ends)?;
        if let Some(container) = container {
            container.end(&mut exit);
        }
        let is_cuda = matches!(task.attempt.job.stage.action, Action::Cuda(_));
        *spent = Spent {
            cpu_us: exit.cpu_us,
            ran_on: Some(match order.gpus().cards() {
                [] if is_cuda => RanOn::CudaOnCpu,
                [] => RanOn::Cpu,
                _ => context.meters.ran_on(order.gpus()),
            }),
            gpus: context.meters.end_gpus(gpus),
        };
        Ok((order, exit))
    }

    /// Judges how a command ended, and stores its outputs if it succeeded.
    fn keep(
        &self,
        task: &Task<'_>,
        task_folder: &TaskFolder,
        mut order: TaskOrder,
        exit: &CommandExit,
        log: &AttemptLog,
    ) -> Result<TaskResult, Fault> {
        let stage = &task.attempt.job.stage;
        let judged = verdict::judge(exit, task.attempt, log.path());
        let judged = full::reconsider(judged, task_folder, stage, log);
        verdict::compare_inputs(judged, &mut order.views, task_folder)?;
        writers::refuse(&order.outputs)?;
        let store = self
            .context
            .options
            .store
            .stopped_by(&task.attempt.stop.stop);
        // The search comes before the outputs move into the store. The user is told only once they
        // are stored.
        let staged = task.prepared.staged();
        let remarks = remarks::of(task.job, task_folder, staged, &order.outputs);
        let mut result = outputs::adopt(&store, stage, &order.outputs)?;
        for (first, remark) in remarks {
            if !first.swap(true, Ordering::Relaxed) {
                let remark = task.prepared.redactor().text(&remark);
                self.context.outbox.notice(format!("warning: {remark}"));
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
        task: &Task<'_>,
        task_folder: &TaskFolder,
        order: &TaskOrder,
        log: &mut AttemptLog,
        pending_ends: &mut PendingEnds,
    ) -> Result<CommandExit, Fault> {
        let null = match &self.null {
            Some(null) => null,
            None => self.null.insert(spawn::open_null()?),
        };
        let context = &*self.context;
        let attempt = task.attempt;
        let stage = &attempt.job.stage;
        let stdin = null.try_clone().map_err(|e| spawn::no_handles(&e))?;
        let launcher = &context.launcher;
        let disk = stage.resources.disk_bytes;
        let disk = disk.map(|bytes| DiskLimit::new(bytes, task_folder.path()));
        let running = spawn::spawn(launcher, self.place, &order.order, task_folder, stdin)?;
        let started = Instant::now();
        let mut told = false;
        Watch {
            running,
            task_folder,
            checkpoint: order.checkpoint.as_ref().map(Checkpoint::path),
            outbox: &context.outbox,
            wakeup: context.wakeups.of(self.place),
            stop: &attempt.stop.stop,
            grace: context.options.grace,
            limits: Limits {
                until: stage
                    .timeout_ms
                    .map(|ms| started + Duration::from_millis(ms)),
                memory_bytes: attempt.memory_limit(),
                disk,
            },
            log,
            buffer: &mut self.buffer,
            answers: None,
        }
        .until_exit(TELL_AFTER, |now| {
            pending_ends.send_due(now, &context.outbox);
            if !told {
                told = true;
                context.outbox.started(attempt.task());
            }
            pending_ends.patience(now)
        })
    }

    /// A log that cannot be written does not fail the task, but the user is told about it.
    fn mention_lost_log(&self, job: &JobState, log: &AttemptLog) {
        if let Some(problem) = log.problem()
            && job.first_notice()
        {
            let path = sunward_files::shown(log.path());
            self.context.outbox.notice(format!(
                "the log {path} is not complete: {problem}{}",
                io_remedy(problem)
            ));
        }
    }
}

impl Task<'_> {
    /// The failure that the user reads. Secrets are removed from its message.
    fn failure(&self, fault: Fault, log: &AttemptLog) -> Failure {
        let mut failure = self.attempt.failure(fault, log.quote());
        failure.message = self.prepared.redactor().text(&failure.message);
        failure
    }
}

impl Executor for ProcessExecutor {
    fn execute(&mut self, batch: &Batch, pending_ends: &mut PendingEnds) {
        for attempt in batch.attempts_from(batch.first) {
            let end = self.attempt(&batch.job, &attempt, pending_ends);
            pending_ends.push(end, Instant::now());
        }
    }
}
