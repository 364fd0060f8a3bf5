//! [`Worker`]: its threads, and the messages that it handles.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use sunward_core::{Capacity, FailureKind, Lease, RunId, Span};
use sunward_protocol::{FromWorker, ToWorker};

use crate::batch::Need;
use crate::context::WorkerContext;
use crate::devices::Devices;
use crate::ends;
use crate::job::JobState;
use crate::kernels::watchdog::Watchdog;
use crate::live::Scratch;
use crate::meter::Meters;
use crate::options::Options;
use crate::outbox::Outbox;
use crate::process::launcher::Launcher;
use crate::process::tree;
use crate::queue::Queue;
use crate::shared_queue::SharedQueue;
use crate::slot::Slot;
use crate::space::Space;
use crate::wakeups::Wakeups;

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
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the worker and its slots share.
struct Shared {
    context: Arc<WorkerContext>,
    queue: Arc<SharedQueue>,
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
            path: sunward_files::as_value(&options.home),
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
        let wakeups = Wakeups::new(total.cpus).map_err(threads_error)?;
        let outbox = Outbox::new(outbox);
        outbox.send(FromWorker::Hello {
            capacity: Capacity {
                cpus: total.cpus,
                memory_bytes: total.memory_bytes,
                gpus: total.gpus,
            },
        });
        let mut worker = Self {
            shared: Arc::new(Shared::new(options, total, scratch, wakeups, outbox)),
            threads: Vec::new(),
        };
        for place in 0..slots(total) {
            let shared = Arc::clone(&worker.shared);
            let thread = std::thread::Builder::new()
                .name(format!("slot {place}"))
                .spawn(move || shared.run_slot(place))
                .map_err(threads_error)?;
            worker.threads.push(thread);
        }
        Ok(worker)
    }

    /// Sends a message to the worker. It never waits for running tasks.
    pub fn tell(&self, message: ToWorker) {
        match message {
            ToWorker::Job(job) => {
                let job = JobState::here(&self.shared.context, job);
                self.shared.queue.lock().add_job(job);
            }
            ToWorker::Files { run, stage, files } => {
                self.shared.queue.lock().add_files((run, stage), files);
            }
            ToWorker::Lease(lease) => self.shared.lease(lease),
            ToWorker::Revoke { run } => self.shared.revoke(run),
            ToWorker::Yield { tasks, stops } => self.shared.make_way(tasks, stops),
            ToWorker::Forget { run } => self.shared.queue.lock().forget(run),
            ToWorker::Stop => self.shared.leave(),
        }
    }

    /// Waits until the worker's threads have ended. Send [`ToWorker::Stop`] first; otherwise this
    /// never returns.
    pub fn join(mut self) {
        self.join_threads();
    }

    fn join_threads(&mut self) {
        for thread in self.threads.drain(..) {
            // A slot that panicked was already counted by its `SlotGuard`.
            drop(thread.join());
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.leave();
        self.join_threads();
    }
}

/// Counts a slot as gone when its thread ends, also by a panic. After a panic outside of a task, no
/// state can be trusted. So the whole worker stops then; the run is interrupted and can be resumed.
struct SlotGuard(Arc<Shared>);

impl Drop for SlotGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.leave();
        }
        self.0.slot_leaves();
    }
}

/// The number of slots, one for each core.
fn slots(total: Need) -> usize {
    usize::try_from(total.cpus).unwrap_or(usize::MAX)
}

impl Shared {
    fn new(
        mut options: Options,
        total: Need,
        scratch: Scratch,
        wakeups: Wakeups,
        outbox: Outbox,
    ) -> Self {
        let folder = scratch.folder().to_owned();
        let measure = Box::new(move || Space::at(&folder));
        Self {
            queue: Arc::new(SharedQueue::new(Queue::new(total, measure))),
            slots_left: AtomicUsize::new(slots(total)),
            context: Arc::new(WorkerContext {
                launcher: Launcher::new(scratch, options.supervisor.clone(), outbox.clone()),
                outbox,
                watchdog: Watchdog::default(),
                devices: Devices::new(std::mem::take(&mut options.cards)),
                meters: Meters::new(options.meters.clone(), options.watts_per_core),
                wakeups,
                options,
            }),
        }
    }

    /// Works in the slot of this number until the worker stops.
    fn run_slot(self: Arc<Self>, place: usize) {
        let (context, queue) = (Arc::clone(&self.context), Arc::clone(&self.queue));
        let _guard = SlotGuard(self);
        Slot::new(context, queue, place).work();
    }

    fn lease(&self, lease: Lease) {
        let added = self.queue.lock().add_lease(lease);
        match added {
            Ok(()) => self.queue.wake_one(),
            Err(_) => self.answer(
                &lease,
                FailureKind::Infrastructure,
                "the worker got a lease for a stage that it does not know; this is a bug in Sunward; please report it",
            ),
        }
    }

    fn revoke(&self, run: RunId) {
        let dropped = self.queue.lock().revoke(run);
        self.wake_all();
        for lease in dropped {
            self.answer(
                &lease,
                FailureKind::Cancelled,
                "it was stopped before it started",
            );
        }
    }

    fn make_way(&self, tasks: Span, stops: bool) {
        let given_back = self.queue.lock().make_way(tasks, stops);
        self.wake_all();
        for lease in given_back {
            self.answer(
                &lease,
                FailureKind::Preempted,
                "it was given back before it started",
            );
        }
    }

    fn leave(&self) {
        self.context.wakeups.leave();
        self.queue.lock().leave();
        self.wake_all();
        self.queue.wake_all();
    }

    fn answer(&self, lease: &Lease, kind: FailureKind, message: &str) {
        self.context
            .outbox
            .ended(ends::not_started(lease, kind, message));
    }

    /// Makes every slot check whether its task must stop.
    fn wake_all(&self) {
        self.context.watchdog.pass_on();
        self.context.wakeups.wake_all();
    }

    /// Counts a slot as gone. The last one ends leftover processes and sends `Goodbye`.
    fn slot_leaves(&self) {
        if self.slots_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            tree::end_the_rest();
            self.context.outbox.send(FromWorker::Goodbye);
        }
    }
}
