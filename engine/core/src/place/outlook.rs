//! What is known now of grids and pools: the present, the forecast, and open capacity, by slot.

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::pool::PoolId;

/// The world as it was known at one moment. It enters the journal once, whole; nothing in it was
/// published after [`Outlook::issued_at`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// When this was all that was known.
    pub issued_at: Timestamp,
    /// Length of a slot in milliseconds; slots are aligned to the epoch.
    pub slot_ms: u64,
    /// The first slot: `issued_at / slot_ms`.
    pub first_slot: u64,
    /// By zone name, ascending.
    pub zones: Vec<ZoneOutlook>,
    /// By [`PoolId`].
    pub pools: Vec<PoolOutlook>,
}

/// One zone, slot by slot from [`Outlook::first_slot`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneOutlook {
    /// Its name.
    pub zone: String,
    /// Who says so: `trace`, `electricitymaps`, `forecast from the trace's past`.
    pub source: String,
    /// When the newest measurement in it was for.
    pub observed_until: Timestamp,
    /// The newest measurement is older than the source should let it be.
    pub stale: bool,
    /// What kind of figure `intensity_mg_per_kwh` is.
    pub kind: SignalKind,
    /// Carbon intensity in mgCO2e/kWh.
    pub intensity_mg_per_kwh: Vec<u32>,
    /// Expected absolute error of it, in thousandths of the value: grows with the horizon.
    pub error_permille: Vec<u16>,
    /// Marginal intensity in mgCO2e/kWh, where it is known; else empty.
    pub marginal_mg_per_kwh: Vec<u32>,
    /// Whether power is in surplus.
    pub surplus: Vec<bool>,
}

/// What an intensity is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// Average of all consumption, as the location-based headline wants it.
    #[default]
    Average,
    /// Of the plant that would answer one more kilowatt.
    Marginal,
}

/// What of one pool is open, slot by slot from [`Outlook::first_slot`], live leases not subtracted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolOutlook {
    /// Devices.
    pub gpus: Vec<u32>,
    /// Cores.
    pub cpus: Vec<u32>,
}

impl Outlook {
    /// How many slots it reaches.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.pools
            .iter()
            .map(|pool| pool.gpus.len())
            .max()
            .unwrap_or(0)
    }

    /// The moment up to which it reaches.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let slots = u64::try_from(self.slots()).unwrap_or(u64::MAX);
        Timestamp(
            self.first_slot
                .saturating_add(slots)
                .saturating_mul(self.slot_ms),
        )
    }

    /// One zone.
    #[must_use]
    pub fn zone(&self, name: &str) -> Option<&ZoneOutlook> {
        self.zones
            .binary_search_by(|zone| zone.zone.as_str().cmp(name))
            .ok()
            .and_then(|at| self.zones.get(at))
    }

    /// One pool.
    #[must_use]
    pub fn pool(&self, id: PoolId) -> Option<&PoolOutlook> {
        self.pools.get(id.place())
    }

    /// The slot in which a moment lies, counted from [`Outlook::first_slot`].
    #[must_use]
    pub fn slot_of(&self, at: Timestamp) -> usize {
        let slot = at.0.checked_div(self.slot_ms).unwrap_or(0);
        usize::try_from(slot.saturating_sub(self.first_slot)).unwrap_or(usize::MAX)
    }
}
