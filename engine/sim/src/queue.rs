//! What is still to happen, in order of time; what happens at one moment, in a fixed order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use sunward_core::Timestamp;

/// Events by time, then by rank, then in the order in which they were put in: so two worlds with the
/// same input go the same way.
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
    /// Something will happen. Of two events at one moment, the lower rank comes first.
    pub(crate) fn put(&mut self, at: Timestamp, rank: u8, event: E) {
        self.order.push(Reverse((at, rank, self.put)));
        self.events.insert(self.put, event);
        self.put += 1;
    }

    /// When the next event happens.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.order.peek().map(|Reverse((at, _, _))| *at)
    }

    /// The next event, if it happens by then.
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
