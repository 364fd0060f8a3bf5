//! Records where and when energy was used, and the intensities known there.

use crate::estimate;
use crate::ids::{RunId, StageId, Timestamp, WorkerId};
use crate::lease::Lease;
use crate::ledger::{Actuals, Quarter, Signal, Spent, Transfer};
use crate::place::Outlook;
use crate::pool::Fleet;
use crate::state::State;
use crate::state::placed::Placed;

/// How long the ledger uses an outlook, in milliseconds. Outlooks come each hour, and a provider
/// that fails is usually repaired within a working day.
const STANDS_MS: u64 = 8 * 3_600_000;

/// A worker, what one attempt of it took, and how many equal attempts ended together.
pub(super) type Together = (WorkerId, Spent, u64);

/// Adds an attempt to those that ended together with it.
pub(super) fn join(together: &mut Vec<Together>, worker: WorkerId, spent: Spent) {
    match together.last_mut() {
        Some((last, equal, count)) if *last == worker && *equal == spent => *count += 1,
        Some(_) | None => together.push((worker, spent, 1)),
    }
}

/// Records in the ledger where and when attempts of a stage used their energy.
pub(super) fn locate(state: &mut State, run: RunId, id: StageId, together: &[Together]) {
    let State {
        runs,
        workers,
        agenda,
        ..
    } = state;
    let Some(run) = runs.get_mut(&run) else {
        return;
    };
    let nowhere = Fleet::default();
    let fleet = agenda.fleet.as_deref();
    let spec = std::sync::Arc::clone(&run.spec);
    let (Some(planned), Ok(stage)) = (spec.plan.stage(id), run.stage_mut(id)) else {
        return;
    };
    let home = estimate::home(fleet.unwrap_or(&nowhere), &spec, planned);
    for (worker, spent, count) in together {
        let pool = workers.get(worker).map_or(home, |worker| worker.pool);
        let gpus = estimate::devices(agenda, planned, &[pool]);
        let began = Timestamp(spent.started_ms);
        stage.ledger.locate(*spent, *count, (pool, gpus));
        let at_home = if stage.placed.is_some() {
            let tasks = stage.count();
            let width = planned.stage.max_parallel.unwrap_or(tasks);
            stage.at_home.add((width, tasks), spent.wall_us, *count)
        } else {
            let waited_ms = began.since_ms(stage.ready_at);
            let began = stage.at_home.add_unmoved(waited_ms, spent.wall_us);
            vec![(began, *count)]
        };
        for (began, count) in at_home {
            stage.ledger.locate_at_home(*spent, count, (home, began));
        }
    }
}

/// Records the transfer of a placed stage's inputs from other pools, once for each pool that runs
/// tasks of it.
pub(super) fn moved(state: &mut State, lease: &Lease, worker: WorkerId, at: Timestamp) {
    let (Some(fleet), Some(to)) = (state.agenda.fleet.as_deref(), state.pool_of(worker)) else {
        return;
    };
    let run = state.runs.get(&lease.run);
    let Some((run, (planned, stage))) = run.and_then(|run| Some((run, run.get(lease.stage)?)))
    else {
        return;
    };
    let known = || stage.ledger.transfers.iter().any(|one| one.to == to);
    // There are many leases, and inputs may have many parts. Only the first lease in a pool
    // computes the transfer.
    let is_first = |placed: &Placed| placed.used_in(to) <= lease.count;
    if !stage.placed.as_deref().is_some_and(is_first) || known() {
        return;
    }
    let home = estimate::home(fleet, &run.spec, planned);
    let milliwatt_hours = run.spec.placing.transfer_milliwatt_hours_per_gb;
    let transfers: Vec<Transfer> = estimate::inputs(run, planned, stage, home)
        .into_iter()
        .filter(|(from, _)| *from != to)
        .map(|(from, bytes)| Transfer {
            from,
            to,
            quarter: Quarter::of(at),
            bytes,
            millijoules: millijoules(milliwatt_hours, bytes),
        })
        .collect();
    if transfers.is_empty() {
        return;
    }
    let run = state.runs.get_mut(&lease.run);
    if let Some(Ok(stage)) = run.map(|run| run.stage_mut(lease.stage)) {
        stage.ledger.transfers.extend(transfers);
    }
}

/// The energy of moving `bytes` bytes, in millijoules. One milliwatt hour is 3600 mJ.
fn millijoules(milliwatt_hours_per_gb: u64, bytes: u64) -> u64 {
    let exact = u128::from(milliwatt_hours_per_gb) * u128::from(bytes) * 3600 / 1_000_000_000;
    u64::try_from(exact).unwrap_or(u64::MAX)
}

/// Keeps an outlook's intensities for the ledger, and drops those that are older than every run in
/// progress.
pub(super) fn foreseen(state: &mut State, outlook: &Outlook) {
    if let Some(oldest) = state.oldest_active() {
        state.intensities.forget_before(oldest);
    }
    let until = outlook.issued_at.after_ms(STANDS_MS);
    state.intensities.foresee(outlook, until, &state.signals.1);
}

/// Records who publishes the figures of zones.
pub(super) fn told(state: &mut State, at: Timestamp, signals: &[Signal]) {
    let signals = signals.iter().cloned();
    state.signals = (at, signals.map(|one| (one.zone.clone(), one)).collect());
}

/// Keeps measured intensities for the ledger. They are known since the figures were last read, or
/// since the last outlook if an older version recorded them.
pub(super) fn learned(state: &mut State, actuals: &Actuals) {
    let outlook = state.agenda.outlook.as_ref();
    let known_at = outlook.map(|outlook| outlook.issued_at);
    let known_at = state.signals.0.max(known_at.unwrap_or_default());
    let signal = state.signals.1.get(&actuals.zone);
    state.intensities.learn(actuals, signal, known_at);
}
