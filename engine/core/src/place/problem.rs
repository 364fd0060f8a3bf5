//! All that a placement is decided on, and its answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ask::Ask;
use super::demand::Demand;
use super::outlook::Outlook;
use super::placement::Placement;
use crate::ids::Timestamp;
use crate::pool::Fleet;

/// All that a placement is decided on. Solving it twice gives the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// When.
    pub now: Timestamp,
    /// The pools.
    pub fleet: Arc<Fleet>,
    /// What is known.
    pub outlook: Arc<Outlook>,
    /// What is promised already: stages that run, and placed ones that are not asked about.
    pub reserved: Arc<Reserved>,
    /// What is to be placed: stages of a run after those they wait for.
    pub asks: Vec<Ask>,
    /// Energy of moving a gigabyte between regions, in milliwatt hours (0.002 kWh is 2000).
    pub transfer_milliwatt_hours_per_gb: u64,
    /// By project: weight in thousandths, and GPU-milliseconds used so far; absent is weight 1000
    /// and nothing used.
    pub shares: BTreeMap<String, (u32, u64)>,
    /// What others bring: it makes the clean hours dear where machines are scarce.
    pub demand: Demand,
}

/// What is promised, by pool and absolute slot (milliseconds since the epoch / slot length).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// By [`crate::pool::PoolId`]: absolute slot -> what is taken in it.
    pub pools: Vec<BTreeMap<u64, Taken>>,
}

/// What is taken of one pool in one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Devices.
    pub gpus: u32,
    /// Cores.
    pub cpus: u32,
    /// Power, in milliwatts.
    pub milliwatts: u64,
}

/// The answer: a placement for each ask, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solution {
    /// In the order of the problem's asks.
    pub placements: Vec<Placement>,
    /// Some of them end, or begin, after they must. Where others hold promises that have not begun,
    /// all are asked about together.
    pub late: bool,
}
