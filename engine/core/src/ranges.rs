//! A set of task indices, stored as spans. It holds for example the ready tasks of a stage.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Disjoint spans of indices. Adjacent spans are joined, so a whole scatter is one span.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ranges {
    /// First index -> the index after the last.
    spans: BTreeMap<u32, u32>,
    /// The total number of indices.
    len: u32,
}

impl Ranges {
    /// The number of indices.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// Whether the set is empty.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The spans, ascending.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.spans.iter().map(|(&first, &end)| (first, end))
    }

    /// The first span, or rest of a span, at or after `cursor`.
    pub(crate) fn span_from(&self, cursor: u32) -> Option<(u32, u32)> {
        if let Some((_, &end)) = self.spans.range(..=cursor).next_back()
            && end > cursor
        {
            return Some((cursor, end));
        }
        let (&first, &end) = self.spans.range(cursor..).next()?;
        Some((first, end))
    }

    /// Whether the set contains all of `first..end`.
    pub(crate) fn contains(&self, first: u32, end: u32) -> bool {
        first >= end
            || self
                .spans
                .range(..=first)
                .next_back()
                .is_some_and(|(_, &last)| last >= end)
    }

    /// The set without its last `count` indices, and those.
    pub(crate) fn split_last(&self, count: u32) -> (Self, Self) {
        let (mut kept, mut taken) = (self.clone(), Self::default());
        for (first, end) in self.spans.iter().rev() {
            let wanted = count - taken.len;
            if wanted == 0 {
                break;
            }
            let from = end.saturating_sub(wanted).max(*first);
            kept.remove(from, *end);
            taken.insert(from, *end);
        }
        (kept, taken)
    }

    /// Adds `first..end`. Indices that are already in the set stay.
    pub(crate) fn insert(&mut self, mut first: u32, mut end: u32) {
        if first >= end {
            return;
        }
        if let Some((&before, &last)) = self.spans.range(..=first).next_back()
            && last >= first
        {
            if last >= end {
                return;
            }
            first = before;
        }
        while let Some((&next, &last)) = self.spans.range(first..=end).next() {
            self.spans.remove(&next);
            self.len -= last - next;
            end = end.max(last);
        }
        self.spans.insert(first, end);
        self.len += end - first;
    }

    /// Removes `first..end`. Other indices are not affected.
    pub(crate) fn remove(&mut self, first: u32, end: u32) {
        if first >= end {
            return;
        }
        if let Some((&before, &last)) = self.spans.range(..first).next_back()
            && last > first
        {
            self.spans.insert(before, first);
            self.len -= last - first;
            if last > end {
                self.spans.insert(end, last);
                self.len += last - end;
                return;
            }
        }
        while let Some((&next, &last)) = self.spans.range(first..end).next() {
            self.spans.remove(&next);
            self.len -= last - next;
            if last > end {
                self.spans.insert(end, last);
                self.len += last - end;
            }
        }
    }

    /// Removes all indices.
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Ranges;

    proptest! {
        #[test]
        fn spans_hold_exactly_what_a_set_of_numbers_would(
            edits in prop::collection::vec((any::<bool>(), 0_u32..60, 0_u32..20), 0..40)
        ) {
            let mut ranges = Ranges::default();
            let mut set = BTreeSet::new();
            for (add, first, count) in edits {
                let end = first + count;
                if add {
                    ranges.insert(first, end);
                    set.extend(first..end);
                } else {
                    ranges.remove(first, end);
                    set.retain(|index| !(first..end).contains(index));
                }
                let held: Vec<u32> = ranges.spans().flat_map(|(first, end)| first..end).collect();
                prop_assert_eq!(&held, &set.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(ranges.len() as usize, set.len());
                prop_assert_eq!(ranges.is_empty(), set.is_empty());
                for (a, b) in ranges.spans().zip(ranges.spans().skip(1)) {
                    prop_assert!(a.1 < b.0, "adjacent spans are joined");
                }
                prop_assert_eq!(
                    ranges.contains(first, end),
                    (first..end).all(|index| set.contains(&index))
                );
            }
        }
    }
}
