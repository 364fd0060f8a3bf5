//! What follows from the state without anything arriving: stages start, keys are looked up, tasks
//! are leased, runs end.

mod end;
mod hold;
mod lease;
mod lookup;
mod share;
mod unblock;
mod wake;

use crate::ids::Timestamp;
use crate::order::Step;
use crate::state::{RunState, State};

/// What follows from the state. Apply the facts and ask again, until the step is empty; then wait
/// for an input, or for [`State::next_wakeup`]. Costs time in proportion to what it gives: lists of
/// what is to be done are kept as facts are applied, so nothing is searched. No step is larger than
/// a few thousand facts; what is left comes with the next.
#[must_use]
pub fn advance(state: &State, now: Timestamp) -> Step {
    let mut step = Step::default();
    for run in going_on(state) {
        hold::hold(state, run, now, &mut step);
    }
    // Nothing more of a run that is to be held is leased in the same step.
    if !step.facts.is_empty() {
        return step;
    }
    for run in going_on(state) {
        wake::wake(run, now, &mut step);
        unblock::unblock(run, now, &mut step);
        share::share(run, &mut step);
        lookup::look_up(run, &mut step);
    }
    lease::lease(state, now, &mut step);
    for id in &state.active {
        if let Some(run) = state.runs.get(id) {
            end::end(run, now, &mut step);
        }
    }
    step
}

/// Runs that go on and that nobody stops.
fn going_on(state: &State) -> impl Iterator<Item = &RunState> {
    state
        .active
        .iter()
        .filter_map(|id| state.runs.get(id))
        .filter(|run| run.stopping.is_none())
}
