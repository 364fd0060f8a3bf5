//! Facts about what grid operators ask of pools.

use std::sync::Arc;

use super::get;
use super::place::want_movable;
use crate::curtailment::{Curtailments, Level, Measure};
use crate::fact::Yielding;
use crate::ids::{RunId, StageId, Timestamp};
use crate::illegal::Illegal;
use crate::pool::PoolId;
use crate::state::{RunState, State};

/// The most requests of one run that are kept. Further ones have their effect, and are not told.
const KEPT: usize = 100;

/// What is asked of pools is known. Everything that has not begun is asked about again, unless only
/// the server fell silent or answers again.
pub(super) fn known(state: &mut State, at: Timestamp, curtailments: &Arc<Curtailments>) {
    let curtailed = &mut state.agenda.curtailed;
    let is_news = curtailed.known.all != curtailments.all;
    curtailed.known = Arc::clone(curtailments);
    curtailed.at = at;
    curtailed.is_confirmed = true;
    curtailed.schedule();
    if is_news {
        want_movable(state);
    }
}

/// Pools are restricted as these levels say.
pub(super) fn curtailed(state: &mut State, at: Timestamp, levels: &[(PoolId, Level)]) {
    let curtailed = &mut state.agenda.curtailed;
    curtailed.at = at;
    curtailed.levels = levels.iter().copied().collect();
    curtailed.schedule();
}

/// Tasks of a stage were asked to make way.
pub(super) fn asked(
    run: &mut RunState,
    stage: StageId,
    at: Timestamp,
    yielding: &Yielding,
) -> Result<(), Illegal> {
    run.at(stage)?;
    if run.yields.len() < KEPT {
        run.yields.push((at, stage, yielding.clone()));
    }
    Ok(())
}

/// A curtailment holds back a stage.
pub(super) fn held_back(
    state: &mut State,
    (run, id): (RunId, StageId),
    at: Timestamp,
    (measure, told_by): (Measure, &str),
) -> Result<(), Illegal> {
    let one = get(state, run)?;
    one.stage_mut(id)?.course.held_back(at, measure, told_by);
    one.held_back.insert(id);
    state.agenda.curtailed.held.insert(run);
    Ok(())
}

/// No curtailment holds back any stage of a run.
pub(super) fn let_go(state: &mut State, run: RunId, at: Timestamp) -> Result<(), Illegal> {
    get(state, run)?.let_go(at);
    state.agenda.curtailed.held.remove(&run);
    Ok(())
}
