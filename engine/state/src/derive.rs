//! What facts change in the listing of runs. The same for every journal.

use std::collections::BTreeMap;

use sunward_core::{Digest, Fact, Hasher, RunId, RunSpec, RunStatus, Timestamp};
use sunward_workflows::Value;

use crate::error::StateError;

/// A change of one row of the listing of runs.
#[derive(Debug, PartialEq)]
pub enum RunChange<'a> {
    /// An engine took the state up: what goes on by name was interrupted.
    AllInterrupted,
    /// A row more.
    Added {
        /// Run.
        run: RunId,
        /// When.
        at: Timestamp,
        /// What it runs.
        spec: &'a RunSpec,
    },
    /// It goes on, under this spec where it was given anew.
    Continued {
        /// Run.
        run: RunId,
        /// What it runs now.
        spec: Option<&'a RunSpec>,
    },
    /// It ended or stopped.
    Ended {
        /// Run.
        run: RunId,
        /// How.
        status: RunStatus,
        /// When.
        at: Timestamp,
    },
}

/// The change that a fact makes in the listing, if any.
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
        | Fact::OutlookKnown { .. }
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

/// Digest of all params' values, by which runs of one file are told apart.
///
/// # Errors
/// When a value cannot be encoded.
pub fn digest_params(params: &BTreeMap<String, Value>) -> Result<Digest, StateError> {
    let bytes = postcard::to_allocvec(params).map_err(|error| StateError::Encode {
        what: "the run's params",
        why: error.to_string(),
    })?;
    Ok(Hasher::new("params").field("values", &bytes).finish())
}
