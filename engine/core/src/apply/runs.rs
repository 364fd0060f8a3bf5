//! Facts about a whole run.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::get;
use crate::fact::{RunStatus, SkipReason};
use crate::ids::{RunId, StageId, Timestamp, place};
use crate::illegal::Illegal;
use crate::ledger::Overrun;
use crate::plan::RunSpec;
use crate::ranges::Ranges;
use crate::state::at_home::AtHome;
use crate::state::course::{StageCourse, StoodFor};
use crate::state::placed::Asking;
use crate::state::run::Stopping;
use crate::state::stage::{Phase, StageEnd};
use crate::state::{RunState, State};
use crate::task::{TaskEvent, TaskStatus};

/// A run was submitted.
pub(super) fn submitted(
    state: &mut State,
    run: RunId,
    at: Timestamp,
    spec: &Arc<RunSpec>,
) -> Result<(), Illegal> {
    if let Some(newest) = state.newest
        && run <= newest
    {
        return Err(Illegal::TakenRun(run, newest));
    }
    state.newest = Some(run);
    state.active.insert(run);
    state
        .runs
        .insert(run, RunState::new(run, at, Arc::clone(spec)));
    Ok(())
}

/// A run continues with a spec of the same meaning.
pub(super) fn resumed(
    state: &mut State,
    run: RunId,
    at: Timestamp,
    spec: &Arc<RunSpec>,
) -> Result<(), Illegal> {
    let one = get(state, run)?;
    let (held, known) = (one.stages.len(), spec.plan.stages.len());
    if !one.is_unfinished() || held != known {
        return Err(Illegal::Run {
            run,
            status: one.status,
            what: "resumed under this plan",
        });
    }
    let why = match one.status {
        RunStatus::Held => StoodFor::Budget,
        RunStatus::Running
        | RunStatus::Interrupted
        | RunStatus::Succeeded
        | RunStatus::Failed
        | RunStatus::Cancelled => StoodFor::Engine,
    };
    one.let_go(one.course.seen_at);
    one.course.goes_on(one.course.seen_at, at, why);
    one.spec = Arc::clone(spec);
    one.overrun = None;
    one.status = RunStatus::Running;
    one.ended_at = None;
    one.stopping = None;
    forget_flights(one)?;
    one.touch_all();
    for worker in state.workers.values_mut() {
        worker.held.retain(|(held, _), _| *held != run);
    }
    state.active.insert(run);
    Ok(())
}

/// Drops everything that was in flight: leases, look-ups and requests for inputs.
pub(super) fn forget_flights(run: &mut RunState) -> Result<(), Illegal> {
    let cancelled = run.stopping == Some(Stopping::Cancel);
    for id in run.ids() {
        let stage = run.stage_mut(id)?;
        stage.asking = Asking::Wanted;
        if let Some(placed) = &mut stage.placed {
            placed.used.fill(0);
            placed.carried.clear();
        }
        match stage.phase {
            Phase::Resolving => {
                stage.phase = Phase::Waiting;
                run.unblocked.insert(id);
                continue;
            }
            Phase::Open => {}
            Phase::Waiting | Phase::Ended(_) => continue,
        }
        let asked = std::mem::take(&mut stage.asked);
        for (first, end) in asked.spans() {
            stage.unasked.insert(first, end);
        }
        if stage.counts.of(TaskStatus::Active) > 0 {
            for index in indices(run, id, TaskStatus::Active) {
                release(run, id, index, cancelled)?;
            }
        }
        run.settle(id);
    }
    Ok(())
}

/// Ends a lease that had no outcome.
pub(super) fn release(
    run: &mut RunState,
    id: StageId,
    index: u32,
    cancelled: bool,
) -> Result<(), Illegal> {
    if cancelled {
        run.shift(id, index, TaskEvent::Cancel)?;
    } else {
        run.shift(id, index, TaskEvent::Lose)?;
        if run.at(id)?.1.given_up.is_some() {
            run.shift(id, index, TaskEvent::Skip)?;
        } else {
            run.stage_mut(id)?.ready.insert(index, index + 1);
        }
    }
    Ok(())
}

/// The indices of the tasks with this status. Costs time in proportion to the stage.
fn indices(run: &RunState, id: StageId, status: TaskStatus) -> Vec<u32> {
    run.get(id).map_or_else(Vec::new, |(_, stage)| {
        (0..stage.count())
            .filter(|index| stage.status.get(place(*index)) == Some(&status))
            .collect()
    })
}

