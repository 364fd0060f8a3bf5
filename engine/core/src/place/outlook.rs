//! The knowledge of grids and pools at one moment: present and forecast intensities and open
//! capacity, by slot.

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::pool::PoolId;

/// The knowledge of grids and pools at one moment. The journal holds it once, as a whole. Nothing
/// in it was published after [`Outlook::issued_at`], so a replay decides with the same knowledge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// The moment at which this was the newest knowledge.
    pub issued_at: Timestamp,
    /// The length of a slot in milliseconds. Slots are aligned to the epoch.
    pub slot_ms: u64,
    /// The first slot, as `issued_at / slot_ms`.
    pub first_slot: u64,
    /// The zones, in ascending order of their names.
    pub zones: Vec<ZoneOutlook>,
    /// The pools, indexed by [`PoolId`].
    pub pools: Vec<PoolOutlook>,
}

/// The signal of one zone, slot by slot from [`Outlook::first_slot`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneOutlook {
    /// The zone's name, as Electricity Maps writes it: `DE`, `US-CAL-CISO`.
    pub zone: String,
    /// The source of the figures: `trace`, `electricitymaps`, `forecast from the trace's past`.
    pub source: String,
    /// The time of the newest measurement.
    pub observed_until: Timestamp,
    /// True when the newest measurement is older than its source normally publishes.
    pub stale: bool,
    /// Whether `intensity_mg_per_kwh` is an average or a marginal intensity.
    pub kind: SignalKind,
    /// Carbon intensity in mgCO2e/kWh.
    pub intensity_mg_per_kwh: Vec<u32>,
    /// The expected absolute error of the intensity, in thousandths of its value. It grows with the
    /// horizon.
    pub error_permille: Vec<u16>,
    /// Marginal intensity in mgCO2e/kWh; empty if unknown.
    pub marginal_mg_per_kwh: Vec<u32>,
    /// Whether power is in surplus in the slot.
    pub surplus: Vec<bool>,
}

/// The kind of an intensity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// The average over all consumption. The location-based headline is computed from it.
    #[default]
    Average,
    /// The intensity of the plant that would supply one more kilowatt.
    Marginal,
}

impl SignalKind {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Average => "average",
            Self::Marginal => "marginal",
        }
    }
}

/// The open capacity of one pool, slot by slot from [`Outlook::first_slot`]. Current leases are not
/// subtracted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolOutlook {
    /// GPUs that are open in each slot.
    pub gpus: Vec<u32>,
    /// Processor cores that are open in each slot.
    pub cpus: Vec<u32>,
}

impl Outlook {
    /// The number of slots that it covers.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.pools
            .iter()
            .map(|pool| pool.gpus.len())
            .max()
            .unwrap_or(0)
    }

    /// The end of its last slot.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let slots = u64::try_from(self.slots()).unwrap_or(u64::MAX);
        Timestamp(
            self.first_slot
                .saturating_add(slots)
                .saturating_mul(self.slot_ms),
        )
    }

    /// The signal of the zone of this name.
    #[must_use]
    pub fn zone(&self, name: &str) -> Option<&ZoneOutlook> {
        self.zones
            .binary_search_by(|zone| zone.zone.as_str().cmp(name))
            .ok()
            .and_then(|at| self.zones.get(at))
    }

    /// The open capacity of a pool.
    #[must_use]
    pub fn pool(&self, id: PoolId) -> Option<&PoolOutlook> {
        self.pools.get(id.place())
    }

    /// The slot that contains a moment, counted from [`Outlook::first_slot`].
    #[must_use]
    pub fn slot_of(&self, at: Timestamp) -> usize {
        let slot = at.0.checked_div(self.slot_ms).unwrap_or(0);
        usize::try_from(slot.saturating_sub(self.first_slot)).unwrap_or(usize::MAX)
    }
}
