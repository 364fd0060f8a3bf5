//! Pools as the placer sees them, and the fleet of all pools.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A pool by its place in the [`Fleet`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct PoolId(pub u32);

impl PoolId {
    /// As an index.
    #[must_use]
    pub const fn place(self) -> usize {
        crate::ids::place(self.0)
    }
}

/// The workers that one host lends in one place. The [`crate::place::Outlook`] says how much of it
/// is open when; windows in local time are resolved before they reach the core.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// The region it lies in: pools of one region share grid, time zone and object store.
    pub region: String,
    /// Its grid area, named as Electricity Maps names it.
    pub zone: String,
    /// Power usage effectiveness in thousandths: 1120 is 1.12.
    pub pue_permille: u32,
    /// The model of its devices, where it has any.
    pub gpu_model: Option<String>,
    /// What one device draws under load, in milliwatts; 0 when nobody said.
    pub gpu_milliwatts: u64,
    /// What one device draws idle, in milliwatts.
    pub gpu_idle_milliwatts: u64,
    /// Embodied emissions of one device for an hour of its use, in micrograms CO2e.
    pub embodied_micrograms_per_gpu_hour: u64,
    /// What an hour of one device costs, in millionths of [`Pool::currency`]; `None` when it is
    /// lent.
    pub price_micros_per_gpu_hour: Option<u64>,
    /// The currency of the price: `EUR`.
    pub currency: Option<String>,
    /// What its tasks may draw together, in milliwatts.
    pub power_limit_milliwatts: Option<u64>,
    /// Names or patterns (`climate-*`) of projects that may use it; empty for all.
    pub projects: Vec<String>,
    /// Where this region keeps parts.
    pub store: Option<String>,
}

/// All pools there are, in the order of the fleet file; a [`PoolId`] is a place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// By [`PoolId`].
    pub pools: Vec<Pool>,
}

impl Fleet {
    /// One pool.
    #[must_use]
    pub fn get(&self, id: PoolId) -> Option<&Pool> {
        self.pools.get(id.place())
    }

    /// All pools with their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (PoolId, &Pool)> {
        self.pools
            .iter()
            .enumerate()
            .map(|(at, pool)| (PoolId(crate::ids::index_of(at)), pool))
    }

    /// The first pool of this region or zone, or of this name.
    #[must_use]
    pub fn find(&self, word: &str) -> Option<PoolId> {
        self.iter()
            .find(|(_, pool)| pool.region == word || pool.zone == word || pool.name == word)
            .map(|(id, _)| id)
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pool {}", self.0)
    }
}
