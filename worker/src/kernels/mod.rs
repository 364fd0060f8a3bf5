//! Executes kernels' CPU twins in this process, on the slot's own thread. (On devices they run in
//! child processes: `device`.)
//!
//! A kernel task may be shorter than reading the clock. So short tasks run in groups that share two
//! clock readings, and their ends are sent together; long ones are timed one by one.

pub(crate) mod prepared;
mod stopwatch;
pub(crate) mod watchdog;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sunward_core::{FailureKind, Outcome, TaskResult};
use sunward_kernels::device::DeviceError;
use sunward_kernels::{Context, KernelError, Outputs};

use crate::attempt::Attempt;
use crate::batch::Batch;
use crate::context::WorkerContext;
use crate::ends::fail_rest;
use crate::executor::Executor;
use crate::fault::Fault;
use crate::meter::Span;
use crate::outputs;
use crate::panics;
use crate::pending_ends::PendingEnds;
use crate::rejects;
use crate::stop::Stop;

use prepared::PreparedKernel;
use stopwatch::Stopwatch;

/// Tasks shorter than this are timed together.
const SHORT_NANOS: u64 = 20_000;

/// How many short tasks share a timing: few enough to notice soon that tasks have become long.
const GROUP: u32 = 256;

/// After a task as long as this, its end is sent at once, because the next task takes as long
/// again.
const LONG: Duration = Duration::from_millis(1);

/// A task is reported as executing if the last one took longer than this.
const WORTH_TELLING_NANOS: u64 = 50_000_000;

/// Runs kernels.
pub(crate) struct KernelExecutor {
    context: Arc<WorkerContext>,
}

impl KernelExecutor {
    pub(crate) fn new(context: Arc<WorkerContext>) -> Self {
        Self { context }
    }

    fn run_all(&self, batch: &Batch, prepared: &PreparedKernel, pending_ends: &mut PendingEnds) {
        let mut index = batch.first;
        let beyond = batch.first + batch.count;
        let mut outcomes = Vec::new();
        while index < beyond {
            if batch.stopped() {
                return fail_rest(batch, index, &Fault::cancelled(), pending_ends);
            }
            let pace = batch.job.pace_nanos();
            let group = if pace > 0 && pace < SHORT_NANOS {
                GROUP.min(beyond - index)
            } else {
                1
            };
            let is_long = !prepared.is_trivial() && (pace == 0 || pace > WORTH_TELLING_NANOS);
            if is_long {
                self.context.outbox.started(batch.attempt(index).task());
            }
            let span = match is_long {
                true => Span::begin(&self.context.meters),
                false => Span::begin_short(&self.context.meters),
            };
            let watch = Stopwatch::start(span, batch.need.cpus);
            let attempts = batch.attempts_from(index).zip(0..group);
            outcomes.extend(attempts.map(|(attempt, _)| self.outcome(batch, &attempt, prepared)));
            let took = watch.stop(batch, index, &mut outcomes, pending_ends);
            batch.job.note_pace(group, took);
            index += group;
            if took >= LONG {
                pending_ends.send(&self.context.outbox);
            }
        }
    }

    fn outcome(&self, batch: &Batch, attempt: &Attempt<'_>, prepared: &PreparedKernel) -> Outcome {
        match self.attempt(batch, attempt, prepared) {
            Ok(result) => Outcome::Succeeded(result),
            Err(fault) => Outcome::Failed(attempt.failure(fault, String::new())),
        }
    }

