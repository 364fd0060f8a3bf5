//! What placement works with: pools, what is known of grids, what is to be asked, what is promised.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::ids::Timestamp;
use crate::place::{AskId, Outlook, Reserved};
use crate::pool::Fleet;

/// What placement works with. Everything in it follows from facts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Agenda {
    /// The pools.
    pub(crate) fleet: Option<Arc<Fleet>>,
    /// What is known of grids; forgotten when an engine starts, since it may be told of none.
    pub(crate) outlook: Option<Arc<Outlook>>,
    /// Stages that are to be asked about, before the next answer or with the next question.
    pub(crate) wanted: BTreeSet<AskId>,
    /// Stages that are being asked about, with how many tasks.
    pub(crate) solving: BTreeMap<AskId, u32>,
    /// The outlook that they are asked about on.
    pub(crate) solving_on: Timestamp,
    /// Stages that a new outlook may still move.
    pub(crate) movable: BTreeSet<AskId>,
    /// Ready stages whose next segment has not come, by its start.
    pub(crate) starts: BTreeSet<(Timestamp, AskId)>,
    /// Stages that hold reservations, by when they are expected to end.
    pub(crate) ends: BTreeSet<(Timestamp, AskId)>,
    /// What is promised.
    pub(crate) reserved: Arc<Reserved>,
    /// GPU-milliseconds used, by project.
    pub(crate) used: BTreeMap<String, u64>,
    /// Attempts of stages of one meaning, and their wall time in microseconds: the guess for the next.
    pub(crate) paces: BTreeMap<Digest, (u64, u64)>,
}

impl Agenda {
    /// Whether anything is placed at all.
    pub(crate) const fn knows(&self) -> bool {
        self.fleet.is_some() && self.outlook.is_some()
    }
}
