//! Tasks of one run that have equal keys. The first of them runs, and the others follow it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::ids::StageId;
use crate::ranges::Ranges;

/// A task within its run: its stage and index.
pub(crate) type TaskPlace = (StageId, u32);

/// Which tasks lead and which follow. Only tasks whose keys may equal those of others are in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sharing {
    /// For each key, the task that runs, or ran, for all tasks with that key.
    pub(crate) leaders: BTreeMap<Digest, TaskPlace>,
    /// For each leader, the tasks that wait for its result.
    pub(crate) followers: BTreeMap<TaskPlace, BTreeMap<StageId, Ranges>>,
    /// Leaders that have a result and followers.
    pub(crate) done: BTreeSet<TaskPlace>,
}

impl Sharing {
    /// Makes a task wait for a leader.
    pub(crate) fn follow(&mut self, leader: TaskPlace, stage: StageId, index: u32) {
        self.followers
            .entry(leader)
            .or_default()
            .entry(stage)
            .or_default()
            .insert(index, index + 1);
    }

    /// Removes a task from a leader's followers.
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

    /// Marks a task that has a result, so that its followers get it.
    pub(crate) fn succeeded(&mut self, task: TaskPlace) {
        if self.followers.contains_key(&task) {
            self.done.insert(task);
        }
    }

    /// Removes and returns the followers of a task without a result. They then run themselves.
    pub(crate) fn gave_up(&mut self, task: TaskPlace) -> BTreeMap<StageId, Ranges> {
        self.done.remove(&task);
        self.followers.remove(&task).unwrap_or_default()
    }

    /// Removes all leaders and followers of stages that begin again. Returns the followers that
    /// belong to other stages, which then run themselves.
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

    /// Removes all followers.
    pub(crate) fn stop(&mut self) {
        self.followers.clear();
        self.done.clear();
    }
}
