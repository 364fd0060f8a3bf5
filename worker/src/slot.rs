//! A slot: a thread that runs one batch after another.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use sunward_workflows::Action;
use sunward_workflows::units::size_text;

use crate::batch::Batch;
use crate::context::WorkerContext;
use crate::device::{DeviceExecutor, Venue};
use crate::ends::fail_task;
use crate::executor::Executor;
use crate::fault::Fault;
use crate::kernels::KernelExecutor;
use crate::panics;
use crate::pending_ends::PendingEnds;
use crate::process::ProcessExecutor;
use crate::queue::{Next, Queue, Shortage};
use crate::shared_queue::SharedQueue;

/// The state that a slot keeps from task to task.
pub(crate) struct Slot {
    context: Arc<WorkerContext>,
    queue: Arc<SharedQueue>,
    place: usize,
    pending_ends: PendingEnds,
    executors: Executors,
}

/// What a slot runs tasks with.
struct Executors {
    processes: ProcessExecutor,
    kernels: KernelExecutor,
    devices: DeviceExecutor,
}

impl Executors {
    fn new(context: &Arc<WorkerContext>, place: usize) -> Self {
        Self {
            processes: ProcessExecutor::new(Arc::clone(context), place),
            kernels: KernelExecutor::new(Arc::clone(context)),
            devices: DeviceExecutor::new(Arc::clone(context), place),
        }
    }
}

impl Slot {
    pub(crate) fn new(context: Arc<WorkerContext>, queue: Arc<SharedQueue>, place: usize) -> Self {
        Self {
            executors: Executors::new(&context, place),
            pending_ends: PendingEnds::default(),
            context,
            queue,
            place,
        }
    }

    /// Runs batches until the worker stops.
    pub(crate) fn work(mut self) {
        let context = Arc::clone(&self.context);
        while let Some(batch) = self.next() {
            let present = context.meters.enter();
            self.pending_ends.expect_from(batch.first);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.execute(&batch))) {
                self.recover(&batch, &*panic);
            }
            drop(present);
            self.queue.lock().release(&batch);
            self.pending_ends.send_due(Instant::now(), &context.outbox);
        }
        self.pending_ends.send(&context.outbox);
        self.executors.devices.stop_child();
    }

    /// Handles a panic. The unfinished tasks of the batch fail. The executors are replaced, because
    /// the state of the old ones is unknown.
    fn recover(&mut self, batch: &Batch, panic: &(dyn Any + Send)) {
        let fresh = Executors::new(&self.context, self.place);
        let old = std::mem::replace(&mut self.executors, fresh);
        // Dropping the old executors may panic again.
        drop(catch_unwind(AssertUnwindSafe(|| drop(old))));
        let fault = panicked(panic);
        for attempt in batch.attempts_from(batch.first) {
            if !self.pending_ends.has_ended(attempt.index) {
                fail_task(&attempt, &fault, &mut self.pending_ends);
            }
        }
    }

    /// Executes a batch. If the batch needs no device, the slot releases its device first, so that
    /// others can use it.
    fn execute(&mut self, batch: &Batch) {
        let venue = match &batch.job.job.stage.action {
            Action::Run(_) | Action::Cuda(_) => None,
            Action::Kernel { .. } => Some(batch.job.venue),
        };
        let Executors {
            processes,
            kernels,
            devices,
        } = &mut self.executors;
        if let None | Some(Venue::Twin) = venue {
            devices.stop_child();
        }
        let pending_ends = &mut self.pending_ends;
        match venue {
            None => processes.execute(batch, pending_ends),
            Some(Venue::Twin) => kernels.execute(batch, pending_ends),
            Some(Venue::Gpu | Venue::Host) => devices.execute(batch, pending_ends),
        }
    }

    /// The next batch, or `None` when the worker stops. Pending ends are sent before this waits, so
    /// that none is held back while the slot is idle.
    fn next(&mut self) -> Option<Batch> {
        let shared = Arc::clone(&self.queue);
        let mut queue = shared.lock();
        loop {
            match queue.next() {
                Next::Leave => return None,
                Next::Work(batch) => {
                    if queue.has_work() {
                        shared.wake_one();
                    }
                    return Some(batch);
                }
                Next::Wait
                    if self.pending_ends.is_empty() && !self.executors.devices.has_child() =>
                {
                    queue = self.wait(&shared, queue);
                }
                Next::Wait => {
                    drop(queue);
                    if self.pending_ends.is_empty() {
                        self.executors.devices.stop_child();
                    }
                    self.pending_ends.send(&self.context.outbox);
                    queue = shared.lock();
                }
            }
        }
    }

    /// Waits until there may be work. The user is told if a stage waits for disk space.
    fn wait<'q>(
        &self,
        shared: &'q SharedQueue,
        queue: MutexGuard<'q, Queue>,
    ) -> MutexGuard<'q, Queue> {
        match queue.shortage() {
            None => shared.wait(queue),
            Some(shortage) if shortage.job.first_wait_for_space() => {
                drop(queue);
                let folder = self.context.launcher.folder();
                self.context.outbox.notice(described(&shortage, folder));
                shared.lock()
            }
            Some(_) => shared.wait_for_space(queue),
        }
    }
}

/// The notice that a stage waits for disk space on the disk of `folder`.
fn described(shortage: &Shortage, folder: &Path) -> String {
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
    format!(
        "stage {} waits for disk space: one of its tasks asks for {}, and the disk of {} has {} free of {}; {advice}",
        job.job.stage.name,
        size_text(*need_bytes),
        sunward_files::shown(folder),
        size_text(space.free_bytes),
        size_text(space.total_bytes),
    )
}

/// The fault for a panic. A panic is never the user's mistake.
fn panicked(panic: &(dyn Any + Send)) -> Fault {
    let said = panics::message_of(panic);
    Fault::input(format!(
        "executing the task failed unexpectedly: {said}. This is a bug in Sunward; please report it with \
         this message, the stage's definition and its inputs. Other tasks are not affected"
    ))
}
