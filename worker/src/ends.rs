//! Assembles the ends of attempts.

use sunward_core::{Failure, FailureKind, Generation, Lease, Outcome, RanOn, TaskEnd, TaskId};

use crate::batch::Batch;
use crate::meter::Reading;

/// The end of one attempt, with what it ran on if it started.
pub(crate) fn end(
    batch: &Batch,
    index: u32,
    reading: Reading,
    ran_on: Option<RanOn>,
    outcome: Outcome,
) -> TaskEnd {
    let outcome = match ran_on {
        Some(ran_on) => outcome.on(ran_on),
        None => outcome,
    };
    TaskEnd {
        task: batch.task(index),
        generation: batch.generation,
        started_ms: reading.started_ms,
        wall_us: reading.wall_us,
        cpu_us: reading.cpu_us,
        energy: reading.energy,
        outcome,
    }
}

/// The ends of a lease's tasks that never started.
pub(crate) fn unbegun(lease: &Lease, kind: FailureKind, message: &str) -> Vec<TaskEnd> {
    (0..lease.count)
        .map(|offset| unbegun_task(lease, lease.first + offset, lease.generation, kind, message))
        .collect()
}

fn unbegun_task(
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
