//! Figures of several events for the same time: the most urgent event counts.

use std::collections::BTreeSet;

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

impl<T> Figure<T> {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// The same figures without overlaps: at each moment the most urgent one counts, and of equally
/// urgent ones the least value. Adjacent spans of one value are joined.
pub(super) fn resolved<T: Clone + Ord>(all: &[Figure<T>]) -> Vec<Figure<T>> {
    let ends = all.iter().filter_map(|one| one.until);
    let cuts: BTreeSet<Timestamp> = all.iter().map(|one| one.from).chain(ends).collect();
    let mut sorted: Vec<&Figure<T>> = all.iter().collect();
    sorted.sort_by_key(|one| one.from);
    let mut list: Vec<Figure<T>> = Vec::new();
    let mut open: Vec<&Figure<T>> = Vec::new();
    let mut coming = sorted.into_iter().peekable();
    let mut cuts = cuts.into_iter().peekable();
    while let Some(at) = cuts.next() {
        open.retain(|one| one.holds(at));
        while let Some(one) = coming.next_if(|one| one.from <= at) {
            if one.holds(at) {
                open.push(one);
            }
        }
        let urgent = |one: &&&Figure<T>| (one.priority.unwrap_or(u64::MAX), one.value.clone());
        let Some(best) = open.iter().min_by_key(urgent) else {
            continue;
        };
        let until = cuts.peek().copied();
        match list.last_mut() {
            Some(last) if last.until == Some(at) && last.value == best.value => last.until = until,
            _ => list.push(Figure {
                from: at,
                until,
                priority: best.priority,
                value: best.value.clone(),
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
