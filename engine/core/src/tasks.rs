//! What distinguishes one task of a stage: its item, its cell of the matrix, or its rows.

use std::ops::Range;

use sunward_workflows::Value;

use crate::ids::{index_of, place};
use crate::plan::Tasks;

impl Tasks {
    /// The number of tasks.
    #[must_use]
    pub fn count(&self) -> u32 {
        match self {
            Self::One => 1,
            Self::Range(count) | Self::Parts { count, .. } => *count,
            Self::Items(items) => index_of(items.len()),
            Self::Matrix(axes) => axes
                .iter()
                .map(|(_, values)| index_of(values.len()))
                .fold(1, u32::saturating_mul),
            Self::Rows {
                rows_per_task,
                rows,
                ..
            } => u32::try_from(rows.div_ceil((*rows_per_task).max(1))).unwrap_or(u32::MAX),
        }
    }

    /// The value of `item` in one task, if it has one.
    #[must_use]
    pub fn item(&self, index: u32) -> Option<Value> {
        match self {
            Self::Range(count) => (index < *count).then(|| Value::Int(i64::from(index))),
            Self::Items(items) => items.get(place(index)).cloned(),
            Self::One | Self::Matrix(_) | Self::Rows { .. } | Self::Parts { .. } => None,
        }
    }

    /// The value of each name of `matrix` in one task; empty without a matrix.
    #[must_use]
    pub fn matrix(&self, index: u32) -> Vec<(String, Value)> {
        let Self::Matrix(axes) = self else {
            return Vec::new();
        };
        let mut rest = place(index);
        let mut cell: Vec<(String, Value)> = axes
            .iter()
            .rev()
            .filter_map(|(name, values)| {
                let value = values.get(rest.checked_rem(values.len())?)?.clone();
                rest /= values.len();
                Some((name.clone(), value))
            })
            .collect();
        cell.reverse();
        cell
    }

    /// The rows of the divided input that one task gets, if the scatter counts rows.
    #[must_use]
    pub fn rows(&self, index: u32) -> Option<Range<u64>> {
        let Self::Rows {
            rows_per_task,
            rows,
            ..
        } = self
        else {
            return None;
        };
        let first = u64::from(index).saturating_mul(*rows_per_task);
        (first < *rows).then(|| first..first.saturating_add(*rows_per_task).min(*rows))
    }
}

#[cfg(test)]
mod tests {
    use sunward_workflows::Value;

    use super::Tasks;

    #[test]
    fn a_matrix_counts_its_first_name_slowest() {
        let axis = |name: &str, values: &[i64]| {
            (
                name.to_owned(),
                values.iter().copied().map(Value::Int).collect::<Vec<_>>(),
            )
        };
        let tasks = Tasks::Matrix(vec![axis("a", &[1, 2]), axis("b", &[7, 8, 9])]);
        assert_eq!(tasks.count(), 6);
        let cells: Vec<(i64, i64)> = (0..6)
            .map(|index| match tasks.matrix(index).as_slice() {
                [(_, Value::Int(a)), (_, Value::Int(b))] => (*a, *b),
                other => panic!("not a cell: {other:?}"),
            })
            .collect();
        assert_eq!(cells, [(1, 7), (1, 8), (1, 9), (2, 7), (2, 8), (2, 9)]);
    }

    #[test]
    fn slices_cover_every_row_once_and_the_last_is_shorter() {
        let tasks = Tasks::Rows {
            port: "library".into(),
            rows_per_task: 4,
            rows: 10,
        };
        assert_eq!(tasks.count(), 3);
        assert_eq!(tasks.rows(0), Some(0..4));
        assert_eq!(tasks.rows(2), Some(8..10));
        assert_eq!(tasks.rows(3), None);
    }
}
