//! [`Worker`]: its threads, and the messages that it handles.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use sunward_core::{Capacity, FailureKind, Lease, RunId};
use sunward_protocol::{FromWorker, ToWorker};
use sunward_workflows::units::size_text as shown;

use crate::batch::{Batch, Need};
use crate::devices::Devices;
use crate::ends;
use crate::job::JobState;
use crate::kernels::Watchdog;
use crate::live::Scratch;
use crate::meter::Meters;
use crate::options::Options;
use crate::pending_ends::Outbox;
use crate::process::tree;
use crate::queue::{Queue, Shortage};
use crate::slot::Slot;
use crate::space::Space;
use crate::supervisor::Supervisor;

/// How often the free disk space is measured while a task waits for it.
const LOOK_FOR_SPACE_EVERY: Duration = Duration::from_secs(1);

/// The reason why a worker could not start.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The scratch folder could not be created.
    #[error(
        "could not set up the worker's scratch folder below {path}: {source}; check who may write there and whether the disk is full"
    )]
    Scratch {
        /// The state's folder, in which the scratch folder would be.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// The threads could not be started.
    #[error("could not start a thread for each of {cpus} cores: {source}; lower `-j`")]
    Threads {
        /// The number of requested threads, one for each core.
        cpus: u32,
        /// The system's error.
        source: io::Error,
    },
}

/// A worker in this process. It runs tasks on one thread for each core.
///
/// It sends `Hello` when it starts, and `Goodbye` when the last of these threads ends. Dropping it
/// stops it.
pub struct Worker {
    context: Arc<WorkerContext>,
    threads: Vec<JoinHandle<()>>,
}

/// The state that all slots share.
pub(crate) struct WorkerContext {
    pub(crate) options: Options,
    pub(crate) outbox: Box<Outbox>,
    /// Started with the first command. It is declared before the scratch folder, so that it is
    /// dropped first.
    supervisor: OnceLock<Option<Supervisor>>,
    pub(crate) scratch: Scratch,
    pub(crate) watchdog: Watchdog,
    pub(crate) devices: Devices,
    pub(crate) meters: Meters,
    queue: Mutex<Queue>,
    work: Condvar,
    bells: Vec<OwnedFd>,
    slots_left: AtomicUsize,
}

impl Worker {
    /// Starts a worker. `outbox` receives its messages. It is called from any of the worker's
    /// threads and from within [`Worker::tell`], and must not block for long.
    ///
    /// # Errors
    ///
    /// Fails if the scratch folder or the threads cannot be created.
    pub fn start(
        mut options: Options,
        outbox: impl Fn(FromWorker) + Send + Sync + 'static,
    ) -> Result<Self, WorkerError> {
        let total = Need {
            cpus: options.cpus.max(1),
            memory_bytes: options.memory_bytes,
            disk_bytes: 0,
            gpus: u32::try_from(options.cards.len()).unwrap_or(u32::MAX),
        };
        let scratch_error = |source| WorkerError::Scratch {
            path: options.home.display().to_string(),
            source,
        };
        // Commands start in their own folders, where a relative path would mean something else.
        let home = std::path::absolute(&options.home).map_err(scratch_error)?;
        let scratch = Scratch::claim(&home).map_err(scratch_error)?;
        options.home = home;
        let threads_error = |source| WorkerError::Threads {
            cpus: total.cpus,
            source,
        };
        let bells = (0..total.cpus)
            .map(|_| eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| threads_error(error.into()))?;
        let devices = Devices::new(std::mem::take(&mut options.cards));
        outbox(FromWorker::Hello {
            capacity: Capacity {
                cpus: total.cpus,
                memory_bytes: total.memory_bytes,
                gpus: total.gpus,
            },
        });
        let folder = scratch.folder().to_owned();
        let measure = Box::new(move || Space::at(&folder));
        let context = Arc::new(WorkerContext {
            meters: Meters::new(options.meters.clone(), options.watts_per_core),
            slots_left: AtomicUsize::new(bells.len()),
            outbox: Box::new(outbox),
            supervisor: OnceLock::new(),
            scratch,
            watchdog: Watchdog::default(),
            devices,
            queue: Mutex::new(Queue::new(total, measure)),
            work: Condvar::new(),
            bells,
            options,
        });
        let mut worker = Self {
            context,
            threads: Vec::new(),
        };
        for place in 0..worker.context.bells.len() {
            let context = Arc::clone(&worker.context);
            let thread = std::thread::Builder::new()
                .name(format!("slot {place}"))
                .spawn(move || {
                    let _farewell = Farewell(Arc::clone(&context));
                    Slot::new(context, place).work();
                })
                .map_err(threads_error)?;
            worker.threads.push(thread);
        }
        Ok(worker)
    }

    /// Sends a message to the worker. It never waits for running tasks.
    pub fn tell(&self, message: ToWorker) {
        match message {
            ToWorker::Job(job) => {
                let job = JobState::here(&self.context, job);
                self.context.queue().add_job(job);
            }
            ToWorker::Lease(lease) => self.context.lease(lease),
            ToWorker::Revoke { run } => self.context.revoke(run),
            ToWorker::Forget { run } => self.context.queue().forget(run),
            ToWorker::Stop => self.context.leave(),
        }
    }

