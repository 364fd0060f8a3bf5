//! The power of a pool in a quarter of an hour: what of it is lost on the way, and what it emits.

use super::carbon::Carbon;
use super::intensities::{Figure, Intensities, Known};
use super::quarters::Quarter;
use crate::pool::{Fleet, PoolId};

/// The PUE of a pool, and the intensities of its zone in a quarter of an hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Supply {
    pue_permille: u32,
    /// The intensities, as far as they are known.
    pub(super) known: Known,
}

impl Supply {
    /// Nothing is known of a pool that the fleet does not have.
    pub(super) fn of(fleet: &Fleet, known: &Intensities, pool: PoolId, quarter: Quarter) -> Self {
        let pool = fleet.get(pool);
        let there = pool.and_then(|pool| known.get(&pool.zone, quarter));
        Self {
            pue_permille: pool.map_or(1000, |pool| pool.pue_permille),
            known: there.copied().unwrap_or_default(),
        }
    }

    /// The emissions of IT energy by one of the intensities.
    pub(super) fn emitted(self, millijoules: u64, figure: Figure) -> Carbon {
        Carbon::of(millijoules, self.pue_permille, figure.mg_per_kwh)
    }
}
