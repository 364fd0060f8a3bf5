//! Units of what all tasks share, such as licenses: how many are in use, and who waits for them.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::State;
use crate::ids::{RunId, StageId};

/// A stage of a run.
pub(crate) type StagePlace = (RunId, StageId);

/// Ready tasks of stages that share something, in the order in which they became ready.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Queue {
    /// The number that the next tasks get.
    next: u64,
    /// For each stage its tasks by rising number. Tasks that became ready together share one.
    waiting: BTreeMap<StagePlace, VecDeque<(u64, u32)>>,
}

/// Tasks of a stage that became ready together, the first of their stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    /// Their number. Lower numbers come first.
    pub(crate) number: u64,
    pub(crate) stage: StagePlace,
    pub(crate) tasks: u32,
}

impl Queue {
    /// Updates the number of a stage's ready tasks. Those that are new come last; those that are
    /// gone were the first.
    pub(crate) fn note(&mut self, stage: StagePlace, ready: u32) {
        if ready == 0 {
            self.waiting.remove(&stage);
            return;
        }
        let batches = self.waiting.entry(stage).or_default();
        let known: u32 = batches.iter().map(|(_, tasks)| tasks).sum();
        if ready > known {
            let new = ready - known;
            match batches.back_mut() {
                // Nothing else has become ready since.
                Some((number, tasks)) if *number + 1 == self.next => *tasks += new,
                Some(_) | None => {
                    batches.push_back((self.next, new));
                    self.next += 1;
                }
            }
            return;
        }
        let mut gone = known - ready;
        while let Some((_, tasks)) = batches.front_mut() {
            if *tasks > gone {
                *tasks -= gone;
                return;
            }
            gone -= *tasks;
            batches.pop_front();
        }
    }

    /// The first tasks of every stage, in order.
    pub(crate) fn turns(&self) -> Vec<Turn> {
        let first = |(stage, batches): (&StagePlace, &VecDeque<(u64, u32)>)| {
            let (number, tasks) = *batches.front()?;
            Some(Turn {
                number,
                stage: *stage,
                tasks,
            })
        };
        let mut turns: Vec<Turn> = self.waiting.iter().filter_map(first).collect();
        turns.sort_unstable();
        turns
    }

    /// Whether no task waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Units of one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// How many there are: the smallest limit of a run in progress.
    pub limit: u64,
    /// How many tasks hold, from the lease to its end.
    pub in_use: u64,
}

impl Units {
    /// How many more tasks may begin that ask for this number each, while some units are put
    /// aside. A task that asks for more than the limit, which another run has lowered, runs alone.
    pub(crate) fn fit(self, asked: u32, aside: u64) -> u32 {
        let held = self.in_use.saturating_add(aside);
        let asked = u64::from(asked.max(1));
        if asked > self.limit {
            return u32::from(held == 0);
        }
        let tasks = self.limit.saturating_sub(held) / asked;
        u32::try_from(tasks).unwrap_or(u32::MAX)
    }
}

impl State {
    /// The units of every limit that a run in progress states, by name. Costs time in proportion to
    /// the runs in progress and to the stages of which workers hold leases.
    #[must_use]
    pub fn units(&self) -> BTreeMap<&str, Units> {
        let mut all: BTreeMap<&str, Units> = BTreeMap::new();
        for run in self.active.iter().filter_map(|id| self.runs.get(id)) {
            for (name, limit) in &run.spec.limits {
                let limit = u64::from(*limit);
                let units = all.entry(name).or_insert(Units { limit, in_use: 0 });
                units.limit = units.limit.min(limit);
            }
        }
        if all.is_empty() {
            return all;
        }
        let held = self.workers.values().flat_map(|worker| &worker.held);
        for ((run, stage), tasks) in held {
            let Some((planned, _)) = self.runs.get(run).and_then(|run| run.get(*stage)) else {
                continue;
            };
            for (name, asked) in &planned.stage.resources.shared {
                if let Some(units) = all.get_mut(name.as_str()) {
                    let held = u64::from(*asked).saturating_mul(u64::from(*tasks));
                    units.in_use = units.in_use.saturating_add(held);
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{Queue, Units};
    use crate::ids::{RunId, StageId};

    #[test]
    fn tasks_come_in_the_order_in_which_they_became_ready() {
        let mut queue = Queue::default();
        let [a, b] = [0, 1].map(|stage| (RunId(1), StageId(stage)));
        let order = |queue: &Queue| -> Vec<(u32, u32)> {
            let turns = queue.turns().into_iter();
            turns.map(|turn| (turn.stage.1.0, turn.tasks)).collect()
        };
        queue.note(b, 2);
        queue.note(b, 3);
        queue.note(a, 5);
        queue.note(b, 4);
        assert_eq!(order(&queue), [(1, 3), (0, 5)]);
        queue.note(b, 1);
        assert_eq!(order(&queue), [(0, 5), (1, 1)]);
        queue.note(a, 0);
        queue.note(a, 1);
        assert_eq!(order(&queue), [(1, 1), (0, 1)]);
        queue.note(a, 0);
        queue.note(b, 0);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_task_that_asks_for_more_than_there_is_runs_alone() {
        let units = |in_use| Units { limit: 4, in_use };
        assert_eq!(units(1).fit(1, 0), 3);
        assert_eq!(units(1).fit(2, 0), 1);
        assert_eq!(units(1).fit(1, 2), 1);
        assert_eq!((units(0).fit(6, 0), units(1).fit(6, 0)), (1, 0));
        assert_eq!((units(0).fit(6, 1), units(6).fit(1, 0)), (0, 0));
    }
}
