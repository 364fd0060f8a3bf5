//! What follows from the state without anything arriving: stages start, keys are looked up, places
//! are asked for, tasks are leased, runs end.

mod ask;
mod course;
mod end;
mod hold;
mod lease;
mod lookup;
mod share;
mod start;
mod unblock;
mod wake;

use crate::ids::Timestamp;
use crate::order::Step;
use crate::state::{RunState, State};

/// What follows from the state. Apply the facts and ask again, until the step is empty; then wait
/// for an input, or for [`State::next_wakeup`]. Costs time in proportion to what it gives: lists of
/// what is to be done are kept as facts are applied, so nothing is searched, and runs that wait cost
/// nothing. No step is larger than a few thousand facts; what is left comes with the next.
#[must_use]
pub fn advance(state: &State, now: Timestamp) -> Step {
    let mut step = Step::default();
    hold::hold(state, now, &mut step);
    // Nothing more of a run that is to be held is leased in the same step.
    if !step.facts.is_empty() {
        return step;
    }
    wake::wake(state, now, &mut step);
    for run in stirred(state).filter(|run| run.stopping.is_none()) {
        unblock::unblock(run, now, &mut step);
        share::share(run, &mut step);
        lookup::look_up(run, &mut step);
    }
    start::start(state, now, &mut step);
    ask::ask(state, now, &mut step);
    lease::lease(state, now, &mut step);
    for run in stirred(state) {
        end::end(run, now, &mut step);
    }
    step
}

/// Runs from which something follows.
fn stirred(state: &State) -> impl Iterator<Item = &RunState> {
    state.stirred.iter().filter_map(|id| state.runs.get(id))
}
