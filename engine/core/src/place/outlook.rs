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
    /// The 10th percentile of the intensity in mgCO2e/kWh: it is lower in one case of ten. Empty if
    /// its source gives no interval.
    pub low_mg_per_kwh: Vec<u32>,
    /// The 90th percentile of the intensity in mgCO2e/kWh: it is higher in one case of ten. Empty if
    /// its source gives no interval.
    pub high_mg_per_kwh: Vec<u32>,
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

/// Half of the width of the interval between the 10th and 90th percentile, in thousandths of the
/// mean absolute error, if errors are normal: 1.2816 deviations, each of which is 1.2533 such errors.
const HALF_INTERVAL_PERMILLE: u64 = 1606;

impl ZoneOutlook {
    /// The percentiles of the source itself. `None` if they follow from the expected error only.
    pub(crate) fn measured_interval(&self, slot: usize) -> Option<(u32, u32)> {
        at(&self.low_mg_per_kwh, slot).zip(at(&self.high_mg_per_kwh, slot))
    }

    /// The 10th and the 90th percentile of the intensity in a slot, in mgCO2e/kWh. Without those of
    /// the source they follow from the expected error. The last slot's figures hold beyond the end;
    /// `None` if the zone has none at all.
    #[must_use]
    pub fn interval(&self, slot: usize) -> Option<(u32, u32)> {
        let value = at(&self.intensity_mg_per_kwh, slot)?;
        if let Some((low, high)) = self.measured_interval(slot) {
            return Some((low.min(value), high.max(value)));
        }
        Some(normal_interval(
            value,
            at(&self.error_permille, slot).unwrap_or(0),
        ))
    }
}

/// The 10th and the 90th percentile of a figure whose errors are normal with this mean absolute
/// size, in thousandths of it.
#[must_use]
pub fn normal_interval(value: u32, error_permille: u16) -> (u32, u32) {
    let half = u64::from(value) * u64::from(error_permille) * HALF_INTERVAL_PERMILLE / 1_000_000;
    let half = u32::try_from(half).unwrap_or(u32::MAX);
    (value.saturating_sub(half), value.saturating_add(half))
}

/// The figure of a slot, or the last one.
fn at<T: Copy>(values: &[T], slot: usize) -> Option<T> {
    values.get(slot).or(values.last()).copied()
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
