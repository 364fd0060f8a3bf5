//! Turns inputs into facts and orders. Nothing here changes the state.

mod answers;
mod ended;
mod lost;
mod place;
mod retrying;
mod runs;
mod workers;

pub(crate) use answers::left_out;

use crate::ids::Timestamp;
use crate::input::Input;
use crate::order::Step;
use crate::state::State;

/// The step that follows directly from an input. [`crate::advance()`] gives the steps that follow
/// from it. An input about something that does not exist, or that comes too late, gives an empty
/// step.
#[must_use]
pub fn decide(state: &State, now: Timestamp, input: Input) -> Step {
    match input {
        Input::Start => runs::start(state, now),
        Input::Submit { run, spec } => runs::submit(state, now, run, spec),
        Input::Resume { run, spec } => runs::resume(state, now, run, spec),
        Input::Retry { run, spec } => runs::retry(state, now, run, spec),
        Input::Cancel { run } => runs::cancel(state, now, run),
        Input::Interrupt => runs::interrupt(state, now),
        Input::WorkerJoined {
            worker,
            capacity,
            pool,
        } => workers::joined(state, worker, capacity, pool),
        Input::WorkerCapacity { worker, capacity } => workers::capacity(state, worker, capacity),
        Input::Fleet { fleet } => place::fleet(state, fleet),
        Input::Times { times } => place::times(state, times),
        Input::Outlook { outlook } => place::outlook(state, outlook),
        Input::Curtailments { curtailments } => place::curtailments(state, now, curtailments),
        Input::Figures { signals, measured } => place::figures(state, now, signals, &measured),
        Input::Solved { asks, solution } => place::solved(state, now, &asks, solution),
        Input::WorkerLost { worker } => workers::lost(state, worker),
        Input::Ended { worker: _, ends } => ended::ended(state, now, ends),
        Input::Resolved { run, stage, answer } => answers::resolved(state, now, run, stage, answer),
        Input::LookedUp {
            run,
            stage,
            first,
            count,
            hits,
        } => answers::looked_up(state, run, stage, first, count, hits),
        Input::PartsLost { run, stage, parts } => lost::parts_lost(state, run, stage, &parts),
        Input::Tick => Step::default(),
    }
}
