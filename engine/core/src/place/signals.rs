//! The board's figures of power: carbon weights, surplus, forecast errors, transfers and prices.

use super::ask::Ask;
use super::board::Board;
use super::lane::Lane;
use super::likely::kept_permille;
use crate::pool::PoolId;

/// Converts energy in microjoules times a weight in `mg/kWh x permille` to micrograms: 1 kWh is
/// 3.6e12 uJ, and the factors 1000 of permille and of ug/mg cancel.
const PER_MICROGRAM: u128 = 3_600_000_000_000;

/// Bytes of a gigabyte; networks count in powers of ten.
const BYTES_PER_GB: u128 = 1_000_000_000;

impl Board {
    /// The integral of the weight from the board's beginning to a moment, in `ms x mg/kWh x
    /// permille`. A part of a slot counts proportionally. After the end the last slot's weight
    /// continues.
    fn integral(&self, lane: &Lane, at_ms: u64) -> u64 {
        let begin = self.first.saturating_mul(self.slot_ms);
        let into_ms = at_ms.saturating_sub(begin);
        let whole = usize::try_from(into_ms / self.slot_ms).unwrap_or(usize::MAX);
        if whole >= self.slots {
            let known = lane
                .sum
                .last()
                .copied()
                .unwrap_or(0)
                .saturating_mul(self.slot_ms);
            let last = lane.weight.last().copied().unwrap_or(0);
            let beyond = at_ms.saturating_sub(self.end_ms());
            return known.saturating_add(beyond.saturating_mul(last));
        }
        let into = (into_ms % self.slot_ms).saturating_mul(lane.weight[whole]);
        lane.sum[whole]
            .saturating_mul(self.slot_ms)
            .saturating_add(into)
    }

    /// The integral of the weight over a window. The emissions of a constant power are proportional
    /// to it. An unknown pool gives a value above any real window, and far enough from the maximum
    /// that sums of it do not saturate.
    pub(crate) fn window(&self, pool: PoolId, start_ms: u64, end_ms: u64) -> u64 {
        self.lanes.get(pool.place()).map_or(u64::MAX / 4, |lane| {
            self.integral(lane, end_ms)
                .saturating_sub(self.integral(lane, start_ms))
        })
    }

    /// The window that placement compares: [`Self::window`], but at least the floor.
    pub(crate) fn compared(&self, ask: &Ask, pool: PoolId, start_ms: u64, end_ms: u64) -> u64 {
        let least = self.least_window(ask, end_ms.saturating_sub(start_ms));
        self.window(pool, start_ms, end_ms).max(least)
    }

    /// The floor of a window of this length for an ask: its clearing weight times the length.
    pub(crate) fn least_window(&self, ask: &Ask, length_ms: u64) -> u64 {
        let weight = if ask.gpus > 0 {
            self.floor.gpus
        } else {
            self.floor.cpus
        };
        weight.saturating_mul(length_ms)
    }

    /// The emissions of a constant power over a window, in micrograms.
    pub(crate) fn micrograms(window: u64, milliwatts: u64) -> u64 {
        let exact = u128::from(window) * u128::from(milliwatts) / PER_MICROGRAM;
        u64::try_from(exact).unwrap_or(u64::MAX)
    }

    /// The number of slots of a window that are in surplus.
    pub(crate) fn surplus(&self, pool: PoolId, start_ms: u64, end_ms: u64) -> u32 {
        let last = self.slot(end_ms.saturating_sub(1).max(start_ms));
        let first = self.slot(start_ms);
        self.lanes.get(pool.place()).map_or(0, |lane| {
            let upto = |slot: usize| lane.surplus.get(slot).copied().unwrap_or(0);
            upto(last + 1).saturating_sub(upto(first))
        })
    }

    /// The number of slots of a window in which the pool provides machines that its owner does not
    /// use then.
    pub(crate) fn idle(&self, ask: &Ask, pool: PoolId, start_ms: u64, end_ms: u64) -> u32 {
        let last = self.slot(end_ms.saturating_sub(1).max(start_ms));
        let first = self.slot(start_ms);
        self.lanes.get(pool.place()).map_or(0, |lane| {
            let idle = if ask.gpus > 0 {
                &lane.idle_gpus
            } else {
                &lane.idle_cpus
            };
            let upto = |slot: usize| idle.get(slot).copied().unwrap_or(0);
            upto(last + 1).saturating_sub(upto(first))
        })
    }

    /// The width of the interval of a window between its 10th and 90th percentile, in the unit of
    /// [`Self::window`]: the mean width of its slots times its length, less what the errors of its
    /// hours cancel.
    pub(crate) fn width(&self, pool: PoolId, start_ms: u64, end_ms: u64) -> u64 {
        self.spread(pool, |lane| &lane.widths, (start_ms, end_ms))
    }

    /// The same of the lower half of the interval, from the expected figure down.
    pub(crate) fn below(&self, pool: PoolId, start_ms: u64, end_ms: u64) -> u64 {
        self.spread(pool, |lane| &lane.below, (start_ms, end_ms))
    }

    fn spread(
        &self,
        pool: PoolId,
        sums: impl Fn(&Lane) -> &Vec<u64>,
        (start_ms, end_ms): (u64, u64),
    ) -> u64 {
        let first = self.slot(start_ms);
        let end = self.slot(end_ms.saturating_sub(1).max(start_ms)) + 1;
        let sum = self.lanes.get(pool.place()).map_or(0, |lane| {
            let upto = |slot: usize| sums(lane).get(slot).copied().unwrap_or(0);
            upto(end).saturating_sub(upto(first))
        });
        let slots = u64::try_from(end.saturating_sub(first)).unwrap_or(u64::MAX);
        let length_ms = end_ms.saturating_sub(start_ms);
        let kept = kept_permille(length_ms);
        (sum / slots.max(1)).saturating_mul(length_ms) / 1000 * kept
    }

    /// The emissions of moving an ask's data to a pool at a moment, in micrograms: the network's
    /// energy times the mean of both ends' intensities (`D kappa (CI_r + CI_s) / 2` in CARBON.md
    /// §2). The route is not known, so both ends count half.
    pub(crate) fn transfer(&self, ask: &Ask, to: PoolId, at_ms: u64) -> u64 {
        let slot = self.slot(at_ms);
        let intensity = |pool: PoolId| {
            let lane = self.lanes.get(pool.place())?;
            lane.intensity.get(slot).copied()
        };
        let mut sum = 0_u128;
        for (from, bytes) in ask.data.iter().filter(|(from, _)| *from != to) {
            let both = intensity(*from).zip(intensity(to));
            let both = both.map_or(0, |(from, to)| u128::from(from) + u128::from(to));
            // mWh/GB x bytes x mg/kWh to micrograms: 1e-6 kWh/mWh, 1e-9 GB/byte, 1e3 ug/mg, and one
            // half.
            let milliwatt_hours = u128::from(self.transfer_milliwatt_hours_per_gb);
            let moved = (milliwatt_hours * u128::from(*bytes)).saturating_mul(both);
            sum = sum.saturating_add(moved / (BYTES_PER_GB * 2000));
        }
        u64::try_from(sum).unwrap_or(u64::MAX)
    }

    /// The price of one device hour in a pool, in millionths of the currency; 0 if it is free.
    pub(crate) fn price_micros(&self, pool: PoolId) -> u64 {
        self.lanes
            .get(pool.place())
            .and_then(|lane| lane.price_micros)
            .unwrap_or(0)
    }
}
