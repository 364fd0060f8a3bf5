//! Facts about a whole stage, and about results found by key.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::runs::stop_waiting;
use crate::dataset::{Dataset, TaskResult};
use crate::fact::SkipReason;
use crate::failure::Failure;
use crate::ids::StageId;
use crate::illegal::Illegal;
use crate::key::TaskKeys;
use crate::plan::Tasks;
use crate::state::RunState;
use crate::state::stage::{Phase, StageEnd};
use crate::task::TaskEvent;

fn refuse(run: &RunState, id: StageId, what: &'static str) -> Illegal {
    Illegal::Stage {
        run: run.id,
        stage: id,
        phase: run
            .get(id)
            .map_or("unknown", |(_, stage)| stage.phase.word()),
        what,
    }
}

/// Whether a stage has not begun.
fn is_early(run: &RunState, id: StageId) -> Result<bool, Illegal> {
    Ok(match run.at(id)?.1.phase {
        Phase::Waiting | Phase::Resolving => true,
        Phase::Open | Phase::Ended(_) => false,
    })
}

/// The inputs of a stage were requested.
pub(super) fn resolve_requested(run: &mut RunState, id: StageId) -> Result<(), Illegal> {
    if run.at(id)?.1.phase != Phase::Waiting {
        return Err(refuse(run, id, "asked for its inputs"));
    }
    run.stage_mut(id)?.phase = Phase::Resolving;
    run.unblocked.remove(&id);
    Ok(())
}

/// A stage's inputs and tasks are known.
pub(super) fn resolved(
    run: &mut RunState,
    id: StageId,
    inputs: &[Dataset],
    tasks: &Tasks,
) -> Result<(), Illegal> {
    if !is_early(run, id)? {
        return Err(refuse(run, id, "resolved"));
    }
    let spec = Arc::clone(&run.spec);
    let twin = run.has_twin(id);
    if let Some(planned) = spec.plan.stages.get(id.place()) {
        run.stage_mut(id)?
            .open(planned, inputs.to_vec(), tasks, twin);
    }
    run.unblocked.remove(&id);
    run.opened(id)?;
    run.settle(id);
    Ok(())
}

/// A stage cannot start or continue.
pub(super) fn unresolvable(
    run: &mut RunState,
    id: StageId,
    failure: &Failure,
) -> Result<(), Illegal> {
    if matches!(run.at(id)?.1.phase, Phase::Ended(_)) {
        return Err(refuse(run, id, "found unresolvable"));
    }
    stop_waiting(run, id, TaskEvent::Skip)?;
    run.stage_mut(id)?.unresolvable = Some(failure.clone());
    run.end_stage(id, StageEnd::Failed);
    Ok(())
}

/// A stage will not run.
pub(super) fn skipped(run: &mut RunState, id: StageId, reason: &SkipReason) -> Result<(), Illegal> {
    if !is_early(run, id)? {
        return Err(refuse(run, id, "skipped"));
    }
    run.end_stage(id, StageEnd::Skipped(reason.clone()));
    Ok(())
}

/// The results of these tasks were requested by key.
pub(super) fn lookup_requested(
    run: &mut RunState,
    id: StageId,
    first: u32,
    count: u32,
) -> Result<(), Illegal> {
    let end = first.saturating_add(count);
    if !run.at(id)?.1.unasked.contains(first, end) {
        return Err(refuse(run, id, "looked up in the cache again"));
    }
    let stage = run.stage_mut(id)?;
    stage.unasked.remove(first, end);
    stage.asked.insert(first, end);
    run.settle(id);
    Ok(())
}

/// The results of these tasks were looked up.
pub(super) fn looked_up(
    run: &mut RunState,
    id: StageId,
    first: u32,
    count: u32,
    hits: &[(u32, TaskResult)],
) -> Result<(), Illegal> {
    let end = first.saturating_add(count);
    if !run.at(id)?.1.asked.contains(first, end) {
        return Err(refuse(run, id, "answered, because there was no look-up"));
    }
    run.stage_mut(id)?.asked.remove(first, end);
    let hits: BTreeMap<u32, &TaskResult> = hits
        .iter()
        .filter(|(index, _)| (first..end).contains(index))
        .map(|(index, result)| (*index, result))
        .collect();
    let mut next = first;
    for (index, result) in hits {
        run.enter(id, next, index)?;
        run.shift(id, index, TaskEvent::Hit)?;
        run.keep(id, index, result)?;
        next = index + 1;
    }
    run.enter(id, next, end)?;
    run.pass_on()?;
    run.settle(id);
    Ok(())
}

/// Tasks take the result of another task of the run that has the same key.
pub(super) fn shared(
    run: &mut RunState,
    id: StageId,
    hits: &[(u32, TaskResult)],
) -> Result<(), Illegal> {
    let spec = Arc::clone(&run.spec);
    let (_, stage) = run.at(id)?;
    let keys: Vec<_> = match spec.plan.stages.get(id.place()) {
        Some(planned) => stage.tasks(planned).map_or_else(Vec::new, |tasks| {
            let keys = TaskKeys::new(planned, &stage.inputs, tasks);
            hits.iter().map(|(index, _)| keys.key(*index)).collect()
        }),
        None => Vec::new(),
    };
    for ((index, result), key) in hits.iter().zip(keys) {
        run.shift(id, *index, TaskEvent::Hit)?;
        run.keep(id, *index, result)?;
        if let Some(leader) = run.sharing.leaders.get(&key).copied() {
            run.sharing.leave(leader, id, *index);
        }
    }
    run.pass_on()?;
    run.settle(id);
    Ok(())
}
