//! Finds the cleanest and the earliest block of one shape in one pool, in one pass over its slots.
//!
//! The result is the same as looking at each start alone (see [`super::choice`]). That needs a
//! division and a scan of the block's slots for every start. Here a window is a difference of
//! prefix sums, and possible starts follow from the runs of slots that have room, so a pass is
//! linear in the slots for any length of the block. It returns `None` if sums could overflow, or if
//! the ask is ready outside of the outlook. The caller then looks at each start.

use std::ops::Range;

use super::ask::Ask;
use super::taken::Taken;

/// A view of one pool's weights and free capacity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sweep<'a> {
    /// The length of a slot in milliseconds.
    pub(crate) slot_ms: u64,
    /// The start of the first slot, in milliseconds since the epoch.
    pub(crate) begin_ms: u64,
    /// `PUE x intensity` by slot, in mg/kWh x permille.
    pub(crate) weight: &'a [u64],
    /// Prefix sums of `weight`, one entry more than there are slots.
    pub(crate) sum: &'a [u64],
    /// Free capacity by slot; `None` if the need fits in every slot.
    pub(crate) free: Option<&'a [Taken]>,
}

/// The shape of a block to find.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The earliest start.
    pub(crate) ready_ms: u64,
    /// The latest start.
    pub(crate) latest_ms: u64,
    pub(crate) length_ms: u64,
    /// The capacity that it needs in each slot.
    pub(crate) need: Need,
    /// The floor: no window counts as less.
    pub(crate) least_window: u64,
}

/// The capacity that some tasks need together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    gpus: u64,
    cpus: u64,
    milliwatts: u64,
}

/// The lowest window that has room, and its start; the earliest of equals.
pub(crate) type Cleanest = Option<(u64, u64)>;

impl Need {
    /// The need of `at_once` tasks of an ask; `None` if the product overflows.
    pub(crate) fn of(ask: &Ask, at_once: u32) -> Option<Self> {
        let count = u64::from(at_once);
        let cpus = if ask.gpus > 0 { 0 } else { ask.cpus };
        Some(Self {
            gpus: u64::from(ask.gpus) * count,
            cpus: u64::from(cpus) * count,
            milliwatts: ask.task_milliwatts.checked_mul(count)?,
        })
    }

    pub(crate) const fn fits(self, free: Taken) -> bool {
        free.gpus as u64 >= self.gpus
            && free.cpus as u64 >= self.cpus
            && free.milliwatts >= self.milliwatts
    }
}

/// The possible starts of a shape, as slots counted from the first one.
struct Starts {
    /// The slot in which the ask is ready. It may begin in the middle of it.
    ready: usize,
    /// The slots at whose edge it may begin.
    aligned: Range<usize>,
    /// The slot that contains the latest start; `None` if that is the end of the outlook or the
    /// moment when the ask is ready.
    last: Option<usize>,
}