/// Failed and cancelled tasks of a finished run wait again. The stages in `again` begin again as a whole.
pub(super) fn reopened(
    state: &mut State,
    run: RunId,
    at: Timestamp,
    again: &[StageId],
) -> Result<(), Illegal> {
    let one = get(state, run)?;
    if !one.can_be_retried() {
        return Err(Illegal::Run {
            run,
            status: one.status,
            what: "run again",
        });
    }
    one.let_go(one.course.seen_at);
    one.course.goes_on(one.course.seen_at, at, StoodFor::Retry);
    one.status = RunStatus::Running;
    one.ended_at = None;
    one.stopping = None;
    one.home_from = at;
    one.sharing.stop();
    let again: BTreeSet<StageId> = again.iter().copied().collect();
    for &id in &again {
        one.stage_mut(id)?.begin_again();
    }
    one.sharing.forget(&again);
    let open: Vec<StageId> = one.ids().filter(|id| one.has_to_retry(*id)).collect();
    for &id in &open {
        let stage = one.stage_mut(id)?;
        stage.phase = Phase::Open;
        stage.ready_at = at;
        stage.course = StageCourse::default();
        stage.at_home = AtHome::from(at);
        stage.placed = None;
        stage.asking = Asking::Wanted;
        stage.unresolvable = None;
        stage.tries.clear();
        stage.failures.clear();
    }
    one.recount();
    one.touch_all();
    for id in open {
        let mut waiting = Ranges::default();
        for status in [
            TaskStatus::Failed,
            TaskStatus::Cancelled,
            TaskStatus::Skipped,
        ] {
            for index in indices(one, id, status) {
                one.shift(id, index, TaskEvent::Reopen)?;
                waiting.insert(index, index + 1);
            }
        }
        for (first, end) in waiting.spans() {
            one.queue(id, first, end)?;
        }
        one.settle(id);
    }
    state.active.insert(run);
    Ok(())
}

/// A user cancels the run. Tasks that are not running will not run.
pub(super) fn cancel_requested(state: &mut State, run: RunId) -> Result<(), Illegal> {
    let one = get(state, run)?;
    if !one.is_unfinished() {
        return Err(Illegal::Run {
            run,
            status: one.status,
            what: "cancelled",
        });
    }
    one.status = RunStatus::Running;
    one.ended_at = None;
    one.stopping = Some(Stopping::Cancel);
    one.sharing.stop();
    one.backoffs.clear();
    for id in one.ids() {
        let (_, stage) = one.at(id)?;
        match stage.phase {
            Phase::Ended(_) => {}
            Phase::Waiting | Phase::Resolving => {
                one.end_stage(id, StageEnd::Skipped(SkipReason::Cancelled));
            }
            Phase::Open => {
                stop_waiting(one, id, TaskEvent::Cancel)?;
                one.settle(id);
            }
        }
    }
    one.unblocked.clear();
    one.touch_all();
    state.active.insert(run);
    Ok(())
}

/// Cancels the tasks of a stage that have not begun.
pub(super) fn stop_waiting(
    run: &mut RunState,
    id: StageId,
    event: TaskEvent,
) -> Result<(), Illegal> {
    let stage = run.stage_mut(id)?;
    stage.ready.clear();
    stage.unasked.clear();
    stage.asked.clear();
    for status in [
        TaskStatus::Waiting,
        TaskStatus::Ready,
        TaskStatus::Deferred,
        TaskStatus::Held,
    ] {
        if run.at(id)?.1.counts.of(status) > 0 {
            for index in indices(run, id, status) {
                run.shift(id, index, event)?;
            }
        }
    }
    Ok(())
}

/// The engine is stopping.
pub(super) fn interrupt_requested(state: &mut State, run: RunId) -> Result<(), Illegal> {
    let one = get(state, run)?;
    if one.status != RunStatus::Running {
        return Err(Illegal::Run {
            run,
            status: one.status,
            what: "interrupted",
        });
    }
    match one.stopping {
        None | Some(Stopping::Hold) => one.stopping = Some(Stopping::Interrupt),
        Some(Stopping::Cancel | Stopping::Interrupt) => {}
    }
    one.touch_all();
    Ok(())
}

/// A run exceeded its budget.
pub(super) fn budget_exceeded(
    state: &mut State,
    run: RunId,
    overrun: Overrun,
) -> Result<(), Illegal> {
    let one = get(state, run)?;
    if one.status != RunStatus::Running {
        return Err(Illegal::Run {
            run,
            status: one.status,
            what: "held",
        });
    }
    one.overrun = Some(overrun);
    if one.stopping.is_none() {
        one.stopping = Some(Stopping::Hold);
    }
    one.touch_all();
    Ok(())
}

/// A run ended, or stopped and can be resumed.
pub(super) fn ended(
    state: &mut State,
    run: RunId,
    status: RunStatus,
    at: Timestamp,
) -> Result<(), Illegal> {
    let one = get(state, run)?;
    if one.status != RunStatus::Running || status == RunStatus::Running || one.active_tasks > 0 {
        return Err(Illegal::Run {
            run,
            status: one.status,
            what: "ended",
        });
    }
    one.status = status;
    one.ended_at = Some(at);
    one.stopping = None;
    one.let_go(at);
    one.touch_all();
    state.active.remove(&run);
    state.agenda.curtailed.held.remove(&run);
    Ok(())
}
