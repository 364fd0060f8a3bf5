//! Groups of files: what each task of a scatter over files gets.

use serde::{Deserialize, Serialize};
use sunward_workflows::Value;

use crate::dataset::{Dataset, PartRef};
use crate::digest::Digest;
use crate::ids::place;

/// The tasks of a scatter over files. Each task gets some files of every divided input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileGroups {
    /// The number of tasks.
    pub count: u32,
    /// The divided inputs by port.
    pub ports: Vec<(String, Grouping)>,
    /// The column of `by:`, and its value for each task.
    pub by: Option<(String, Vec<Value>)>,
    /// Whether the inputs are paired, as under `zip:`.
    pub zipped: bool,
}

/// The files of one input that each task gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grouping {
    /// Task `i` gets file `i`, alone.
    Each,
    /// Every task gets this many files, in order; the last one may get fewer.
    Batches(u64),
    /// Every task gets the files in its list, as a folder.
    Listed(Vec<Vec<u32>>),
    /// Task `i` gets the one file in the `i`th place, alone.
    Paired(Vec<u32>),
}

impl Grouping {
    /// The files of one task, of `all` files.
    fn rows(&self, index: u32, all: usize) -> Vec<usize> {
        match self {
            Self::Each => vec![place(index)],
            Self::Batches(size) => {
                let size = usize::try_from(*size).unwrap_or(usize::MAX);
                let first = place(index).saturating_mul(size);
                (first..first.saturating_add(size).min(all)).collect()
            }
            Self::Listed(lists) => {
                let list = lists.get(place(index)).map(Vec::as_slice);
                list.unwrap_or_default()
                    .iter()
                    .copied()
                    .map(place)
                    .collect()
            }
            Self::Paired(rows) => rows
                .get(place(index))
                .copied()
                .map(place)
                .into_iter()
                .collect(),
        }
    }

    /// Whether a task gets one file by itself, and not a folder.
    const fn is_alone(&self) -> bool {
        matches!(self, Self::Each | Self::Paired(_))
    }

    /// The only file of one task, if it gets one by itself.
    fn only(&self, index: u32) -> Option<usize> {
        match self {
            Self::Each => Some(place(index)),
            Self::Paired(rows) => rows.get(place(index)).copied().map(place),
            Self::Batches(_) | Self::Listed(_) => None,
        }
    }
}

impl FileGroups {
    /// Whether an input is divided.
    #[must_use]
    pub fn divides(&self, port: &str) -> bool {
        self.ports.iter().any(|(divided, _)| divided == port)
    }

    /// What one task gets of a divided input. `None` if the input is not divided, or has fewer files.
    #[must_use]
    pub fn of_task(&self, index: u32, port: &str, dataset: &Dataset) -> Option<Dataset> {
        self.of_task_with(index, port, dataset, |row| dataset.parts.get(row).copied())
    }

    /// As [`Self::of_task`], with the contents of files that `part` gives by their rows.
    #[must_use]
    pub fn of_task_with(
        &self,
        index: u32,
        port: &str,
        dataset: &Dataset,
        part: impl Fn(usize) -> Option<PartRef>,
    ) -> Option<Dataset> {
        let (_, grouping) = self.ports.iter().find(|(divided, _)| divided == port)?;
        let rows = grouping.rows(index, dataset.parts.len());
        dataset.files_with(&rows, grouping.is_alone(), part)
    }

    /// The rows of a divided input whose files one task gets. Empty for any other input.
    pub(crate) fn rows_of(&self, index: u32, port: &str, dataset: &Dataset) -> Vec<usize> {
        let grouping = self.ports.iter().find(|(divided, _)| divided == port);
        grouping.map_or_else(Vec::new, |(_, grouping)| {
            grouping.rows(index, dataset.parts.len())
        })
    }

    /// The digest of what one task gets of a divided input.
    pub(crate) fn content(&self, index: u32, port: &str, dataset: &Dataset) -> Option<Digest> {
        let (_, grouping) = self.ports.iter().find(|(divided, _)| divided == port)?;
        match grouping.only(index) {
            Some(row) => dataset.content_at(row),
            None => Some(self.of_task(index, port, dataset)?.content),
        }
    }

    /// One column of `item`, if `item` is the row of one file and has the column.
    pub(crate) fn cell<'d>(
        &self,
        index: u32,
        column: &str,
        of_port: impl Fn(&str) -> Option<&'d Dataset>,
    ) -> Option<Value> {
        match self.ports.as_slice() {
            [(port, grouping)] if !self.zipped && self.by.is_none() => {
                of_port(port)?.file_cell(grouping.only(index)?, column)
            }
            _ => None,
        }
    }

    /// The value of `item` in one task: what is known of its file; under `zip:`, that by port; under
    /// `by:`, the value of that column. `None` for batches.
    #[must_use]
    pub fn item<'d>(
        &self,
        index: u32,
        of_port: impl Fn(&str) -> Option<&'d Dataset>,
    ) -> Option<Value> {
        self.item_by(index, |port, grouping| {
            let dataset = of_port(port)?;
            let rows = grouping.rows(index, dataset.parts.len());
            dataset.file_row(*rows.first()?)
        })
    }

    /// The value of `item` in one task, from what it gets of the divided inputs.
    #[must_use]
    pub fn item_of<'d>(
        &self,
        index: u32,
        of_task: impl Fn(&str) -> Option<&'d Dataset>,
    ) -> Option<Value> {
        self.item_by(index, |port, _| of_task(port)?.file_row(0))
    }

    fn item_by(&self, index: u32, row: impl Fn(&str, &Grouping) -> Option<Value>) -> Option<Value> {
        let by = self
            .by
            .as_ref()
            .and_then(|(column, values)| Some((column.clone(), values.get(place(index))?.clone())));
        if self.zipped {
            let rows = self.ports.iter();
            let rows =
                rows.filter_map(|(port, grouping)| Some((port.clone(), row(port, grouping)?)));
            return Some(Value::Map(rows.chain(by).collect()));
        }
        match self.ports.as_slice() {
            _ if by.is_some() => Some(Value::Map(by.into_iter().collect())),
            [(port, grouping)] if grouping.is_alone() => row(port, grouping),
            _ => None,
        }
    }
}
