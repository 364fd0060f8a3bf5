//! The group that waits for the journal's writer, and the orders that leave with it.

use sunward_core::{Fact, Order, Timestamp};
use sunward_state::Group;

/// Facts that are applied in memory but not yet durable, with the orders that depend on them.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) group: Group,
    pub(crate) orders: Vec<Order>,
    weight: usize,
}

impl Pending {
    /// Adds a fact that was applied.
    pub(crate) fn push(&mut self, fact: Fact) {
        self.weight += weight_of(&fact);
        self.group.facts.push(fact);
    }

    /// The approximate number of tasks in its facts.
    pub(crate) const fn weight(&self) -> usize {
        self.weight
    }

    /// True if there is nothing to write and nothing to do.
    pub(crate) const fn is_empty(&self) -> bool {
        self.group.is_empty() && self.orders.is_empty()
    }

    /// Takes everything as a group formed now, and starts a new one.
    pub(crate) fn take(&mut self, now: Timestamp) -> (Group, Vec<Order>) {
        let mut taken = std::mem::take(self);
        taken.group.at = now;
        (taken.group, taken.orders)
    }
}

fn weight_of(fact: &Fact) -> usize {
    match fact {
        Fact::Finished { successes, .. } => successes.len(),
        Fact::LookedUp { hits, .. } | Fact::Shared { hits, .. } => hits.len(),
        Fact::Lost { indices, .. }
        | Fact::GivenBack { indices, .. }
        | Fact::Readied { indices, .. } => indices.len(),
        Fact::EngineStarted { .. }
        | Fact::Submitted { .. }
        | Fact::Resumed { .. }
        | Fact::Reopened { .. }
        | Fact::ResolveRequested { .. }
        | Fact::Resolved { .. }
        | Fact::Unresolvable { .. }
        | Fact::LookupRequested { .. }
        | Fact::Leased { .. }
        | Fact::Failed { .. }
        | Fact::Skipped { .. }
        | Fact::CancelRequested { .. }
        | Fact::InterruptRequested { .. }
        | Fact::RunEnded { .. }
        | Fact::WorkerJoined { .. }
        | Fact::WorkerLost { .. }
        | Fact::WorkerCapacity { .. }
        | Fact::FleetKnown { .. }
        | Fact::TimesKnown { .. }
        | Fact::CurtailmentsKnown { .. }
        | Fact::Curtailed { .. }
        | Fact::YieldAsked { .. }
        | Fact::HeldBack { .. }
        | Fact::LetGo { .. }
        | Fact::OutlookKnown { .. }
        | Fact::SignalsKnown { .. }
        | Fact::SolveRequested { .. }
        | Fact::Placed { .. }
        | Fact::Solved { .. }
        | Fact::StartCame { .. }
        | Fact::ActualsKnown { .. }
        | Fact::BudgetExceeded { .. }
        | Fact::PlacementLapsed { .. }
        | Fact::ResultsLost { .. } => 1,
    }
    .max(1)
}
