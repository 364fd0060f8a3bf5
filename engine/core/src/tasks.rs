//! What distinguishes one task of a stage: its item, its cell of the matrix, or its rows.

use std::ops::Range;

use sunward_workflows::Value;

use crate::dataset::Dataset;
use crate::groups::FileGroups;
use crate::ids::place;
use crate::plan::Tasks;

/// The most tasks that one stage may have. Each takes up to about 100 bytes while the run is in
/// progress. A mistyped number is refused here, long before memory runs out.
pub(crate) const TASK_LIMIT: u32 = 100_000_000;

/// The message about a number of tasks beyond the limit.
pub(crate) fn too_many(count: u128) -> String {
    format!(
        "{count} tasks are more than the {TASK_LIMIT} that one stage may have; give each task more rows or items"
    )
}

fn wide(length: usize) -> u128 {
    u128::try_from(length).unwrap_or(u128::MAX)
}

impl Tasks {
    /// The number of tasks. A stage that is running never has more than fit.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.total()).unwrap_or(u32::MAX)
    }

    /// The number of tasks, also if no stage may have that many.
    #[must_use]
    pub fn total(&self) -> u128 {
        match self {
            Self::One => 1,
            Self::Range(count) | Self::Parts { count, .. } => u128::from(*count),
            Self::Items(items) => wide(items.len()),
            Self::Files(groups) => u128::from(groups.count),
            Self::Groups { values, .. } => wide(values.len()),
            Self::Matrix(axes) => axes
                .iter()
                .map(|(_, values)| wide(values.len()))
                .fold(1, u128::saturating_mul),
            Self::Rows {
                rows_per_task,
                rows,
                ..
            } => u128::from(rows.div_ceil((*rows_per_task).max(1))),
            Self::Repeated { each, times } => each.total().saturating_mul(u128::from(*times)),
            Self::Beside { each, .. } => each.total(),
        }
    }

    /// These tasks, each several times in a row if `repeat` says so. Tasks that are repeated
    /// already stay as they are.
    #[must_use]
    pub fn repeated(self, repeat: Option<u32>) -> Self {
        match repeat {
            Some(times) if self.times().is_none() => Self::Repeated {
                each: Box::new(self),
                times,
            },
            Some(_) | None => self,
        }
    }

    /// These tasks, each with files of its own, if there are inputs with such files.
    #[must_use]
    pub fn beside(self, files: FileGroups) -> Self {
        if files.ports.is_empty() {
            return self;
        }
        Self::Beside {
            each: Box::new(self),
            files,
        }
    }

    /// The tasks without repetitions and without files that their rows name.
    #[must_use]
    pub fn each(&self) -> &Self {
        match self {
            Self::Repeated { each, .. } | Self::Beside { each, .. } => each.each(),
            other => other,
        }
    }

    /// Which task gets which files, if inputs are divided by files.
    #[must_use]
    pub fn files(&self) -> Option<&FileGroups> {
        match self {
            Self::Files(files) | Self::Beside { files, .. } => Some(files),
            Self::Repeated { each, .. } => each.files(),
            Self::One
            | Self::Range(_)
            | Self::Items(_)
            | Self::Matrix(_)
            | Self::Rows { .. }
            | Self::Groups { .. }
            | Self::Parts { .. } => None,
        }
    }

    /// The index among [`Self::each`] of the task that one task repeats.
    #[must_use]
    pub fn each_index(&self, index: u32) -> u32 {
        index / self.times().unwrap_or(1).max(1)
    }

    /// The value of `repeat` in one task, if it has one.
    #[must_use]
    pub fn repeat(&self, index: u32) -> Option<u32> {
        index.checked_rem(self.times()?)
    }

    fn times(&self) -> Option<u32> {
        self.repetitions().map(|(_, times)| times)
    }

    fn repetitions(&self) -> Option<(&Self, u32)> {
        match self {
            Self::Repeated { each, times } => Some((each, *times)),
            Self::One
            | Self::Range(_)
            | Self::Items(_)
            | Self::Matrix(_)
            | Self::Rows { .. }
            | Self::Files(_)
            | Self::Groups { .. }
            | Self::Parts { .. }
            | Self::Beside { .. } => None,
        }
    }

    /// Why a stage cannot have these tasks, if there are too many.
    #[must_use]
    pub fn too_many(&self) -> Option<String> {
        let total = self.total();
        (total > u128::from(TASK_LIMIT)).then(|| too_many(total))
    }

    /// The value of `item` in one task, if it has one. `of_port` gives the stage's inputs.
    #[must_use]
    pub fn item<'d>(
        &self,
        index: u32,
        of_port: impl Fn(&str) -> Option<&'d Dataset>,
    ) -> Option<Value> {
        let index = self.each_index(index);
        match self.each() {
            Self::Files(groups) => groups.item(index, of_port),
            Self::Range(count) => (index < *count).then(|| Value::Int(i64::from(index))),
            Self::Items(items) => items.get(place(index)).cloned(),
            Self::Groups { column, values, .. } => {
                let value = values.get(place(index))?.clone();
                Some(Value::Map(vec![(column.clone(), value)]))
            }
            Self::One
            | Self::Matrix(_)
            | Self::Rows { .. }
            | Self::Parts { .. }
            | Self::Repeated { .. }
            | Self::Beside { .. } => None,
        }
    }

    /// The value of each name of `matrix` in one task; empty without a matrix.
    #[must_use]
    pub fn matrix(&self, index: u32) -> Vec<(String, Value)> {
        let Self::Matrix(axes) = self.each() else {
            return Vec::new();
        };
        let mut rest = place(self.each_index(index));
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
        let index = self.each_index(index);
        match self.each() {
            Self::Rows {
                rows_per_task,
                rows,
                ..
            } => {
                let first = u64::from(index).saturating_mul(*rows_per_task);
                (first < *rows).then(|| first..first.saturating_add(*rows_per_task).min(*rows))
            }
            Self::Groups { ends, .. } => {
                let end = *ends.get(place(index))?;
                let before = index.checked_sub(1).and_then(|at| ends.get(place(at)));
                Some(before.copied().unwrap_or(0)..end)
            }
            Self::One
            | Self::Range(_)
            | Self::Items(_)
            | Self::Matrix(_)
            | Self::Files(_)
            | Self::Parts { .. }
            | Self::Repeated { .. }
            | Self::Beside { .. } => None,
        }
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
    fn each_item_is_repeated_before_the_next_one() {
        let items = Tasks::Items(vec![Value::Int(7), Value::Int(9)]).repeated(Some(3));
        assert_eq!(items.count(), 6);
        let told: Vec<_> = (0..6)
            .map(|index| (items.item(index, |_| None), items.repeat(index)))
            .collect();
        let item = |item, repeat| (Some(Value::Int(item)), Some(repeat));
        assert_eq!(
            told,
            [
                item(7, 0),
                item(7, 1),
                item(7, 2),
                item(9, 0),
                item(9, 1),
                item(9, 2)
            ]
        );
        assert_eq!(items.item(6, |_| None), None);

        let rows = Tasks::Rows {
            port: "t".into(),
            rows_per_task: 4,
            rows: 6,
            digests: Vec::new(),
        };
        let rows = rows.repeated(Some(2));
        let slices: Vec<_> = (0..5).map(|index| rows.rows(index)).collect();
        let slice = |first, end| Some(first..end);
        assert_eq!(
            slices,
            [slice(0, 4), slice(0, 4), slice(4, 6), slice(4, 6), None]
        );
        let one = Tasks::One.repeated(Some(4));
        assert_eq!(
            (one.count(), one.item(2, |_| None), one.repeat(2)),
            (4, None, Some(2))
        );
        assert_eq!(Tasks::One.repeat(0), None);
    }

    #[test]
    fn too_many_tasks_are_told_with_their_true_number() {
        let axis = |name: &str| (name.to_owned(), vec![Value::Null; 10_000]);
        let rows = |rows_per_task, rows| Tasks::Rows {
            port: "t".into(),
            rows_per_task,
            rows,
            digests: Vec::new(),
        };
        for (tasks, total) in [
            (
                Tasks::Matrix(vec![axis("a"), axis("b"), axis("c")]),
                "1000000000000",
            ),
            (rows(1, 1_000_000_000_000), "1000000000000"),
            (rows(0, u64::MAX), "18446744073709551615"),
            (rows(10, 1_000_000_001), "100000001"),
        ] {
            let told = tasks.too_many().unwrap();
            assert!(
                told.starts_with(&format!("{total} tasks are more than the 100000000 ")),
                "{told}"
            );
        }
        assert_eq!(rows(10_000, 1_000_000_000_000).too_many(), None);
        assert_eq!(Tasks::Matrix(vec![axis("a"), axis("b")]).too_many(), None);
    }

    #[test]
    fn slices_cover_every_row_once_and_the_last_is_shorter() {
        let tasks = Tasks::Rows {
            port: "library".into(),
            rows_per_task: 4,
            rows: 10,
            digests: Vec::new(),
        };
        assert_eq!(tasks.count(), 3);
        assert_eq!(tasks.rows(0), Some(0..4));
        assert_eq!(tasks.rows(2), Some(8..10));
        assert_eq!(tasks.rows(3), None);
    }
}