    /// Waits until the worker's threads have ended. Send [`ToWorker::Stop`] first; otherwise this
    /// never returns.
    pub fn join(mut self) {
        self.join_threads();
    }

    fn join_threads(&mut self) {
        for thread in self.threads.drain(..) {
            // A slot that panicked was already counted by its `Farewell`.
            drop(thread.join());
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.context.leave();
        self.join_threads();
    }
}

/// Counts a slot as gone when its thread ends, also by a panic. After a panic outside of a task, no
/// state can be trusted. So the whole worker stops then; the run is interrupted and can be resumed.
struct Farewell(Arc<WorkerContext>);

impl Drop for Farewell {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.leave();
        }
        self.0.slot_leaves();
    }
}

impl WorkerContext {
    /// Locks the queue. No slot panics while it holds this lock, so a poisoned lock is still sound.
    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there may be work. While a task waits for disk space, it returns after
    /// [`LOOK_FOR_SPACE_EVERY`] at the latest.
    pub(crate) fn wait<'a>(&'a self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        let Some(shortage) = queue.shortage() else {
            return self
                .work
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        };
        if shortage.job.first_wait_for_space() {
            drop(queue);
            self.tell_of(&shortage);
            return self.queue();
        }
        let (queue, _) = self
            .work
            .wait_timeout(queue, LOOK_FOR_SPACE_EVERY)
            .unwrap_or_else(PoisonError::into_inner);
        queue
    }

    /// Tells the user that a stage waits for disk space.
    fn tell_of(&self, shortage: &Shortage) {
        let Shortage {
            job,
            need_bytes,
            space,
        } = shortage;
        let advice = if *need_bytes > space.total_bytes {
            "it is too small for that: lower `resources.disk`, or keep the state on a larger disk with `--home`"
        } else {
            "it continues by itself once there is enough space: free some, or lower `resources.disk`"
        };
        self.notice(format!(
            "stage {} waits for disk space: one of its tasks asks for {}, and the disk of {} has {} free of {}; {advice}",
            job.job.stage.name,
            shown(*need_bytes),
            self.scratch.folder().display(),
            shown(space.free_bytes),
            shown(space.total_bytes),
        ));
    }

    /// Wakes one waiting slot.
    pub(crate) fn wake_one(&self) {
        self.work.notify_one();
    }

    /// The bell of one slot, an eventfd. It becomes readable when the slot should check whether its
    /// task must stop.
    pub(crate) fn bell(&self, place: usize) -> Option<&OwnedFd> {
        self.bells.get(place)
    }

    /// Starts the supervisor if it is not running yet, so that the command that is started next
    /// does not outlive this process.
    pub(crate) fn supervise(&self) {
        self.supervisor.get_or_init(|| {
            let program = self.options.supervisor.as_ref()?;
            Supervisor::start(program, self.scratch.folder())
                .inspect_err(|error| {
                    self.notice(format!(
                        "the process that stops tasks if Sunward is killed could not be started ({}): {error}",
                        program.display()
                    ));
                })
                .ok()
        });
    }

    /// The path of the log of one attempt.
    pub(crate) fn log_path(&self, batch: &Batch, index: u32) -> PathBuf {
        let job = &batch.job.job;
        let mut path = self.options.home.join("runs");
        path.push(job.run.to_string());
        path.push("logs");
        path.push(&job.stage.name);
        path.push(format!("{index}.{}.log", batch.attempt));
        path
    }

    /// Sends one line of text for the user.
    pub(crate) fn notice(&self, line: String) {
        (self.outbox)(FromWorker::Notice { line });
    }

    /// Counts a slot as gone. The last one ends leftover processes and sends `Goodbye`.
    pub(crate) fn slot_leaves(&self) {
        if self.slots_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            tree::end_the_rest();
            (self.outbox)(FromWorker::Goodbye);
        }
    }

    fn lease(&self, lease: Lease) {
        let added = self.queue().add_lease(lease);
        match added {
            Ok(()) => self.wake_one(),
            Err(_) => self.answer(
                &lease,
                FailureKind::Infrastructure,
                "the worker got a lease for a stage that it does not know; this is a bug in Sunward; please report it",
            ),
        }
    }

    fn revoke(&self, run: RunId) {
        let dropped = self.queue().revoke(run);
        self.ring();
        for lease in dropped {
            self.answer(
                &lease,
                FailureKind::Cancelled,
                "it was stopped before it started",
            );
        }
    }

    fn leave(&self) {
        self.queue().leave();
        self.ring();
        self.work.notify_all();
    }

    fn answer(&self, lease: &Lease, kind: FailureKind, message: &str) {
        let ends = ends::unbegun(lease, kind, message);
        (self.outbox)(FromWorker::Ended { ends });
    }

    /// Makes every slot check whether its task must stop.
    fn ring(&self) {
        self.watchdog.pass_on();
        for bell in &self.bells {
            // Fails only if the counter is full. Then the bell is readable already.
            rustix::io::write(bell, &1_u64.to_ne_bytes()).ok();
        }
    }
}
