//! A child process that serves tasks of one kernel stage: its process, its task folder and its
//! GPUs.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sunward_files::private;

use super::messages::{Assignment, Request, Response, receive, send};
use super::{VERB, VISIBLE, Venue, program};
use crate::attempt::Attempt;
use crate::batch::Batch;
use crate::context::WorkerContext;
use crate::devices::HeldGpus;
use crate::fault::Fault;
use crate::inputs;
use crate::log::AttemptLog;
use crate::process::environment::Environment;
use crate::process::exit::CommandExit;
use crate::process::limits::{DiskLimit, Limits};
use crate::process::spawn::{self, Order, Running};
use crate::process::watch::{self, Watch};
use crate::task_folder::{TaskFolder, TaskFolders};

/// How long a message may take after its begin has arrived.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that keeps its device until it exits.
pub(super) struct Child {
    /// `None` once it has exited.
    running: Option<Running>,
    line: UnixStream,
    task_folder: TaskFolder,
    /// The processor time that it has reported.
    reported_cpu_us: u64,
    /// Whether it may have left processes behind.
    abandoned: bool,
    /// Released once the process is gone.
    gpus: HeldGpus,
}

/// What was observed of a child during a task.
pub(super) enum Seen {
    /// It answered and waits for more.
    Answered(Response),
    /// It has exited.
    Exited(CommandExit),
}

/// What a slot needs to watch its child.
pub(super) struct Monitor<'a> {
    pub(super) context: &'a WorkerContext,
    pub(super) place: usize,
    pub(super) attempt: Attempt<'a>,
    pub(super) log: &'a mut AttemptLog,
    pub(super) buffer: &'a mut [u8],
}

impl Monitor<'_> {
    fn on<'w>(
        &'w mut self,
        running: Running,
        task_folder: &'w TaskFolder,
        limits: Limits,
        line: Option<&'w UnixStream>,
    ) -> Watch<'w> {
        Watch {
            running,
            task_folder,
            checkpoint: None,
            outbox: &self.context.outbox,
            wakeup: self.context.wakeups.of(self.place),
            grace: self.context.options.grace,
            stop: &self.attempt.stop.stop,
            limits,
            log: self.log,
            buffer: self.buffer,
            answers: line.map(AsFd::as_fd),
        }
    }
}

impl Child {
    /// Starts a child for the tasks of a batch, on GPUs of its own once they are free.
    pub(super) fn start(
        context: &WorkerContext,
        place: usize,
        batch: &Batch,
        folders: &mut TaskFolders,
    ) -> Result<Self, Fault> {
        let task_folder = folders.enter()?;
        match Self::process(context, place, batch, &task_folder) {
            Ok((running, line, gpus)) => Ok(Self {
                running: Some(running),
                line,
                task_folder,
                reported_cpu_us: 0,
                abandoned: false,
                gpus,
            }),
            Err(fault) => {
                folders.leave(task_folder, false);
                Err(fault)
            }
        }
    }

    fn process(
        context: &WorkerContext,
        place: usize,
        batch: &Batch,
        task_folder: &TaskFolder,
    ) -> Result<(Running, UnixStream, HeldGpus), Fault> {
        let assignment = write_assignment(context, batch, task_folder)?;
        let (ours, theirs) = UnixStream::pair().map_err(|error| spawn::no_handles(&error))?;
        ours.set_read_timeout(Some(PATIENCE))
            .map_err(|error| spawn::no_handles(&error))?;
        let mut environment = Environment::of_our_own(&context.options.host);
        environment.set("TMPDIR", task_folder.temporary());
        // GPUs are taken last: nothing that can fail should keep them waiting.
        let gpus = match batch.job.venue {
            Venue::Gpu => context
                .devices
                .take(&batch.job.job.stage.resources, &batch.stop.stop)?,
            Venue::Host | Venue::Twin => HeldGpus::default(),
        };
        environment.set(VISIBLE, gpus.visible());
        let words = [
            program()?.into_os_string(),
            VERB.into(),
            "kernel".into(),
            assignment.into(),
        ];
        let order = Order {
            container: None,
            words: words.into(),
            environment,
        };
        let theirs = OwnedFd::from(theirs);
        let running = spawn::spawn(&context.launcher, place, &order, task_folder, theirs)?;
        Ok((running, ours, gpus))
    }

