//! Facts about workers, and about the engine itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::runs::forget_flights;
use crate::ids::WorkerId;
use crate::illegal::Illegal;
use crate::input::Capacity;
use crate::pool::PoolId;
use crate::state::{State, Worker};

/// An engine took the state up: nobody works on anything.
pub(super) fn engine_started(state: &mut State) -> Result<(), Illegal> {
    state.workers.clear();
    state.agenda.outlook = None;
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

/// A worker is there. What it held in an earlier life was given up by facts before this one.
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
    Ok(())
}

/// What a worker can run has changed. What it cannot go on with it gives back by facts after this one.
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

/// A worker is gone. What it held was given up by facts before this one.
pub(super) fn lost(state: &mut State, worker: WorkerId) -> Result<(), Illegal> {
    state
        .workers
        .remove(&worker)
        .map(|_| ())
        .ok_or(Illegal::NoSuchWorker(worker))
}
