//! Notes which stages a curtailment holds back, so that a run that is late can say so afterwards.

use crate::fact::Fact;
use crate::ids::Timestamp;
use crate::order::Step;
use crate::state::State;

/// The most stages of a run that are looked at in one step. Stages are leased in the order in which
/// they are looked at, so those that could start next are among them.
const WATCHED: usize = 64;

/// Notes the stages that could start now if their pools were not restricted. The caller has leased
/// everything that may start.
pub(super) fn note(state: &State, now: Timestamp, step: &mut Step) {
    if state.agenda.curtailed.levels.is_empty() {
        return;
    }
    let active = state.active.iter().filter_map(|id| state.runs.get(id));
    for run in active.filter(|run| run.stopping.is_none()) {
        let fresh = run.leasable.difference(&run.held_back).take(WATCHED);
        let barred = fresh.filter_map(|id| Some((*id, state.held_back(run, *id)?.1)));
        step.facts.extend(barred.map(|(stage, why)| Fact::HeldBack {
            run: run.id,
            stage,
            at: now,
            measure: why.measure,
            told_by: why.told_by.clone(),
        }));
    }
}

/// Lets go of all stages that are held back, because the pools are restricted otherwise from now
/// on. Those that still are get noted again.
pub(super) fn let_go(state: &State, now: Timestamp, step: &mut Step) {
    let held = state.agenda.curtailed.held.iter();
    step.facts
        .extend(held.map(|run| Fact::LetGo { run: *run, at: now }));
}