impl Sweep<'_> {
    /// The cleanest block. The outer `None` means that this pass cannot answer.
    pub(crate) fn cleanest(&self, shape: &Shape) -> Option<Cleanest> {
        self.counts_all(shape)?;
        let starts = self.starts(shape)?;
        let mut best: Cleanest = None;
        let mut see = |window: u64, start_ms: u64| {
            let window = window.max(shape.least_window);
            if best.is_none_or(|(least, _)| window < least) {
                best = Some((window, start_ms));
            }
        };
        if self.has_room(starts.ready, self.last_slot(shape.ready_ms, shape), shape) {
            see(self.window(shape.ready_ms, shape.length_ms), shape.ready_ms);
        }
        self.each_run(&starts, shape, |run| {
            if let Some((window, slot)) = self.cleanest_of(run, shape) {
                see(window, self.start_ms(slot));
            }
        });
        if let Some(slot) = starts.last
            && self.has_room(slot, self.last_slot(shape.latest_ms, shape), shape)
        {
            let window = self.window(shape.latest_ms, shape.length_ms);
            see(window, shape.latest_ms);
        }
        let Some((window, start_ms)) = best else {
            return Some(None);
        };
        let slot = usize::try_from((start_ms - self.begin_ms) / self.slot_ms).ok()?;
        let is_aligned = starts.aligned.contains(&slot) && self.start_ms(slot) == start_ms;
        let turn = if window == shape.least_window && is_aligned {
            self.on_turn(slot, &starts, shape)
        } else {
            None
        };
        Some(Some((
            window,
            turn.map_or(start_ms, |slot| self.start_ms(slot)),
        )))
    }

    /// The pool as if it were empty.
    pub(crate) const fn when_empty(self) -> Self {
        Self { free: None, ..self }
    }

    /// Whether the need fits in every slot from `first` to `last`, both included.
    fn has_room(&self, first: usize, last: usize, shape: &Shape) -> bool {
        let slots = self.free.and_then(|free| free.get(first..=last));
        slots.is_none_or(|slots| slots.iter().all(|free| shape.need.fits(*free)))
    }

    /// Calls `each` with every unbroken range of slots at whose edge a block with room may begin,
    /// in ascending order.
    fn each_run(&self, starts: &Starts, shape: &Shape, mut each: impl FnMut(Range<usize>)) {
        let Range { start, end } = starts.aligned;
        let (Some(free), Some(reach)) = (self.free, self.reach(shape)) else {
            each(start..end);
            return;
        };
        let until = end.saturating_add(reach).min(free.len());
        let mut clear = start;
        while clear < end {
            let slots = free.get(clear..until).unwrap_or(&[]);
            let room = slots.iter().position(|free| !shape.need.fits(*free));
            let blocked = room.map_or(until, |room| clear + room);
            // The last slot's capacity continues after the end.
            let last = if blocked == free.len() {
                end
            } else {
                blocked.saturating_sub(reach).min(end)
            };
            if clear < last {
                each(clear..last);
            }
            clear = blocked + 1;
        }
    }

    /// The slot of a range whose window is lowest, when a block begins at its edge.
    fn cleanest_of(&self, slots: Range<usize>, shape: &Shape) -> Option<(u64, usize)> {
        let whole = usize::try_from(shape.length_ms / self.slot_ms).ok()?;
        let rest_ms = shape.length_ms % self.slot_ms;
        let inside = slots.start..slots.end.min(self.weight.len().saturating_sub(whole));
        let mut best: Option<(u64, usize)> = None;
        let mut see = |window: u64, slot: usize| {
            let window = window.max(shape.least_window);
            if best.is_none_or(|(least, _)| window < least) {
                best = Some((window, slot));
            }
        };
        if !inside.is_empty() {
            let ends = inside.start + whole..inside.end + whole;
            let begun = self.sum.get(inside.clone())?;
            let ended = self
                .sum
                .get(ends.clone())?
                .iter()
                .zip(self.weight.get(ends)?);
            for ((begun, (ended, weight)), slot) in begun.iter().zip(ended).zip(inside.clone()) {
                // Nothing wraps: `counts_all` proved that every window fits.
                let window = ended.wrapping_sub(*begun).wrapping_mul(self.slot_ms);
                see(window.wrapping_add(weight.wrapping_mul(rest_ms)), slot);
            }
        }
        for slot in inside.end.max(slots.start)..slots.end {
            let begun = self.sum.get(slot)?.checked_mul(self.slot_ms)?;
            let beyond = slot + whole - self.weight.len();
            see(self.beyond(beyond, rest_ms) - begun, slot);
        }
        best
    }

    /// A start that is no worse than one at or below the floor, at the edge of a slot: the next at
    /// which the block begins or ends as the weight changes, if it has room and is not above the
    /// floor either.
    ///
    /// The floor is reached at any quarter of an hour, though most signals change by the hour. Blocks
    /// that begin at odd quarters leave gaps between each other that nothing fits into.
    fn on_turn(&self, slot: usize, starts: &Starts, shape: &Shape) -> Option<usize> {
        let whole = usize::try_from(shape.length_ms / self.slot_ms).ok()?;
        let is_whole = shape.length_ms.is_multiple_of(self.slot_ms);
        let turns = |slot: usize| {
            let before = self.weight.get(slot.checked_sub(1)?)?;
            Some(before != self.weight.get(slot)?)
        };
        let mut ahead = slot..starts.aligned.end;
        let next = ahead.find(|slot| {
            let ends = is_whole && turns(slot + whole) == Some(true);
            ends || turns(*slot) == Some(true)
        })?;
        let start_ms = self.start_ms(next);
        let is_low = self.window(start_ms, shape.length_ms) <= shape.least_window;
        let last = self.last_slot(start_ms, shape);
        (is_low && self.has_room(next, last, shape)).then_some(next)
    }

    /// The first start at which a block fits. The outer `None` means that this pass cannot answer.
    pub(crate) fn earliest(&self, shape: &Shape) -> Option<Option<u64>> {
        let starts = self.starts(shape)?;
        let Some(free) = self.free else {
            return Some(Some(shape.ready_ms));
        };
        let blocked = |first: usize, last: usize| {
            let slots = free.get(first..=last).unwrap_or(&[]);
            let at = slots.iter().rposition(|free| !shape.need.fits(*free));
            at.map(|at| first + at)
        };
        let reach = self.reach(shape)?;
        let (mut from, mut start_ms) = (starts.ready, shape.ready_ms);
        let mut last = self.last_slot(start_ms, shape);
        // A slot without room excludes every start up to its end, so the search continues after the
        // last such slot rather than at the next start.
        while let Some(slot) = blocked(from, last) {
            let first = slot + 1;
            if !starts.aligned.contains(&first) {
                let at_last = starts.last.filter(|first| {
                    let last = self.last_slot(shape.latest_ms, shape);
                    self.has_room(*first, last, shape)
                });
                return Some(at_last.map(|_| shape.latest_ms));
            }
            start_ms = self.start_ms(first);
            from = last + 1;
            last = (first + reach).min(self.weight.len() - 1);
        }
        Some(Some(start_ms))
    }

    /// The number of slots after its first that a block covers when it begins at a slot's edge.
    fn reach(&self, shape: &Shape) -> Option<usize> {
        usize::try_from((shape.length_ms - 1) / self.slot_ms).ok()
    }

    fn starts(&self, shape: &Shape) -> Option<Starts> {
        let ready_ms = shape.ready_ms.checked_sub(self.begin_ms)?;
        let ready = usize::try_from(ready_ms / self.slot_ms).ok()?;
        if ready >= self.weight.len() || shape.length_ms == 0 || shape.latest_ms < shape.ready_ms {
            return None;
        }
        let end_ms = self.start_ms(self.weight.len());
        let latest_ms = shape.latest_ms.min(end_ms) - self.begin_ms;
        let aligned = usize::try_from(latest_ms.div_ceil(self.slot_ms)).ok()?;
        let is_last = shape.latest_ms > shape.ready_ms && shape.latest_ms < end_ms;
        let last = usize::try_from(latest_ms / self.slot_ms).ok()?;
        Some(Starts {
            ready,
            aligned: ready + 1..aligned.max(ready + 1),
            last: is_last.then_some(last),
        })
    }

    /// `None` if a window could overflow.
    fn counts_all(&self, shape: &Shape) -> Option<()> {
        let known = self.sum.last()?.checked_mul(self.slot_ms)?;
        let last = *self.weight.last()?;
        let beyond_ms = shape.length_ms.checked_add(self.slot_ms)?;
        known.checked_add(last.checked_mul(beyond_ms)?)?;
        shape.latest_ms.checked_add(beyond_ms).map(|_| ())
    }

    fn start_ms(&self, slot: usize) -> u64 {
        let slot = u64::try_from(slot).unwrap_or(u64::MAX);
        self.begin_ms
            .saturating_add(slot.saturating_mul(self.slot_ms))
    }

    /// The last slot that a block covers if it begins at `start_ms`, or the last known slot if the
    /// block ends after that.
    fn last_slot(&self, start_ms: u64, shape: &Shape) -> usize {
        let last_ms = start_ms.saturating_add(shape.length_ms - 1) - self.begin_ms;
        let slot = usize::try_from(last_ms / self.slot_ms).unwrap_or(usize::MAX);
        slot.min(self.weight.len() - 1)
    }

    /// The integral of the weight over a window; see [`super::board::Board::window`].
    fn window(&self, start_ms: u64, length_ms: u64) -> u64 {
        let into_ms = start_ms - self.begin_ms;
        self.integral(into_ms + length_ms) - self.integral(into_ms)
    }

    fn integral(&self, into_ms: u64) -> u64 {
        let slot = usize::try_from(into_ms / self.slot_ms).unwrap_or(usize::MAX);
        let rest_ms = into_ms % self.slot_ms;
        match (self.sum.get(slot), self.weight.get(slot)) {
            (Some(sum), Some(weight)) => sum * self.slot_ms + weight * rest_ms,
            _ => self.beyond(slot - self.weight.len(), rest_ms),
        }
    }

    /// The integral up to `slots` slots and `rest_ms` after the end of the outlook, where the last
    /// weight continues.
    fn beyond(&self, slots: usize, rest_ms: u64) -> u64 {
        let known = self.sum.last().copied().unwrap_or(0) * self.slot_ms;
        let last = self.weight.last().copied().unwrap_or(0);
        let slots = u64::try_from(slots).unwrap_or(u64::MAX);
        known + (slots * self.slot_ms + rest_ms) * last
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SLOT_MS: u64 = 60;
    const BEGIN_MS: u64 = 600;

    /// A random shape.
    fn shape() -> impl Strategy<Value = Shape> {
        let at = BEGIN_MS..BEGIN_MS + 12 * SLOT_MS;
        let aligned = (10_u64..22).prop_map(|slot| slot * SLOT_MS);
        let latest = prop_oneof![at.clone(), aligned.clone()];
        let length = prop_oneof![1_u64..400, (1_u64..6).prop_map(|slots| slots * SLOT_MS)];
        (prop_oneof![at, aligned], latest, length, 1_u64..3, 0_u64..3).prop_map(
            |(ready_ms, latest_ms, length_ms, gpus, least)| Shape {
                ready_ms,
                latest_ms: latest_ms.max(ready_ms),
                length_ms,
                need: Need {
                    gpus,
                    cpus: 0,
                    milliwatts: 0,
                },
                least_window: least * length_ms,
            },
        )
    }

    /// All starts of a shape, ascending.
    fn starts(shape: &Shape, end_ms: u64) -> Vec<u64> {
        let slots = (BEGIN_MS..shape.latest_ms.min(end_ms)).filter(|at| at % SLOT_MS == 0);
        let last = Some(shape.latest_ms).filter(|at| *at < end_ms);
        let mut starts = vec![shape.ready_ms];
        starts.extend(slots.chain(last).filter(|at| *at > shape.ready_ms));
        starts.dedup();
        starts
    }

    proptest! {
        #[test]
        fn it_finds_what_looking_at_each_millisecond_finds(
            lane in prop::collection::vec((0_u64..5, 0_u32..4), 10..14),
            shape in shape(),
        ) {
            let weight: Vec<u64> = lane.iter().map(|(weight, _)| *weight).collect();
            let mut sum = vec![0];
            for weight in &weight {
                sum.push(sum[sum.len() - 1] + weight);
            }
            let free: Vec<Taken> = lane
                .iter()
                .map(|(_, gpus)| Taken { gpus: *gpus, ..Taken::default() })
                .collect();
            let end_ms = BEGIN_MS + SLOT_MS * lane.len() as u64;
            prop_assume!(shape.ready_ms < end_ms);
            let slot = |at: u64| (((at - BEGIN_MS) / SLOT_MS) as usize).min(lane.len() - 1);
            let window = |start: u64| {
                let during = start..start + shape.length_ms;
                during.map(|at| weight[slot(at)]).sum::<u64>().max(shape.least_window)
            };
            let fits = |start: &u64| {
                let mut during = *start..start + shape.length_ms;
                during.all(|at| u64::from(free[slot(at)].gpus) >= shape.need.gpus)
            };
            let starts = starts(&shape, end_ms);
            let pool = Sweep {
                slot_ms: SLOT_MS,
                begin_ms: BEGIN_MS,
                weight: &weight,
                sum: &sum,
                free: Some(&free),
            };
            let fitting = || starts.iter().copied().filter(fits);
            // A start at or below the floor, at the edge of a slot, gives way to the next at which the
            // weight changes at one of the block's ends.
            let turns = |at: u64| at < end_ms && weight[slot(at - 1)] != weight[slot(at)];
            let on_turn = |starts: &[u64], (least, first): (u64, u64)| {
                let is_edge = first % SLOT_MS == 0 && first > shape.ready_ms;
                if least > shape.least_window || !is_edge || first >= shape.latest_ms {
                    return (least, first);
                }
                let ahead = first..shape.latest_ms.min(end_ms);
                let mut ahead = ahead.filter(|at| at % SLOT_MS == 0);
                let next = ahead.find(|start| {
                    let end = start + shape.length_ms;
                    turns(*start) || end % SLOT_MS == 0 && turns(end)
                });
                let next = next.filter(|next| window(*next) == least && starts.contains(next));
                (least, next.unwrap_or(first))
            };
            let best = |starts: &[u64]| {
                let least = starts.iter().map(|start| (window(*start), *start)).min();
                least.map(|least| on_turn(starts, least))
            };
            let unhindered = best(&starts);
            let fits_all: Vec<u64> = fitting().collect();
            let best = best(&fits_all);
            prop_assert_eq!(pool.cleanest(&shape), Some(best));
            prop_assert_eq!(pool.earliest(&shape), Some(fitting().next()));
            let roomy = Sweep { free: None, ..pool };
            prop_assert_eq!(roomy.earliest(&shape), Some(Some(shape.ready_ms)));
            prop_assert_eq!(roomy.cleanest(&shape), Some(unhindered));
        }
    }

    #[test]
    fn where_sums_would_stop_it_finds_nothing() {
        let free = [Taken::default()];
        let pool = Sweep {
            slot_ms: SLOT_MS,
            begin_ms: BEGIN_MS,
            weight: &[u64::MAX],
            sum: &[0, u64::MAX],
            free: Some(&free),
        };
        let shape = Shape {
            ready_ms: BEGIN_MS,
            latest_ms: BEGIN_MS,
            length_ms: 1,
            need: Need {
                gpus: 0,
                cpus: 0,
                milliwatts: 0,
            },
            least_window: 0,
        };
        assert_eq!(pool.cleanest(&shape), None);
    }
}