    fn attempt(
        &self,
        batch: &Batch,
        attempt: &Attempt<'_>,
        prepared: &PreparedKernel,
    ) -> Result<TaskResult, Fault> {
        let store = &self.context.options.store;
        let task = prepared.task(store, attempt)?;
        let stage = &attempt.job.stage;
        let timeout = stage.timeout_ms;
        let guard = timeout.filter(|_| !prepared.is_trivial()).map(|ms| {
            let until = Instant::now() + Duration::from_millis(ms);
            self.context.watchdog.guard(until, &batch.stop.stop)
        });
        let stop = guard
            .as_ref()
            .map_or(&batch.stop.stop, watchdog::Guard::stop);
        let threads = usize::try_from(batch.need.cpus).unwrap_or(1);
        let context = Context::new(threads).with_stop(Arc::clone(stop));
        let outputs = run(prepared, &task, &attempt.stop.stop, &context)?;
        let rejects = rejects::of(prepared.kernel().entry(), task.inputs(), &outputs);
        outputs::store_tables(store, stage, outputs, rejects)
    }
}

impl Executor for KernelExecutor {
    fn execute(&mut self, batch: &Batch, pending_ends: &mut PendingEnds) {
        let job = &batch.job;
        let prepared = job.kernel.get_or_make(|| {
            let options = &self.context.options;
            PreparedKernel::new(options.kernels, &options.store, &job.job)
        });
        match prepared {
            Ok(prepared) => self.run_all(batch, &prepared, pending_ends),
            Err(fault) => fail_rest(batch, batch.first, &fault, pending_ends),
        }
    }
}

/// Runs the kernel. A panic in it ends the task and not the worker.
pub(crate) fn run(
    prepared: &PreparedKernel,
    task: &prepared::Task<'_>,
    stop: &Stop,
    context: &Context,
) -> Result<Outputs, Fault> {
    let run = || prepared.kernel().run(task.inputs(), task.params(), context);
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(outputs)) => Ok(outputs),
        Ok(Err(KernelError::Stopped)) if stop.load(Ordering::Relaxed) => Err(Fault::cancelled()),
        Ok(Err(error)) => Err(fault_of(&error)),
        Err(panic) => Err(panicked(prepared, &*panic)),
    }
}

/// The kind of failure for a kernel's error.
fn fault_of(error: &KernelError) -> Fault {
    let kind = match error {
        KernelError::Stopped => {
            return Fault::new(
                FailureKind::Timeout,
                "it took longer than its `timeout` and was stopped; raise `timeout`, or make the task smaller",
            );
        }
        KernelError::Device(error) => kind_of(error),
        KernelError::Threads { .. } => FailureKind::Infrastructure,
        _ => FailureKind::Input,
    };
    Fault::new(kind, error.to_string())
}

/// The kind of failure for a device's error.
pub(crate) fn kind_of(error: &DeviceError) -> FailureKind {
    match error {
        DeviceError::OutOfMemory { .. } => FailureKind::Memory,
        DeviceError::NoGpu { .. }
        | DeviceError::Driver { .. }
        | DeviceError::NoCompiler { .. }
        | DeviceError::Cache { .. } => FailureKind::Infrastructure,
        _ => FailureKind::Input,
    }
}

fn panicked(prepared: &PreparedKernel, panic: &(dyn std::any::Any + Send)) -> Fault {
    let said = panics::message_of(panic);
    let name = prepared.kernel().entry().name.as_str();
    Fault::input(format!(
        "kernel {name} panicked: {said}; this is a bug in the kernel; please report it with the input"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_device_is_told_with_its_numbers_and_a_lost_one_is_the_machines_fault() {
        let full = DeviceError::OutOfMemory {
            device: "GPU-a".to_owned(),
            wanted: 1 << 40,
            free: 17,
            total: 80 << 30,
        };
        let fault = fault_of(&full.into());
        assert_eq!(fault.kind, FailureKind::Memory);
        for number in ["17", "1099511627776", "85899345920"] {
            assert!(fault.message.contains(number), "{}", fault.message);
        }
        let lost = DeviceError::Driver {
            doing: "waiting for a kernel".to_owned(),
            reason: "an illegal memory access was encountered".to_owned(),
        };
        assert_eq!(fault_of(&lost.into()).kind, FailureKind::Infrastructure);
    }
}
