//! How facts change the listing of runs. All journals share this.

use std::collections::BTreeMap;

use sunward_core::{Digest, Fact, Hasher, RunId, RunSpec, RunStatus, Timestamp};
use sunward_workflows::Value;

use crate::error::StateError;

/// A change to one row of the listing of runs.
#[derive(Debug, PartialEq)]
pub enum RunChange<'a> {
    /// An engine opened the state: runs listed as running were interrupted.
    AllInterrupted,
    /// A run was added.
    Added {
        /// The run.
        run: RunId,
        /// When it was submitted.
        at: Timestamp,
        /// Its spec.
        spec: &'a RunSpec,
    },
    /// A run continues, with this spec if a new one was given.
    Continued {
        /// The run.
        run: RunId,
        /// The new spec, if any.
        spec: Option<&'a RunSpec>,
    },
    /// A run ended or stopped.
    Ended {
        /// The run.
        run: RunId,
        /// Its status.
        status: RunStatus,
        /// When it ended.
        at: Timestamp,
    },
}

/// The change that a fact makes to the listing, if any.
#[must_use]
pub fn run_change(fact: &Fact) -> Option<RunChange<'_>> {
    match fact {
        Fact::Submitted { run, at, spec } => Some(RunChange::Added {
            run: *run,
            at: *at,
            spec,
        }),
        Fact::Resumed { run, spec, .. } => Some(RunChange::Continued {
            run: *run,
            spec: Some(spec),
        }),
        Fact::Reopened { run, .. } => Some(RunChange::Continued {
            run: *run,
            spec: None,
        }),
        Fact::RunEnded { run, status, at } => Some(RunChange::Ended {
            run: *run,
            status: *status,
            at: *at,
        }),
        Fact::EngineStarted { .. } => Some(RunChange::AllInterrupted),
        Fact::ResolveRequested { .. }
        | Fact::Resolved { .. }
        | Fact::Unresolvable { .. }
        | Fact::LookupRequested { .. }
        | Fact::LookedUp { .. }
        | Fact::Shared { .. }
        | Fact::Readied { .. }
        | Fact::Leased { .. }
        | Fact::Finished { .. }
        | Fact::Failed { .. }
        | Fact::Lost { .. }
        | Fact::Skipped { .. }
        | Fact::CancelRequested { .. }
        | Fact::InterruptRequested { .. }
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
        | Fact::GivenBack { .. }
        | Fact::OutlookKnown { .. }
        | Fact::SignalsKnown { .. }
        | Fact::SolveRequested { .. }
        | Fact::Placed { .. }
        | Fact::Solved { .. }
        | Fact::StartCame { .. }
        | Fact::PlacementLapsed { .. }
        | Fact::ResultsLost { .. }
        | Fact::ActualsKnown { .. }
        | Fact::BudgetExceeded { .. } => None,
    }
}

/// The digest of all params' values. Runs of one file are distinguished by it.
///
/// # Errors
///
/// Fails if a value cannot be encoded.
pub fn digest_params(params: &BTreeMap<String, Value>) -> Result<Digest, StateError> {
    let bytes = postcard::to_allocvec(params).map_err(|error| StateError::Encode {
        what: "the run's params",
        why: error.to_string(),
    })?;
    Ok(Hasher::new("params").field("values", &bytes).finish())
}
