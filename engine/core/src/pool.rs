//! Pools as the placer sees them, and the fleet of all pools.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A pool, by its index in the [`Fleet`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct PoolId(pub u32);

impl PoolId {
    /// The index into lists of pools.
    #[must_use]
    pub const fn place(self) -> usize {
        crate::ids::place(self.0)
    }
}

/// The workers of one host in one place. The [`crate::place::Outlook`] has its open capacity over
/// time. Windows in local time are resolved before they reach the core.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Its region. Pools of one region share grid, time zone and object store.
    pub region: String,
    /// Its grid zone, as Electricity Maps names it.
    pub zone: String,
    /// Power usage effectiveness in thousandths: 1120 is 1.12.
    pub pue_permille: u32,
    /// The model of its devices, if it has any.
    pub gpu_model: Option<String>,
    /// The power of one device under load, in milliwatts; 0 if unknown.
    pub gpu_milliwatts: u64,
    /// The power of one idle device, in milliwatts.
    pub gpu_idle_milliwatts: u64,
    /// The embodied emissions of one device per hour of use, in micrograms CO2e; 0 if unknown.
    pub embodied_micrograms_per_gpu_hour: u64,
    /// The price of one device per hour, in millionths of [`Pool::currency`]; `None` if it is free.
    pub price_micros_per_gpu_hour: Option<u64>,
    /// The currency of the price, such as `EUR`.
    pub currency: Option<String>,
    /// The most power of all its tasks together, in milliwatts.
    pub power_limit_milliwatts: Option<u64>,
    /// Names or patterns (`climate-*`) of projects that may use it; empty for all.
    pub projects: Vec<String>,
    /// The store of this region.
    pub store: Option<String>,
    /// What it provides at all times. What it provides beyond that at some time, its owner does not
    /// use then.
    pub standing: Standing,
}

impl Pool {
    /// The embodied emissions of one device per hour of use, in micrograms CO2e, if they are known.
    #[must_use]
    pub const fn embodied_rate(&self) -> Option<u64> {
        match self.embodied_micrograms_per_gpu_hour {
            0 => None,
            rate => Some(rate),
        }
    }
}

/// The capacity that a pool provides at all times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Devices.
    pub gpus: u32,
    /// Cores.
    pub cpus: u32,
}

/// All pools, in the order of the fleet file. A [`PoolId`] is an index into them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// The pools, by [`PoolId`].
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

    /// The first pool with this region, zone or name.
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
