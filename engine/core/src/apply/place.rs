//! Facts about pools, grids and placements.

use std::sync::Arc;

use crate::ids::{StageId, Timestamp};
use crate::illegal::Illegal;
use crate::place::{AskId, Outlook, Placement, Taken};
use crate::pool::Fleet;
use crate::state::placed::Placed;
use crate::state::stage::Phase;
use crate::state::{RunState, State};

/// These pools there are.
pub(super) fn fleet_known(state: &mut State, fleet: &Arc<Fleet>) -> Result<(), Illegal> {
    state.agenda.fleet = Some(Arc::clone(fleet));
    Ok(())
}

/// This is known of grids and pools.
pub(super) fn outlook_known(state: &mut State, outlook: &Arc<Outlook>) -> Result<(), Illegal> {
    state.agenda.outlook = Some(Arc::clone(outlook));
    Ok(())
}

/// Where and when these stages go is being found.
pub(super) fn solve_requested(state: &mut State, asks: &[AskId]) -> Result<(), Illegal> {
    state.agenda.solving = asks.iter().map(|ask| (*ask, 0)).collect();
    Ok(())
}

/// A stage goes there and then.
pub(super) fn placed(
    run: &mut RunState,
    id: StageId,
    placement: &Placement,
    each: Taken,
) -> Result<(), Illegal> {
    let early = run.at(id)?.1.phase != Phase::Open;
    let placed = Placed::new(placement.clone(), each, early);
    run.stage_mut(id)?.placed = Some(Box::new(placed));
    Ok(())
}

/// What was asked last is answered.
pub(super) fn solved(state: &mut State) -> Result<(), Illegal> {
    state.agenda.solving.clear();
    Ok(())
}

/// The start of a stage's next segment has come.
pub(super) fn start_came(run: &mut RunState, id: StageId, at: Timestamp) -> Result<(), Illegal> {
    if let Some(placed) = &mut run.stage_mut(id)?.placed {
        placed.open(at);
    }
    Ok(())
}

/// A stage is ready at another time than its placement was made for.
pub(super) fn lapsed(run: &mut RunState, id: StageId) -> Result<(), Illegal> {
    run.at(id).map(|_| ())
}
