//! [`Worker`]: its threads, and what it is told.

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

/// How often a disk is looked at for whose space a task waits.
const LOOK_FOR_SPACE_EVERY: Duration = Duration::from_secs(1);

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A folder of its own could not be made.
    #[error(
        "could not set up the worker's scratch folder below {path}: {source}; see who may write there and whether the disk is full"
    )]
    Scratch {
        /// Where.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Its threads could not be started.
    #[error("could not start a thread for each of {cpus} cores: {source}; lower `-j`")]
    Threads {
        /// How many were asked for.
        cpus: u32,
        /// What the system says.
        source: io::Error,
    },
}

/// A worker in this process: one thread for each task that may run at once, and no other.
///
/// It says `Hello` at once and `Goodbye` when its last thread leaves. Dropping it stops it.
pub struct Worker {
    context: Arc<WorkerContext>,
    threads: Vec<JoinHandle<()>>,
}

/// What the slots share.
pub(crate) struct WorkerContext {
    pub(crate) options: Options,
    pub(crate) outbox: Box<Outbox>,
    /// Started with the first command. It leaves before the scratch folder goes.
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
    /// Starts a worker. `outbox` takes its messages, from any of its threads and from within
    /// [`Worker::tell`]; it must not block for long.
    ///
    /// # Errors
    /// When its scratch folder or its threads cannot be made.
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
        // Commands start in folders of their own, where a relative path means something else.
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

    /// Tells it something. Never blocks on what runs.
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

    /// Waits until it has left; tell it [`ToWorker::Stop`] first, or this waits for ever.
    pub fn join(mut self) {
        self.join_threads();
    }

    fn join_threads(&mut self) {
        for thread in self.threads.drain(..) {
            // A slot that panicked has said goodbye as it unwound.
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

/// Says that a slot is gone, however it ended. A panic outside a task leaves nothing that could be
/// relied on, so the whole worker leaves: the run stops and can go on later.
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
    /// The queue. A slot never panics while it holds it, so a poisoned lock is still sound.
    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there may be work.
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

    /// Says that a stage waits for space on the disk.
    fn tell_of(&self, shortage: &Shortage) {
        let Shortage {
            job,
            need_bytes,
            space,
        } = shortage;
        let advice = if *need_bytes > space.total_bytes {
            "it is too small for that: lower `resources: disk`, or keep the state on a larger disk with `--home`"
        } else {
            "it continues by itself once there is enough: free some space, or lower `resources: disk`"
        };
        self.notice(format!(
            "stage {} waits for space: a task of it asks for {}, the disk of {} has {} free of {}; {advice}",
            job.job.stage.name,
            shown(*need_bytes),
            self.scratch.folder().display(),
            shown(space.free_bytes),
            shown(space.total_bytes),
        ));
    }

    /// Wakes one slot that waits.
    pub(crate) fn wake_one(&self) {
        self.work.notify_one();
    }

    /// The bell of one slot: readable when it should look whether its task must stop.
    pub(crate) fn bell(&self, place: usize) -> Option<&OwnedFd> {
        self.bells.get(place)
    }

    /// Sees to it that what is about to be started does not outlive this process.
    pub(crate) fn supervise(&self) {
        self.supervisor.get_or_init(|| {
            let program = self.options.supervisor.as_ref()?;
            Supervisor::start(program, self.scratch.folder())
                .inspect_err(|error| {
                    self.notice(format!(
                        "the process that ends tasks when sunward is killed could not be started ({}): {error}",
                        program.display()
                    ));
                })
                .ok()
        });
    }

    /// Where the log of one attempt goes.
    pub(crate) fn log_path(&self, batch: &Batch, index: u32) -> PathBuf {
        let job = &batch.job.job;
        let mut path = self.options.home.join("runs");
        path.push(job.run.to_string());
        path.push("logs");
        path.push(&job.stage.name);
        path.push(format!("{index}.{}.log", batch.attempt));
        path
    }

    /// A line for the user.
    pub(crate) fn notice(&self, line: String) {
        (self.outbox)(FromWorker::Notice { line });
    }

    /// Called by each slot as it leaves; the last one says goodbye.
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
                "the worker got a lease of a stage that it does not know; this is a bug in Sunward; please report it",
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
                "it was cancelled before it began",
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

    /// Makes every slot look whether its task must stop.
    fn ring(&self) {
        self.watchdog.pass_on();
        for bell in &self.bells {
            // Fails only when it already rings.
            rustix::io::write(bell, &1_u64.to_ne_bytes()).ok();
        }
    }
}
