//! Inputs about whole runs, from users and from the engine's start and stop.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::fact::{Fact, RunStatus, SkipReason};
use crate::ids::{RunId, StageId, Timestamp};
use crate::order::{Order, Step};
use crate::plan::RunSpec;
use crate::state::run::Stopping;
use crate::state::stage::{Phase, StageEnd};
use crate::state::{RunState, State};

/// An engine opens the state. Runs that were being cancelled continue to be cancelled.
pub(super) fn start(state: &State, now: Timestamp) -> Step {
    let mut facts = vec![Fact::EngineStarted { at: now }];
    for id in &state.active {
        let cancelled = state
            .runs
            .get(id)
            .is_some_and(|run| run.stopping == Some(Stopping::Cancel));
        if !cancelled {
            facts.push(Fact::RunEnded {
                run: *id,
                status: RunStatus::Interrupted,
                at: now,
            });
        }
    }
    Step {
        facts,
        orders: Vec::new(),
    }
}

/// A new run is submitted.
pub(super) fn submit(state: &State, now: Timestamp, run: RunId, spec: Arc<RunSpec>) -> Step {
    if state.newest.is_some_and(|newest| run <= newest) {
        return Step::default();
    }
    Step {
        facts: vec![Fact::Submitted { run, at: now, spec }],
        orders: Vec::new(),
    }
}

/// An unfinished run is resumed with a plan of the same shape.
pub(super) fn resume(state: &State, now: Timestamp, run: RunId, spec: Arc<RunSpec>) -> Step {
    let fits = state.runs.get(&run).is_some_and(|one| {
        one.is_unfinished() && one.spec.plan.stages.len() == spec.plan.stages.len()
    });
    if !fits {
        return Step::default();
    }
    Step {
        facts: vec![Fact::Resumed { run, at: now, spec }],
        orders: Vec::new(),
    }
}

/// Failed and skipped tasks of a finished run run again, with a plan of the same shape.
pub(super) fn retry(state: &State, now: Timestamp, run: RunId, spec: Option<Arc<RunSpec>>) -> Step {
    let Some(one) = state.runs.get(&run) else {
        return Step::default();
    };
    let fits = |spec: &Arc<RunSpec>| one.spec.plan.stages.len() == spec.plan.stages.len();
    if !one.can_be_retried() || !spec.as_ref().is_none_or(fits) {
        return Step::default();
    }
    let again = begin_again(one);
    let mut facts = vec![Fact::Reopened {
        run,
        at: now,
        again,
    }];
    facts.extend(spec.map(|spec| Fact::Resumed { run, at: now, spec }));
    Step {
        facts,
        orders: Vec::new(),
    }
}

/// The stages of a finished run that begin again as a whole when it is retried.
fn begin_again(run: &RunState) -> Vec<StageId> {
    let mut touched = BTreeSet::new();
    let mut again = Vec::new();
    for id in run.ids() {
        let Some((planned, stage)) = run.get(id) else {
            continue;
        };
        let follows = planned.upstream.iter().any(|one| touched.contains(one));
        let has_to_retry = run.has_to_retry(id);
        let stands = match stage.phase {
            Phase::Ended(StageEnd::Skipped(SkipReason::NotSelected)) => true,
            Phase::Ended(StageEnd::Succeeded) => !follows && !has_to_retry,
            Phase::Ended(StageEnd::Failed | StageEnd::Cancelled | StageEnd::Skipped(_))
            | Phase::Waiting
            | Phase::Resolving
            | Phase::Open => false,
        };
        if stands {
            continue;
        }
        touched.insert(id);
        // Otherwise its failed tasks run again, and its other tasks keep their results.
        if follows || !has_to_retry {
            again.push(id);
        }
    }
    again
}

/// A user cancels a run.
pub(super) fn cancel(state: &State, now: Timestamp, run: RunId) -> Step {
    let wanted = state
        .runs
        .get(&run)
        .is_some_and(|one| one.is_unfinished() && one.stopping != Some(Stopping::Cancel));
    if !wanted {
        return Step::default();
    }
    Step {
        facts: vec![Fact::CancelRequested { run, at: now }],
        orders: revoke(state, run),
    }
}

/// The engine is stopping. Every run in progress stops and can be resumed.
pub(super) fn interrupt(state: &State, now: Timestamp) -> Step {
    let mut step = Step::default();
    for &run in &state.active {
        if state
            .runs
            .get(&run)
            .is_some_and(|one| one.stopping.is_none())
        {
            step.facts.push(Fact::InterruptRequested { run, at: now });
            step.orders.extend(revoke(state, run));
        }
    }
    step
}

/// Revokes all leases of a run.
fn revoke(state: &State, run: RunId) -> Vec<Order> {
    state
        .workers
        .iter()
        .filter(|(_, worker)| worker.held.keys().any(|(held, _)| *held == run))
        .map(|(id, _)| Order::Revoke { worker: *id, run })
        .collect()
}