    /// Its GPUs.
    pub(super) fn gpus(&self) -> &HeldGpus {
        &self.gpus
    }

    /// An empty folder for a task's outputs.
    pub(super) fn outputs(&self, index: u32) -> Result<PathBuf, Fault> {
        let folder = self.task_folder.outputs()?.join(index.to_string());
        match private::create_folder(&folder) {
            Ok(()) => Ok(folder),
            Err(error) => Err(Fault::io("create the scratch folder", &folder, &error)),
        }
    }

    /// Requests a task and watches until it is done or the child has exited. `idle` is called after
    /// `first`, and returns when to call it again.
    pub(super) fn request(
        &mut self,
        request: &Request,
        mut monitor: Monitor<'_>,
        first: Duration,
        mut idle: impl FnMut(Instant) -> Option<Duration>,
    ) -> Result<Seen, Fault> {
        let stage = &monitor.attempt.job.stage;
        let limits = Limits {
            until: stage
                .timeout_ms
                .map(|ms| Instant::now() + Duration::from_millis(ms)),
            memory_bytes: monitor.attempt.memory_limit(),
            disk: stage
                .resources
                .disk_bytes
                .map(|bytes| DiskLimit::new(bytes, self.task_folder.path())),
        };
        // If the child has exited, the watch will notice.
        drop(send(&mut self.line, request));
        let line = Some(&self.line);
        let running = self.running.take().ok_or_else(left_already)?;
        // Until it is observed again.
        self.abandoned = true;
        let watch = monitor.on(running, &self.task_folder, limits, line);
        match watch.until_answer(first, &mut idle)? {
            watch::Seen::Exited(exit) => return Ok(self.exited(exit)),
            watch::Seen::Answered(running) => self.running = Some(running),
        }
        if let Some(answer) =
            receive::<Response>(&mut self.line).map_err(|error| unheard(&error))?
        {
            self.reported_cpu_us = self.reported_cpu_us.saturating_add(answer.cpu_us);
            return Ok(Seen::Answered(answer));
        }
        // It closed the connection and is about to exit.
        let running = self.running.take().ok_or_else(left_already)?;
        let watch = monitor.on(running, &self.task_folder, limits, None);
        let exit = watch.until_exit(first, &mut idle)?;
        Ok(self.exited(exit))
    }

    fn exited(&mut self, exit: CommandExit) -> Seen {
        self.abandoned = exit.left_processes;
        Seen::Exited(CommandExit {
            cpu_us: exit.cpu_us.saturating_sub(self.reported_cpu_us),
            ..exit
        })
    }

    /// Lets it exit, ensures that it does, and returns its task folder, with whether processes may
    /// be left in it.
    pub(super) fn leave(self, mut monitor: Monitor<'_>) -> (TaskFolder, bool) {
        drop(self.line);
        let Some(running) = self.running else {
            return (self.task_folder, self.abandoned);
        };
        let limits = Limits {
            until: Some(Instant::now() + monitor.context.options.grace),
            ..Limits::default()
        };
        let watch = monitor.on(running, &self.task_folder, limits, None);
        let exit = watch.until_exit(Duration::ZERO, |_| None);
        let abandoned = exit.map_or(true, |exit| exit.left_processes);
        (self.task_folder, abandoned)
    }
}

/// Writes the child's assignment.
fn write_assignment(
    context: &WorkerContext,
    batch: &Batch,
    task_folder: &TaskFolder,
) -> Result<PathBuf, Fault> {
    let options = &context.options;
    let assignment = Assignment {
        home: options.home.clone(),
        job: inputs::at_hand(&options.store, &batch.job.job)?,
        threads: batch.need.cpus,
    };
    let path = task_folder.work().join("assignment");
    let bytes = postcard::to_stdvec(&assignment).map_err(|error| {
        Fault::infrastructure(format!(
            "the stage cannot be passed to another process: {error}; this is a bug in Sunward; please report it"
        ))
    })?;
    private::write(&path, bytes).map_err(|error| Fault::io("write", &path, &error))?;
    Ok(path)
}

fn left_already() -> Fault {
    Fault::infrastructure("the process that runs the kernel has already exited; run again")
}

fn unheard(error: &io::Error) -> Fault {
    Fault::infrastructure(format!(
        "the process that runs the kernel sent no valid response: {error}; run again"
    ))
}
