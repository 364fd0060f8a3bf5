//! Facts about pools, grids and placements.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::{RunId, StageId, Timestamp};
use crate::illegal::Illegal;
use crate::place::{AskId, Outlook, Placement, Segment, Taken, Work};
use crate::pool::Fleet;
use crate::state::placed::{Asking, Placed};
use crate::state::stage::Phase;
use crate::state::{RunState, State};
use crate::task::TaskStatus;

/// The fleet is known.
pub(super) fn fleet_known(state: &mut State, fleet: &Arc<Fleet>) {
    state.agenda.fleet = Some(Arc::clone(fleet));
    state.relist_all();
}

/// A new outlook. Everything that has not begun is asked about again.
pub(super) fn outlook_known(state: &mut State, outlook: &Arc<Outlook>) {
    let agenda = &mut state.agenda;
    let before = agenda.outlook.as_ref().map(|before| before.slot_ms);
    if before.is_some_and(|slot_ms| slot_ms != outlook.slot_ms) {
        // Reservations are counted in slots, so another slot length means that all are counted
        // again.
        agenda.outlook = None;
        state.relist_all();
        state.agenda.reserved = Arc::default();
    }
    let first = state.agenda.outlook.is_none();
    state.agenda.outlook = Some(Arc::clone(outlook));
    state.agenda.trim(outlook.first_slot);
    if first {
        state.relist_all();
        return;
    }
    want_movable(state);
}

/// Makes the next problem include everything that has not begun.
pub(super) fn want_movable(state: &mut State) {
    let movable: Vec<AskId> = state.agenda.movable.iter().copied().collect();
    for (run, stages) in by_run(&movable) {
        if let Some(one) = state.runs.get_mut(&run) {
            stages.into_iter().for_each(|stage| one.want(stage));
        }
        state.relist(run);
    }
}

/// The placer was asked about these stages. Runs that are no longer in the state are ignored,
/// because their own facts were archived.
pub(super) fn solve_requested(state: &mut State, asks: &[AskId]) {
    let outlook = state.agenda.outlook.as_ref();
    state.agenda.solving_on = outlook.map_or(Timestamp::default(), |outlook| outlook.issued_at);
    state.agenda.solving.clear();
    for (run, stages) in by_run(asks) {
        let Some(one) = state.runs.get_mut(&run) else {
            continue;
        };
        let spec = Arc::clone(&one.spec);
        for id in stages {
            let planned = spec.plan.stages.get(id.place());
            if let (Some(planned), Some(stage)) = (planned, one.stages.get_mut(id.place())) {
                stage.asking = Asking::Asked;
                let ask = AskId { run, stage: id };
                let tasks = stage.not_begun(planned);
                state.agenda.solving.insert(ask, tasks);
                one.touched.push(id);
            }
        }
        state.relist(run);
    }
}

/// A stage has a new placement.
pub(super) fn placed(
    state: &mut State,
    run: RunId,
    id: StageId,
    placement: &Placement,
    each: Taken,
) -> Result<(), Illegal> {
    let State { runs, agenda, .. } = state;
    let one = runs.get_mut(&run).ok_or(Illegal::NoSuchRun(run))?;
    let stage = one.stage_mut(id)?;
    if stage.placed.is_none() {
        let work = work(&placement.segments, each);
        agenda.arrivals.add(placement.decided_at, run, work);
    }
    let early = stage.phase != Phase::Open;
    let mut placed = Placed::new(placement.clone(), each, early);
    if let Some(before) = &stage.placed {
        placed.carried = before.begun(stage.counts.of(TaskStatus::Active));
    }
    stage.course.placed(placed.placement.timing);
    stage.placed = Some(Box::new(placed));
    stage.asking = Asking::No;
    one.touched.push(id);
    one.settle(id);
    Ok(())
}

/// The capacity that segments take of pools over time, as far as it competes with other work.
fn work(segments: &[Segment], each: Taken) -> Work {
    let taken = |count: u32| {
        let held = |one: &Segment| u64::from(one.at_once) * one.end.since_ms(one.start);
        let all = segments.iter().map(held).fold(0, u64::saturating_add);
        all.saturating_mul(u64::from(count))
    };
    let in_rounds = segments.len() > 1 || segments.iter().any(|one| one.tasks > one.at_once);
    let (gpu_ms, cpu_ms) = if each.gpus > 0 {
        (taken(each.gpus), 0)
    } else {
        (0, taken(each.cpus))
    };
    Work { gpu_ms, cpu_ms }.competing(in_rounds)
}

/// The placer answered. Stages that can still move are asked about again if a newer outlook has
/// arrived since the request. If `again` is set, so is everything that has not begun, so that other
/// stages can give way.
pub(super) fn solved(state: &mut State, again: bool) {
    let asks: Vec<AskId> = std::mem::take(&mut state.agenda.solving)
        .into_keys()
        .collect();
    let outlook = state.agenda.outlook.as_ref();
    let newer = outlook.is_some_and(|outlook| outlook.issued_at != state.agenda.solving_on);
    for (run, stages) in by_run(&asks) {
        let Some(one) = state.runs.get_mut(&run) else {
            continue;
        };
        for id in stages {
            let Some(stage) = one.stages.get_mut(id.place()) else {
                continue;
            };
            if stage.asking == Asking::Asked {
                stage.asking = Asking::No;
                one.touched.push(id);
                one.settle(id);
            }
            let movable = one
                .get(id)
                .is_some_and(|(_, stage)| stage.placed.as_deref().is_some_and(Placed::is_movable));
            if newer && movable {
                one.want(id);
            }
        }
        state.relist(run);
    }
    if again {
        want_movable(state);
    }
}

/// The start of a stage's next segment has come.
pub(super) fn start_came(run: &mut RunState, id: StageId, at: Timestamp) -> Result<(), Illegal> {
    if let Some(placed) = &mut run.stage_mut(id)?.placed {
        placed.open(at);
    }
    run.touched.push(id);
    Ok(())
}

/// A stage is ready at another time than its placement assumed.
pub(super) fn lapsed(run: &mut RunState, id: StageId) -> Result<(), Illegal> {
    run.at(id)?;
    run.want(id);
    run.want_rest();
    Ok(())
}

fn by_run(asks: &[AskId]) -> BTreeMap<RunId, Vec<StageId>> {
    let mut runs: BTreeMap<RunId, Vec<StageId>> = BTreeMap::new();
    for ask in asks {
        runs.entry(ask.run).or_default().push(ask.stage);
    }
    runs
}
