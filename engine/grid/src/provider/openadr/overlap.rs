//! Figures of several events for the same time: the most urgent event counts.

use std::collections::{BTreeMap, BTreeSet};

use sunward_core::Timestamp;

/// A figure for a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Figure<T> {
    pub(super) from: Timestamp,
    /// `None` without end.
    pub(super) until: Option<Timestamp>,
    /// A lower number is more urgent; `None` is the least urgent.
    pub(super) priority: Option<u64>,
    pub(super) value: T,
}

/// The same figures without overlaps: at each moment the most urgent one counts, and of equally
/// urgent ones the least value. Adjacent spans of one value are joined. Costs `n log n`.
pub(super) fn resolved<T: Clone + Ord>(all: &[Figure<T>]) -> Vec<Figure<T>> {
    // At each moment: the figures that begin, and those that end.
    let mut changes: BTreeMap<Timestamp, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (at, one) in all.iter().enumerate() {
        if one.until.is_some_and(|until| until <= one.from) {
            continue;
        }
        changes.entry(one.from).or_default().0.push(at);
        if let Some(until) = one.until {
            changes.entry(until).or_default().1.push(at);
        }
    }
    let rank = |at: usize| {
        let one = all.get(at)?;
        Some((one.priority.unwrap_or(u64::MAX), &one.value, at))
    };
    let mut list: Vec<Figure<T>> = Vec::new();
    let mut open = BTreeSet::new();
    let mut changes = changes.into_iter().peekable();
    while let Some((at, (begin, end))) = changes.next() {
        for one in end.into_iter().filter_map(rank) {
            open.remove(&one);
        }
        open.extend(begin.into_iter().filter_map(rank));
        let Some((priority, value, _)) = open.first().copied() else {
            continue;
        };
        let until = changes.peek().map(|(at, _)| *at);
        match list.last_mut() {
            Some(last) if last.until == Some(at) && last.value == *value => last.until = until,
            _ => list.push(Figure {
                from: at,
                until,
                priority: Some(priority),
                value: value.clone(),
            }),
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use sunward_core::Timestamp;

    use super::{Figure, resolved};

    fn figure(from: u64, until: Option<u64>, priority: Option<u64>, value: i64) -> Figure<i64> {
        Figure {
            from: Timestamp(from),
            until: until.map(Timestamp),
            priority,
            value,
        }
    }

    #[test]
    fn the_most_urgent_counts_and_of_equals_the_least() {
        let all = [
            figure(0, None, None, 9),
            figure(10, Some(30), Some(1), 5),
            figure(20, Some(40), Some(0), 7),
            figure(35, Some(50), Some(0), 6),
            figure(60, Some(70), None, 8),
            figure(70, Some(80), None, 8),
        ];
        let told: Vec<(u64, Option<u64>, i64)> = resolved(&all)
            .iter()
            .map(|one| (one.from.0, one.until.map(|at| at.0), one.value))
            .collect();
        let expected = [
            (0, Some(10), 9),
            (10, Some(20), 5),
            (20, Some(35), 7),
            (35, Some(50), 6),
            (50, Some(60), 9),
            (60, Some(80), 8),
            (80, None, 9),
        ];
        assert_eq!(told, expected);
        assert_eq!(resolved::<i64>(&[]), []);
    }
}
