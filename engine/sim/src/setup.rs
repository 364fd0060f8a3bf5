//! All that a simulation is made of, and what can be wrong with it.

use std::sync::Arc;

use sunward_core::place::{Outlook, Placer};
use sunward_core::{Fleet, Illegal, PoolId, Timestamp};

use crate::meter::{Truth, ZoneTruth};
use crate::scenario::Scenario;
use crate::submission::Submission;
use crate::world::Open;

/// A world before anything happened in it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The pools.
    pub fleet: Arc<Fleet>,
    /// When what a pool has open changes, by time; the first of each pool is what it begins with.
    pub openings: Arc<Vec<Opening>>,
    /// What intensities really were.
    pub truth: Arc<Truth>,
    /// The runs that arrive, by time.
    pub submissions: Arc<Vec<Submission>>,
    /// What goes wrong.
    pub scenario: Scenario,
    /// For what is drawn by lot.
    pub seed: u64,
    /// How often there is a new outlook, in milliseconds.
    pub look_every_ms: u64,
    /// Whether every begin of tasks is kept, one by one, and the brain's own ledger.
    pub keep_details: bool,
}

impl Setup {
    /// When the world begins: with the look at the grids before the first run arrives.
    #[must_use]
    pub fn begin(&self) -> Timestamp {
        let first = self.submissions.first().map_or(0, |first| first.at.0);
        Timestamp(first - first % self.look_every_ms.max(1))
    }

    /// When it ends: what intensities are after that nobody knows.
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

/// What a pool has open from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// From when.
    pub at: Timestamp,
    /// Which.
    pub pool: PoolId,
    /// What.
    pub open: Open,
    /// How long what runs beyond that may stay, in milliseconds.
    pub notice_ms: u64,
}

/// What can be known at a moment: the trace files' past and a forecast made from it.
pub trait ForecastFeed {
    /// All that is known at `now` and nothing published later.
    ///
    /// # Errors
    /// Why nothing can be said.
    fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String>;
}

/// A policy in a simulation.
pub struct Contender {
    /// Its name in the report.
    pub name: String,
    /// Where it is from.
    pub source: String,
    /// How it decides.
    pub placer: Box<dyn Placer>,
}

/// Why a simulation stopped.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The brain contradicted itself.
    #[error("policy {policy}: a fact that cannot be true after those before it: {illegal}")]
    Illegal {
        /// Under which policy.
        policy: String,
        /// Which.
        illegal: Illegal,
    },
    /// Nothing can be known.
    #[error("no outlook at {at_ms} ms since 1970: {reason}")]
    ForecastFeed {
        /// When.
        at_ms: u64,
        /// Why.
        reason: String,
    },
    /// The simulation went on at one moment without an end.
    #[error(
        "policy {policy}: more than {limit} rounds at {at_ms} ms since 1970 without time passing"
    )]
    Stuck {
        /// Under which policy.
        policy: String,
        /// When.
        at_ms: u64,
        /// How many rounds were tried.
        limit: u32,
    },
}
