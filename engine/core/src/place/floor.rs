//! How dirty the day's marginal hour is: no window counts as cleaner than that. See [`super::Demand`].

use super::demand::{COMPETING_PERMILLE, DAY_MS, Work};
use super::problem::Taken;

/// The weights, in mg/kWh x permille, below which no window counts as cleaner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Floor {
    /// Where devices are needed.
    pub(crate) gpus: u64,
    /// Where cores alone are.
    pub(crate) cpus: u64,
}

/// Slots of the first day of all pools, the cleanest first: weight, place of the pool, slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cleanest(Vec<(u64, usize, usize)>);

impl Cleanest {
    /// Of weights by pool and slot.
    pub(crate) fn of<'a>(weights: impl Iterator<Item = &'a [u64]>, slot_ms: u64) -> Self {
        let day = usize::try_from(DAY_MS.div_ceil(slot_ms)).unwrap_or(usize::MAX);
        let mut slots: Vec<(u64, usize, usize)> = Vec::new();
        for (pool, weights) in weights.enumerate() {
            let first_day = weights.iter().take(day).enumerate();
            slots.extend(first_day.map(|(slot, weight)| (*weight, pool, slot)));
        }
        slots.sort_unstable();
        Self(slots)
    }

    /// The floor that so much work in a day makes: the weight of the dirtiest of the cleanest free
    /// slots that it takes to do it; `free` tells what is free of a pool in a slot.
    pub(crate) fn floor(
        &self,
        work: Work,
        slot_ms: u64,
        free: impl Fn(usize, usize) -> Taken,
    ) -> Floor {
        let dirtiest = |work_ms: u64, count: fn(Taken) -> u32| {
            let mut left_ms = work_ms / 1000 * COMPETING_PERMILLE;
            let mut weight = 0;
            for (of_slot, pool, slot) in &self.0 {
                if left_ms == 0 {
                    break;
                }
                let free = u64::from(count(free(*pool, *slot)));
                if free > 0 {
                    weight = *of_slot;
                    left_ms = left_ms.saturating_sub(free.saturating_mul(slot_ms));
                }
            }
            weight
        };
        Floor {
            gpus: dirtiest(work.gpu_ms, |free| free.gpus),
            cpus: dirtiest(work.cpu_ms, |free| free.cpus),
        }
    }
}
