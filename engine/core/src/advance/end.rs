//! Runs end when all of their stages have ended, and stop when none of their tasks is leased.

use crate::fact::{Fact, RunStatus};
use crate::ids::Timestamp;
use crate::order::{Order, Step};
use crate::state::RunState;
use crate::state::run::Stopping;

/// Ends a run that has nothing left to do.
pub(super) fn end(run: &RunState, now: Timestamp, step: &mut Step) {
    let status = match run.stopping {
        Some(Stopping::Cancel) if run.active_tasks == 0 => RunStatus::Cancelled,
        Some(Stopping::Interrupt) if run.open_stages == 0 => run.outcome(),
        Some(Stopping::Interrupt) if run.active_tasks == 0 => RunStatus::Interrupted,
        Some(Stopping::Hold) if run.open_stages == 0 => run.outcome(),
        Some(Stopping::Hold) if run.active_tasks == 0 => RunStatus::Held,
        None if run.open_stages == 0 => run.outcome(),
        Some(Stopping::Cancel | Stopping::Interrupt | Stopping::Hold) | None => return,
    };
    step.facts.push(Fact::RunEnded {
        run: run.id,
        status,
        at: now,
    });
    step.orders.push(Order::Close {
        run: run.id,
        status,
    });
}
