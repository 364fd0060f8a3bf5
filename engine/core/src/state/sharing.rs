//! Tasks of one run with equal keys: the first runs, the others follow it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::ids::StageId;
use crate::ranges::Ranges;

/// A task within its run.
pub(crate) type TaskPlace = (StageId, u32);

/// Who runs for whom. Only tasks whose keys may be equal to others' are in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sharing {
    /// By key, the task that runs, or ran, for all.
    pub(crate) leaders: BTreeMap<Digest, TaskPlace>,
    /// By leader, those that wait for it.
    pub(crate) followers: BTreeMap<TaskPlace, BTreeMap<StageId, Ranges>>,
    /// Leaders that have a result and followers.
    pub(crate) done: BTreeSet<TaskPlace>,
}

impl Sharing {
    /// A task waits for a leader.
    pub(crate) fn follow(&mut self, leader: TaskPlace, stage: StageId, index: u32) {
        self.followers
            .entry(leader)
            .or_default()
            .entry(stage)
            .or_default()
            .insert(index, index + 1);
    }

    /// A task does not wait any more.
    pub(crate) fn leave(&mut self, leader: TaskPlace, stage: StageId, index: u32) {
        let Some(stages) = self.followers.get_mut(&leader) else {
            return;
        };
        if let Some(ranges) = stages.get_mut(&stage) {
            ranges.remove(index, index + 1);
            if ranges.is_empty() {
                stages.remove(&stage);
            }
        }
        if stages.is_empty() {
            self.followers.remove(&leader);
            self.done.remove(&leader);
        }
    }

    /// A task got a result: those that wait for it may have it.
    pub(crate) fn succeeded(&mut self, task: TaskPlace) {
        if self.followers.contains_key(&task) {
            self.done.insert(task);
        }
    }

    /// A task will give no result: those that waited for it, to be run themselves.
    pub(crate) fn gave_up(&mut self, task: TaskPlace) -> BTreeMap<StageId, Ranges> {
        self.done.remove(&task);
        self.followers.remove(&task).unwrap_or_default()
    }

    /// These stages begin again: none of their tasks leads or follows. Gives those of other stages that
    /// followed one of theirs, to be run themselves.
    pub(crate) fn forget(&mut self, stages: &BTreeSet<StageId>) -> BTreeMap<StageId, Ranges> {
        self.leaders.retain(|_, (stage, _)| !stages.contains(stage));
        self.done.retain(|(stage, _)| !stages.contains(stage));
        let mut freed: BTreeMap<StageId, Ranges> = BTreeMap::new();
        self.followers.retain(|leader, followers| {
            followers.retain(|stage, _| !stages.contains(stage));
            if stages.contains(&leader.0) {
                for (stage, ranges) in std::mem::take(followers) {
                    let all = freed.entry(stage).or_default();
                    for (first, end) in ranges.spans() {
                        all.insert(first, end);
                    }
                }
            }
            !followers.is_empty()
        });
        let followers = &self.followers;
        self.done.retain(|leader| followers.contains_key(leader));
        freed
    }

    /// Nobody waits for anybody any more.
    pub(crate) fn stop(&mut self) {
        self.followers.clear();
        self.done.clear();
    }
}
