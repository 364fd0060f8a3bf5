//! Transfers of inputs between pools.

use serde::{Deserialize, Serialize};

use super::carbon::Carbon;
use super::intensities::{Figure, Intensities};
use super::quarters::Quarter;
use super::supply::Supply;
use crate::pool::{Fleet, PoolId};

/// A transfer of a stage's inputs from one pool to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The pool where the inputs were.
    pub from: PoolId,
    /// The pool where they were read.
    pub to: PoolId,
    /// The quarter of an hour of the transfer.
    pub quarter: Quarter,
    /// The size of the inputs in bytes.
    pub bytes: u64,
    /// The energy of the transfer, in millijoules.
    pub millijoules: u64,
}

impl Transfer {
    /// The intensities at both ends, each with the emissions of half of the energy. `None` unless
    /// both are known.
    #[must_use]
    pub fn ends(&self, fleet: &Fleet, known: &Intensities) -> Option<[(Figure, Carbon); 2]> {
        let end = |pool: PoolId| {
            let figure = Supply::of(fleet, known, pool, self.quarter).known.average?;
            Some((figure, Carbon::of_half(self.millijoules, figure.mg_per_kwh)))
        };
        Some([end(self.from)?, end(self.to)?])
    }
}
