//! Applies facts to the state. Nothing else changes the state, in a live engine and in recovery
//! alike.

mod curtailed;
mod energy;
mod lost;
mod place;
mod runs;
mod stages;
mod tasks;
mod workers;

use crate::fact::Fact;
use crate::ids::RunId;
use crate::illegal::Illegal;
use crate::state::{RunState, State};

/// Applies a fact. Costs time in proportion to the fact, not to the run. Only facts about a whole
/// run (cancel, resume, retry) or a whole stage (its tasks become known) cost as much as that.
///
/// # Errors
/// Fails if the fact contradicts those before it. The state can then not be used any more: an
/// engine stops, and a recovery refuses the journal.
pub fn apply(state: &mut State, fact: &Fact) -> Result<(), Illegal> {
    change(state, fact)?;
    if let Some(run) = fact.run() {
        if let (Some(at), Some(run)) = (fact.at(), state.runs.get_mut(&run)) {
            run.course.seen_at = run.course.seen_at.max(at);
        }
        state.relist(run);
    }
    Ok(())
}

/// Changes the run, stage or worker that the fact is about. The caller then updates the lists
/// across runs.
fn change(state: &mut State, fact: &Fact) -> Result<(), Illegal> {
    match fact {
        Fact::EngineStarted { at } => workers::engine_started(state, *at),
        Fact::Submitted { run, at, spec } => runs::submitted(state, *run, *at, spec),
        Fact::Resumed { run, at, spec } => runs::resumed(state, *run, *at, spec),
        Fact::Reopened { run, at, again } => runs::reopened(state, *run, *at, again),
        Fact::CancelRequested { run, .. } => runs::cancel_requested(state, *run),
        Fact::InterruptRequested { run, .. } => runs::interrupt_requested(state, *run),
        Fact::RunEnded { run, status, at } => runs::ended(state, *run, *status, *at),
        Fact::ResolveRequested { run, stage } => {
            stages::resolve_requested(get(state, *run)?, *stage)
        }
        Fact::Resolved {
            run,
            stage,
            inputs,
            tasks,
            at,
        } => {
            let run = get(state, *run)?;
            run.stage_mut(*stage)?.ready_at = *at;
            run.ready_at_home(*stage, Some(*at));
            stages::resolved(run, *stage, inputs, tasks)
        }
        Fact::Unresolvable {
            run,
            stage,
            failure,
        } => stages::unresolvable(get(state, *run)?, *stage, failure),
        Fact::LookupRequested {
            run,
            stage,
            first,
            count,
        } => stages::lookup_requested(get(state, *run)?, *stage, *first, *count),
        Fact::LookedUp {
            run,
            stage,
            first,
            count,
            hits,
        } => stages::looked_up(get(state, *run)?, *stage, *first, *count, hits),
        Fact::Shared { run, stage, hits } => stages::shared(get(state, *run)?, *stage, hits),
        Fact::Skipped { run, stage, reason } => stages::skipped(get(state, *run)?, *stage, reason),
        Fact::Readied {
            run,
            stage,
            indices,
        } => tasks::readied(get(state, *run)?, *stage, indices),
        Fact::Leased { worker, lease, at } => {
            tasks::leased(state, *worker, lease)?;
            let stage = get(state, lease.run)?.stage_mut(lease.stage)?;
            stage.course.leased(*at);
            energy::moved(state, lease, *worker, *at);
            Ok(())
        }
        Fact::Finished {
            run,
            stage,
            successes,
        } => tasks::finished(state, *run, *stage, successes),
        Fact::Failed { .. } => tasks::failed(state, fact),
        Fact::Lost {
            run,
            stage,
            indices,
        } => tasks::lost(state, *run, *stage, indices),
        Fact::WorkerJoined {
            worker,
            capacity,
            pool,
        } => workers::joined(state, *worker, *capacity, *pool),
        Fact::WorkerCapacity { worker, capacity } => workers::capacity(state, *worker, *capacity),
        Fact::WorkerLost { worker } => workers::lost(state, *worker),
        Fact::ActualsKnown { actuals } => {
            energy::learned(state, actuals);
            Ok(())
        }
        Fact::BudgetExceeded { run, overrun, .. } => runs::budget_exceeded(state, *run, *overrun),
        Fact::FleetKnown { fleet } => {
            place::fleet_known(state, fleet);
            Ok(())
        }
        Fact::SignalsKnown { at, signals } => {
            energy::told(state, *at, signals);
            Ok(())
        }
        Fact::TimesKnown { times } => {
            state.agenda.archived_paces.clone_from(times);
            Ok(())
        }
        Fact::CurtailmentsKnown { at, curtailments } => {
            curtailed::known(state, *at, curtailments);
            Ok(())
        }
        Fact::Curtailed { at, levels } => {
            curtailed::curtailed(state, *at, levels);
            Ok(())
        }
        Fact::YieldAsked {
            run,
            stage,
            at,
            yielding,
        } => curtailed::asked(get(state, *run)?, *stage, *at, yielding),
        Fact::HeldBack {
            run,
            stage,
            at,
            measure,
            told_by,
        } => curtailed::held_back(state, (*run, *stage), *at, (*measure, told_by)),
        Fact::LetGo { run, at } => curtailed::let_go(state, *run, *at),
        Fact::GivenBack {
            run,
            stage,
            indices,
        } => tasks::given_back(state, *run, *stage, indices),
        Fact::OutlookKnown { outlook } => {
            energy::foreseen(state, outlook);
            place::outlook_known(state, outlook);
            Ok(())
        }
        Fact::SolveRequested { asks, .. } => {
            place::solve_requested(state, asks);
            Ok(())
        }
        Fact::Placed {
            run,
            stage,
            placement,
            each,
        } => place::placed(state, *run, *stage, placement, *each),
        Fact::Solved { again } => {
            place::solved(state, *again);
            Ok(())
        }
        Fact::StartCame { run, stage, at } => place::start_came(get(state, *run)?, *stage, *at),
        Fact::ResultsLost { run, stages } => lost::results_lost(get(state, *run)?, stages),
        Fact::PlacementLapsed { run, stage, .. } => place::lapsed(get(state, *run)?, *stage),
    }
}

/// Finds a run.
fn get(state: &mut State, run: RunId) -> Result<&mut RunState, Illegal> {
    state.runs.get_mut(&run).ok_or(Illegal::NoSuchRun(run))
}
