//! One pool, slot by slot: how dirty it is and how much of it is free.

use super::taken::Taken;

/// One pool's weights and free capacity, by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    /// `PUE x intensity` by slot, in mg/kWh x permille: `w_r,t` of CARBON.md §2.
    pub(super) weight: Vec<u64>,
    /// Prefix sums of `weight`: `sum[n]` is the sum before slot `n`. They make a window a
    /// difference of two numbers, whatever its length.
    pub(super) sum: Vec<u64>,
    /// Prefix sums of the slots that are in surplus.
    pub(super) surplus: Vec<u32>,
    /// Prefix sums of the slots in which devices are open that the owner does not use then.
    pub(super) idle_gpus: Vec<u32>,
    /// The same for cores.
    pub(super) idle_cpus: Vec<u32>,
    /// Intensity by slot, in mg/kWh. Transfers use it: a pool's PUE does not apply to the network.
    pub(super) intensity: Vec<u32>,
    /// Prefix sums of `PUE x width` of the interval between the 10th and 90th percentile of the
    /// intensity, in the unit of `weight`.
    pub(super) widths: Vec<u64>,
    /// The same of the lower half of that interval, from the intensity down.
    pub(super) below: Vec<u64>,
    pub(super) free: Vec<Taken>,
    /// `free` as it was before any ask of this problem was placed.
    pub(super) opened: Vec<Taken>,
    /// Changes whenever `opened` changes, so that caches compare one number instead of all slots.
    pub(super) opening: u64,
    /// True once an ask of this problem is placed here, so that `free` differs from `opened`.
    pub(super) is_taken: bool,
    /// The minimum of `free` over all slots. A need within it fits at any time, and no slot has to
    /// be looked at.
    pub(super) least: Taken,
    pub(super) price_micros: Option<u64>,
    /// Changes whenever anything else above changes except `free`.
    pub(super) version: u64,
}

impl Lane {
    /// Whether another lane has the same signals and price. Free capacity does not count.
    pub(super) fn is_known_as(&self, other: &Self) -> bool {
        self.weight == other.weight
            && self.surplus == other.surplus
            && self.intensity == other.intensity
            && self.widths == other.widths
            && self.below == other.below
            && self.price_micros == other.price_micros
    }

    pub(super) fn count(&mut self) {
        let most = Taken {
            gpus: u32::MAX,
            cpus: u32::MAX,
            milliwatts: u64::MAX,
        };
        self.least = self
            .free
            .iter()
            .fold(most, |least, free| least.least(*free));
    }
}

/// The intensity of an unknown zone, in mg/kWh: higher than any coal plant's.
pub(crate) const UNKNOWN_MG_PER_KWH: u32 = 2_000_000;
