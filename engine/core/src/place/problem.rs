//! The placement problem and its solution.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ask::Ask;
use super::demand::Demand;
use super::fault::SolveFault;
use super::outlook::Outlook;
use super::placement::Placement;
use super::taken::Taken;
use crate::curtailment::Curtailments;
use crate::ids::Timestamp;
use crate::pool::{Fleet, PoolId};

/// Everything that a placement depends on. Solving the same problem twice gives the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The moment of the question. Nothing is placed before it.
    pub now: Timestamp,
    /// The pools of the fleet.
    pub fleet: Arc<Fleet>,
    /// Intensities and open capacity, by slot.
    pub outlook: Arc<Outlook>,
    /// Capacity that is already promised: to stages that run, and to placed stages that are not
    /// among the asks.
    pub reserved: Arc<Reserved>,
    /// What grid operators ask of pools. A slot has the strictest restriction of any moment in it.
    pub curtailments: Arc<Curtailments>,
    /// The stages to place. Within a run, each comes after the stages that it waits for.
    pub asks: Vec<Ask>,
    /// The energy to move one gigabyte between regions, in milliwatt hours. 2000 is 0.002 kWh.
    pub transfer_milliwatt_hours_per_gb: u64,
    /// Each project's weight in thousandths and the GPU-milliseconds that it has used. An absent
    /// project has weight 1000 and has used nothing.
    pub shares: BTreeMap<String, (u32, u64)>,
    /// The work of other runs. It raises the price of clean hours if machines are scarce.
    pub demand: Demand,
}

impl Problem {
    /// What curtailments leave of a pool's capacity in a slot, counted from the epoch.
    pub(crate) fn curtailed(&self, pool: PoolId, slot: u64, open: Taken) -> Taken {
        if self.curtailments.all.is_empty() {
            return open;
        }
        let slot_ms = self.outlook.slot_ms;
        let start = Timestamp(slot.saturating_mul(slot_ms));
        let level = self
            .curtailments
            .level_within(pool, start, start.after_ms(slot_ms));
        let milliwatts = level.cap_milliwatts.unwrap_or(u64::MAX);
        let milliwatts = open.milliwatts.min(milliwatts);
        if level.halted {
            return Taken {
                milliwatts,
                ..Taken::default()
            };
        }
        Taken { milliwatts, ..open }
    }
}

/// Promised capacity by pool and absolute slot (milliseconds since the epoch / slot length).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// By [`crate::pool::PoolId`]: the capacity that is taken in each absolute slot.
    pub pools: Vec<BTreeMap<u64, Taken>>,
}

/// The answer to a [`Problem`]: one placement for each ask, in the order of the asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solution {
    /// One entry for each of the problem's asks, in their order. `None` means that the placer has
    /// no valid answer. The stage then keeps its earlier placement, or starts at once at home.
    pub placements: Vec<Option<Placement>>,
    /// The placements that were left out because they contradict the problem. Each is a bug in the
    /// placer.
    pub faults: Vec<SolveFault>,
    /// Whether some placement misses its ask's deadline or latest start. If other stages hold
    /// reservations that have not begun, the engine then places all stages together, so that those
    /// can give way.
    pub late: bool,
}
