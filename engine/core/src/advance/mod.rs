//! What follows from the state without any input: stages start, keys are looked up, placements are
//! requested, tasks are leased, runs end.

mod ask;
mod course;
mod curtail;
mod end;
mod headroom;
mod held_back;
mod hold;
mod lease;
mod lookup;
mod overdue;
mod share;
mod start;
mod turns;
mod unblock;
mod wake;

pub(crate) use lease::turns;
pub(crate) use turns::{Shortage, Turns};

use crate::ids::Timestamp;
use crate::order::Step;
use crate::state::{RunState, State};

/// The next step that follows from the state. The caller applies the facts and calls again until
/// the step is empty, then waits for an input or for [`State::next_wakeup`].
///
/// Costs time in proportion to the step. Lists of what to do next are kept as facts are applied, so
/// nothing is searched, and runs that wait cost nothing. A step holds a few thousand facts at most;
/// the rest comes with the next call.
#[must_use]
pub fn advance(state: &State, now: Timestamp) -> Step {
    let mut step = Step::default();
    hold::hold(state, now, &mut step);
    curtail::curtail(state, now, &mut step);
    // A run that is about to be held must not lease anything in the same step, nor a pool that is
    // restricted.
    if !step.facts.is_empty() {
        return step;
    }
    wake::wake(state, now, &mut step);
    for run in stirred(state).filter(|run| run.stopping.is_none()) {
        unblock::unblock(state, run, now, &mut step);
        share::share(run, &mut step);
        lookup::look_up(run, &mut step);
    }
    start::start(state, now, &mut step);
    ask::ask(state, now, &mut step);
    lease::lease(state, now, &mut step);
    overdue::lapse(state, now, &mut step);
    for run in stirred(state) {
        end::end(run, now, &mut step);
    }
    if step.facts.is_empty() {
        held_back::note(state, now, &mut step);
    }
    step
}

/// Runs from which something follows.
fn stirred(state: &State) -> impl Iterator<Item = &RunState> {
    state.stirred.iter().filter_map(|id| state.runs.get(id))
}
