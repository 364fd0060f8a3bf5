//! What a simulation consists of, and the errors that can stop it.

use std::sync::Arc;

use sunward_core::place::{Outlook, Placer};
use sunward_core::{Fleet, Illegal, PoolId, Timestamp};
use sunward_grid::moment_shown;

use crate::capacity::Open;
use crate::meter::{Truth, ZoneTruth};
use crate::scenario::Scenario;
use crate::submission::Submission;

/// The complete input of a simulation.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The pools.
    pub fleet: Arc<Fleet>,
    /// Changes of the pools' open capacity, ordered by time. The first change of each pool is its
    /// initial capacity.
    pub openings: Arc<Vec<Opening>>,
    /// The true intensities.
    pub truth: Arc<Truth>,
    /// The runs that arrive, ordered by time.
    pub submissions: Arc<Vec<Submission>>,
    /// The faults.
    pub scenario: Scenario,
    /// The seed of everything random.
    pub seed: u64,
    /// The interval between outlooks, in milliseconds.
    pub look_every_ms: u64,
    /// Whether to keep each start of tasks and the core's own ledger.
    pub keep_details: bool,
}

impl Setup {
    /// When the simulation begins: at the last outlook before the first arrival.
    #[must_use]
    pub fn begin(&self) -> Timestamp {
        let first = self.submissions.first().map_or(0, |first| first.at.0);
        Timestamp(first - first % self.look_every_ms.max(1))
    }

    /// When the simulation ends: with the traces.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let zones = self.fleet.pools.iter();
        zones
            .filter_map(|pool| self.truth.zones.get(&pool.zone))
            .map(ZoneTruth::end)
            .min()
            .unwrap_or_default()
    }
}

/// A change of a pool's open capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The moment from which it holds.
    pub at: Timestamp,
    /// The pool.
    pub pool: PoolId,
    /// The open capacity.
    pub open: Open,
    /// How long tasks beyond that capacity may stay, in milliseconds.
    pub notice_ms: u64,
}

/// A source of outlooks, for example the past of trace files with a forecast made from it.
pub trait ForecastFeed {
    /// The outlook at `now`, made only of what was published by then.
    ///
    /// # Errors
    ///
    /// Returns the reason why there is no outlook.
    fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String>;
}

/// A policy that takes part in a simulation.
pub struct Contender {
    /// The policy's name in the report.
    pub name: String,
    /// The publication or origin of the policy.
    pub source: String,
    /// The placer that makes its decisions.
    pub placer: Box<dyn Placer>,
}

/// Why a simulation stopped.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A decision of the core contradicted its state, which is a bug in Sunward.
    #[error(
        "policy {policy}: the core produced a fact that contradicts its state: {illegal}. This is a bug in Sunward"
    )]
    Illegal {
        /// The policy under which it happened.
        policy: String,
        /// The fact that could not be applied.
        illegal: Illegal,
    },
    /// The feed failed.
    #[error("there is no outlook at {}: {reason}", moment_shown(Timestamp(*at_ms)))]
    ForecastFeed {
        /// The moment, in milliseconds since the epoch.
        at_ms: u64,
        /// The reason.
        reason: String,
    },
    /// The core did not come to rest at one moment, which is a bug in Sunward.
    #[error(
        "policy {policy}: the core did not come to rest within {limit} rounds at {}. This is a bug in Sunward",
        moment_shown(Timestamp(*at_ms))
    )]
    Stuck {
        /// The policy under which it happened.
        policy: String,
        /// The moment, in milliseconds since the epoch.
        at_ms: u64,
        /// How many rounds were tried.
        limit: u32,
    },
}
