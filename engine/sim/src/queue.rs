//! The queue of future events, ordered by time, with a fixed order within one moment.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use sunward_core::Timestamp;

/// Events ordered by time, then rank, then insertion. The total order makes simulations
/// deterministic.
#[derive(Clone, Debug)]
pub(crate) struct Queue<E> {
    order: BinaryHeap<Reverse<(Timestamp, u8, u64)>>,
    events: BTreeMap<u64, E>,
    put: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            order: BinaryHeap::new(),
            events: BTreeMap::new(),
            put: 0,
        }
    }
}

impl<E> Queue<E> {
    /// Adds an event. Of two events at one moment, the one of lower rank comes first.
    pub(crate) fn put(&mut self, at: Timestamp, rank: u8, event: E) {
        self.order.push(Reverse((at, rank, self.put)));
        self.events.insert(self.put, event);
        self.put += 1;
    }

    /// The time of the next event.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.order.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Removes and returns the next event if it happens by `until`.
    pub(crate) fn take_until(&mut self, until: Timestamp) -> Option<(Timestamp, E)> {
        if self.next_at()? > until {
            return None;
        }
        let Reverse((at, _, put)) = self.order.pop()?;
        Some((at, self.events.remove(&put)?))
    }
}

#[cfg(test)]
mod tests {
    use sunward_core::Timestamp;

    use super::Queue;

    #[test]
    fn time_then_rank_then_the_order_of_putting_decides() {
        let mut queue = Queue::default();
        queue.put(Timestamp(5), 1, "late");
        queue.put(Timestamp(3), 2, "second rank");
        queue.put(Timestamp(3), 1, "first");
        queue.put(Timestamp(3), 1, "after it");
        let mut told = Vec::new();
        while let Some((_, event)) = queue.take_until(Timestamp(4)) {
            told.push(event);
        }
        assert_eq!(told, ["first", "after it", "second rank"]);
        assert_eq!(queue.next_at(), Some(Timestamp(5)));
    }
}
