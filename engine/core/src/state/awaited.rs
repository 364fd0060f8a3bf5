//! The files that the tasks of an open stage still wait for.

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::follow::Feed;
use crate::ids::{index_of, place};
use crate::plan::{PlannedStage, Tasks};

/// What is still to come of the files of a stage that follows others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Awaited {
    /// For each task, how many of its files are still to come.
    missing: Vec<u32>,
    /// By feed: the rows that are still to come, each with a task that gets the file; ascending.
    readers: Vec<Vec<(u32, u32)>>,
    /// How many files are still to come, over all feeds.
    left: u32,
    /// How many tasks still wait for files.
    pub(crate) waiting: u32,
}

impl Awaited {
    /// The files that have not come yet, of a stage that opens with these inputs and tasks. `None` if
    /// its tasks do not get files one by one.
    pub(crate) fn of(
        planned: &PlannedStage,
        feeds: &[Feed],
        (inputs, tasks): (&[Dataset], &Tasks),
    ) -> Option<Self> {
        let Tasks::Files(groups) = tasks.each() else {
            return None;
        };
        let mut missing = vec![0; place(tasks.count())];
        let mut left = 0_usize;
        let readers = feeds.iter().map(|feed| {
            let port = planned.stage.inputs.get_index(feed.input);
            let dataset = inputs.get(feed.input);
            let mut readers = Vec::new();
            if let (Some((port, _)), Some(dataset)) = (port, dataset) {
                left += dataset
                    .parts
                    .iter()
                    .filter(|part| part.is_awaited())
                    .count();
                for task in 0..tasks.count() {
                    for row in groups.rows_of(tasks.each_index(task), port, dataset) {
                        if dataset.parts.get(row).is_some_and(|part| part.is_awaited()) {
                            readers.push((index_of(row), task));
                            missing[place(task)] += 1;
                        }
                    }
                }
                readers.sort_unstable();
            }
            readers
        });
        let readers = readers.collect();
        let waiting = missing.iter().filter(|missing| **missing > 0).count();
        Some(Self {
            left: index_of(left),
            waiting: index_of(waiting),
            missing,
            readers,
        })
    }

    /// Whether a task waits for a file.
    pub(crate) fn holds_back(&self, task: u32) -> bool {
        self.missing
            .get(place(task))
            .is_some_and(|missing| *missing > 0)
    }

    /// Whether all files have come.
    pub(crate) const fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// The file of a row has come. Returns the tasks that wait for nothing more.
    pub(crate) fn came(&mut self, feed: usize, row: u32) -> Vec<u32> {
        self.left = self.left.saturating_sub(1);
        let readers = self.readers.get(feed).map_or(&[][..], Vec::as_slice);
        let first = readers.partition_point(|(known, _)| *known < row);
        let readers = readers[first..]
            .iter()
            .take_while(|(known, _)| *known == row);
        let mut complete = Vec::new();
        for (_, task) in readers {
            let Some(missing) = self.missing.get_mut(place(*task)) else {
                continue;
            };
            *missing = missing.saturating_sub(1);
            if *missing == 0 {
                complete.push(*task);
            }
        }
        self.waiting = self.waiting.saturating_sub(index_of(complete.len()));
        complete
    }
}
