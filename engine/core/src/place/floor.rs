//! The clearing weight of a day: no window counts as cleaner than it. See [`super::Demand`] for the
//! reason.

use super::demand::{DAY_MS, Work};
use super::taken::Taken;

/// The clearing weights, in mg/kWh x permille of PUE. No window counts as cleaner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Floor {
    /// For stages that need GPUs.
    pub(crate) gpus: u64,
    /// For stages that need cores only.
    pub(crate) cpus: u64,
}

/// The slots of the first day in all pools, cleanest first, as (weight, pool, slot). They are
/// sorted once for an outlook, since weights change only with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cleanest(Vec<(u64, usize, usize)>);

impl Cleanest {
    /// Sorts the first day's slots of all pools; `weights` gives each pool's weights by slot.
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

    /// The cumulative free capacity, from the cleanest slot on. `free` gives what a pool has free
    /// in a slot.
    pub(crate) fn room(&self, slot_ms: u64, free: impl Fn(usize, usize) -> Taken) -> Headroom {
        let mut room = Headroom::default();
        let (mut gpu_ms, mut cpu_ms) = (0_u64, 0_u64);
        for (weight, pool, slot) in &self.0 {
            let free = free(*pool, *slot);
            if free.gpus > 0 {
                gpu_ms = gpu_ms.saturating_add(u64::from(free.gpus).saturating_mul(slot_ms));
                room.gpus.push((gpu_ms, *weight));
            }
            if free.cpus > 0 {
                cpu_ms = cpu_ms.saturating_add(u64::from(free.cpus).saturating_mul(slot_ms));
                room.cpus.push((cpu_ms, *weight));
            }
        }
        room
    }
}

/// Free capacity in slots up to a weight, as (cumulative ms, weight), ascending in both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headroom {
    gpus: Vec<(u64, u64)>,
    cpus: Vec<(u64, u64)>,
}

impl Headroom {
    /// The clearing weights for a day's work: the weight of the dirtiest slot that is needed when
    /// the work fills the cleanest free slots first. If the work exceeds all free capacity, it is
    /// the weight of the dirtiest slot.
    pub(crate) fn floor(&self, work: Work) -> Floor {
        let dirtiest = |needed_ms: u64, room: &[(u64, u64)]| {
            if needed_ms == 0 {
                return 0;
            }
            let enough = room.partition_point(|(ms, _)| *ms < needed_ms);
            let slot = room.get(enough).or(room.last());
            slot.map_or(0, |(_, weight)| *weight)
        };
        Floor {
            gpus: dirtiest(work.gpu_ms, &self.gpus),
            cpus: dirtiest(work.cpu_ms, &self.cpus),
        }
    }
}
