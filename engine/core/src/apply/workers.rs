//! Facts about workers, and about the engine itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::runs::forget_flights;
use crate::ids::{RunId, StageId, Timestamp, WorkerId};
use crate::illegal::Illegal;
use crate::input::Capacity;
use crate::pool::PoolId;
use crate::state::lanes::Lane;
use crate::state::{State, Worker};

/// An engine opened the state. It has no workers yet.
pub(super) fn engine_started(state: &mut State, at: Timestamp) -> Result<(), Illegal> {
    state.workers.clear();
    state.agenda.deserted.clear();
    state.agenda.outlook = None;
    // What is asked of pools stays in force until the engine is told otherwise.
    let curtailed = &mut state.agenda.curtailed;
    curtailed.levels.clear();
    curtailed.is_confirmed = false;
    curtailed.at = at;
    curtailed.schedule();
    state.agenda.solving.clear();
    for id in &state.active {
        if let Some(run) = state.runs.get_mut(id) {
            forget_flights(run)?;
        }
    }
    state.relist_all();
    state.agenda.reserved = Arc::default();
    Ok(())
}

/// A worker joined. Earlier facts ended the leases that it held before.
pub(super) fn joined(
    state: &mut State,
    worker: WorkerId,
    capacity: Capacity,
    pool: PoolId,
) -> Result<(), Illegal> {
    let one = Worker {
        pool,
        capacity,
        gpus_lent: capacity.gpus,
        held: BTreeMap::new(),
    };
    state.workers.insert(worker, one);
    state.agenda.deserted.remove(&pool);
    Ok(())
}

/// A worker's capacity changed. Later facts end the leases that it cannot continue.
pub(super) fn capacity(
    state: &mut State,
    worker: WorkerId,
    capacity: Capacity,
) -> Result<(), Illegal> {
    let one = state
        .workers
        .get_mut(&worker)
        .ok_or(Illegal::NoSuchWorker(worker))?;
    one.capacity = capacity;
    one.gpus_lent = one.gpus_lent.max(capacity.gpus);
    Ok(())
}

/// A worker is gone. Earlier facts ended its leases.
pub(super) fn lost(state: &mut State, worker: WorkerId) -> Result<(), Illegal> {
    let lost = state
        .workers
        .remove(&worker)
        .ok_or(Illegal::NoSuchWorker(worker))?;
    if state.workers.values().any(|one| one.pool == lost.pool) {
        return Ok(());
    }
    state.agenda.deserted.insert(lost.pool);
    // Stages whose tasks are offered in this pool are placed again: otherwise they would wait for a
    // worker that may never come.
    let offered: Vec<(RunId, StageId)> = [false, true]
        .into_iter()
        .filter_map(|gpus| {
            let pool = Some(lost.pool);
            let follows = false;
            state.lanes.get(&Lane {
                pool,
                gpus,
                follows,
            })
        })
        .flatten()
        .copied()
        .collect();
    for (run, stage) in offered {
        if let Some(run) = state.runs.get_mut(&run) {
            run.want(stage);
        }
        state.relist(run);
    }
    Ok(())
}
