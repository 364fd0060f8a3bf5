//! Holds runs that exceeded their budget.

use crate::fact::Fact;
use crate::ids::Timestamp;
use crate::ledger::Overrun;
use crate::order::Step;
use crate::state::{RunState, State};

/// Holds runs that exceeded their budget. Their running tasks finish: most of their cost is spent
/// already, and it would be lost with their results.
pub(super) fn hold(state: &State, now: Timestamp, step: &mut Step) {
    for run in state.budgeted.iter().filter_map(|id| state.runs.get(id)) {
        hold_run(state, run, now, step);
    }
}

fn hold_run(state: &State, run: &RunState, now: Timestamp, step: &mut Step) {
    let budget = &run.spec.workflow.budget;
    if (budget.gco2e.is_none() && budget.kwh.is_none()) || run.open_stages == 0 {
        return;
    }
    let Some(overrun) = Overrun::of_account(budget, &state.account(run.id)) else {
        return;
    };
    step.facts.push(Fact::BudgetExceeded {
        run: run.id,
        at: now,
        overrun,
    });
}
