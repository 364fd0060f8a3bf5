//! Assembles the ends of attempts.

use std::time::Instant;

use sunward_core::{Failure, FailureKind, Generation, Lease, Outcome, RanOn, TaskEnd, TaskId};

use crate::attempt::Attempt;
use crate::batch::Batch;
use crate::fault::Fault;
use crate::meter::Reading;
use crate::pending_ends::PendingEnds;

/// The end of one attempt, with what it ran on if it started.
pub(crate) fn task_end(
    attempt: &Attempt<'_>,
    reading: Reading,
    ran_on: Option<RanOn>,
    outcome: Outcome,
) -> TaskEnd {
    let mut outcome = match ran_on {
        Some(ran_on) => outcome.on(ran_on),
        None => outcome,
    };
    if let Outcome::Failed(failure) = &mut outcome
        && failure.kind == FailureKind::Cancelled
        && attempt.stop.makes_way()
    {
        failure.kind = FailureKind::Preempted;
    }
    TaskEnd {
        task: attempt.task(),
        generation: attempt.generation,
        started_ms: reading.started_ms,
        wall_us: reading.wall_us,
        cpu_us: reading.cpu_us,
        energy: reading.energy,
        outcome,
    }
}

/// Ends the tasks from index `from` on, which were not started.
pub(crate) fn fail_rest(batch: &Batch, from: u32, fault: &Fault, pending_ends: &mut PendingEnds) {
    for attempt in batch.attempts_from(from) {
        fail_task(&attempt, fault, pending_ends);
    }
}

/// Ends one task, which was not started or whose usage is not known.
pub(crate) fn fail_task(attempt: &Attempt<'_>, fault: &Fault, pending_ends: &mut PendingEnds) {
    let failure = attempt.failure(fault.clone(), String::new());
    let outcome = Outcome::Failed(failure);
    let ended = task_end(attempt, Reading::default(), None, outcome);
    pending_ends.push(ended, Instant::now());
}

/// The ends of a lease's tasks that never started.
pub(crate) fn not_started(lease: &Lease, kind: FailureKind, message: &str) -> Vec<TaskEnd> {
    (0..lease.count)
        .map(|offset| {
            not_started_task(lease, lease.first + offset, lease.generation, kind, message)
        })
        .collect()
}

fn not_started_task(
    lease: &Lease,
    index: u32,
    generation: Generation,
    kind: FailureKind,
    message: &str,
) -> TaskEnd {
    let reading = Reading::default();
    TaskEnd {
        task: TaskId {
            run: lease.run,
            stage: lease.stage,
            index,
        },
        generation,
        started_ms: reading.started_ms,
        wall_us: 0,
        cpu_us: 0,
        energy: reading.energy,
        outcome: Outcome::Failed(Failure {
            kind,
            message: message.to_owned(),
            log_tail: String::new(),
            ran_on: None,
        }),
    }
}
