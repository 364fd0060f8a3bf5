//! A stage to place: how much work it is, when it may run, and in which pools.

use serde::{Deserialize, Serialize};

use super::placement::Placement;
use super::taken::Taken;
use super::timing::Timing;
use crate::ids::{RunId, StageId, Timestamp};
use crate::pool::PoolId;

/// Identifies an ask by its run and stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AskId {
    /// The run that the stage belongs to.
    pub run: RunId,
    /// The stage, by its place in the run's plan.
    pub stage: StageId,
}

impl std::fmt::Display for AskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stage {} of run {}", self.stage.0, self.run)
    }
}

/// A goal that ranks places and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prefer {
    /// The lowest emissions.
    Carbon,
    /// The most work while power is in surplus.
    Surplus,
    /// Machines that are idle anyway: the lowest intensity within the hours that a host offers.
    Idle,
    /// The earliest end.
    Time,
    /// The lowest price.
    Cost,
}

/// The tasks of one stage that have not begun, decided as a whole. A scatter is one ask, never one
/// ask for each task, so that the size of a problem does not grow with the number of tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The run and stage that it is for.
    pub id: AskId,
    /// Indices of the asks in the same problem that must end before this one begins, ascending.
    /// Stages that have begun or ended are not asks; they count in `ready_at`.
    pub after: Vec<u32>,
    /// The project that is charged. Fair share is between projects.
    pub project: String,
    /// Priority within the project; higher goes first. Waiting since `since` raises it.
    pub priority: i32,
    /// When the run was submitted. An older run chooses earlier.
    pub since: Timestamp,
    /// The number of tasks that have not begun. A stage of more than one task may pause, and change
    /// pools, between rounds of `width` tasks.
    pub tasks: u32,
    /// The most tasks that may run at the same time.
    pub width: u32,
    /// GPUs of one task.
    pub gpus: u32,
    /// Processor cores of one task.
    pub cpus: u32,
    /// The expected duration of one task, in milliseconds.
    pub task_ms: u64,
    /// Where that comes from, and the margin that it keeps by itself. Placers do not read it.
    pub timing: Timing,
    /// The IT power of one task, all its devices together, in milliwatts. PUE is not included.
    pub task_milliwatts: u64,
    /// It begins no earlier than this.
    pub ready_at: Timestamp,
    /// The latest end of all its tasks, so that the stages after it can still meet the run's
    /// deadline. `None` if it has neither a deadline nor a `max_delay`. It then starts at once.
    pub finish_by: Option<Timestamp>,
    /// What should be left before `finish_by`, in milliseconds, because it and what follows it may
    /// take longer than expected. Nothing waits for a cleaner hour beyond that.
    pub margin_ms: u64,
    /// The latest start of its first task (`max_delay`). If it waits for others of the problem, then
    /// that after their latest ends.
    pub start_by: Option<Timestamp>,
    /// The longest time between the last end of the asks in `after` and its start (`max_delay`), in
    /// milliseconds.
    pub max_delay_ms: Option<u64>,
    /// The pools that it may use, ascending and never empty.
    pub allowed: Vec<PoolId>,
    /// The pool that it would use without placement. Savings are counted against it.
    pub home: PoolId,
    /// The bytes that it reads, by the pool that holds them. They move if it runs elsewhere.
    pub data: Vec<(PoolId, u64)>,
    /// The goals, most important first. A later goal decides only among places within 5 % of the
    /// best by the earlier ones.
    pub prefer: Vec<Prefer>,
    /// Its placement so far, as long as none of it has begun. Our own placer ignores it: a move
    /// costs nothing then, and the newest forecast is the best one. Policies that avoid moves read
    /// it.
    pub previous: Option<Placement>,
}

impl Ask {
    /// The number of its tasks that fit into some free capacity.
    pub(super) fn fit(&self, free: Taken) -> u32 {
        let gpus = free.gpus.checked_div(self.gpus).unwrap_or(u32::MAX);
        // Only GPUs limit a GPU task, because hosts provide enough cores with each GPU.
        let cpus = if self.gpus > 0 {
            u32::MAX
        } else {
            free.cpus.checked_div(self.cpus).unwrap_or(u32::MAX)
        };
        let power = free.milliwatts.checked_div(self.task_milliwatts);
        let power = power.map_or(u32::MAX, |fit| u32::try_from(fit).unwrap_or(u32::MAX));
        gpus.min(cpus).min(power)
    }

    /// The number of rounds that its tasks take when this many run at the same time.
    pub(crate) fn rounds(&self, at_once: u32) -> u32 {
        self.tasks.div_ceil(at_once.max(1)).max(1)
    }

    /// Its duration when this many tasks run at the same time, in milliseconds.
    pub(crate) fn length_ms(&self, at_once: u32) -> u64 {
        u64::from(self.rounds(at_once)).saturating_mul(self.task_ms.max(1))
    }

    /// Its mean power over its duration, in milliwatts, when this many tasks run at the same time.
    /// The last round may be narrower, so this is less than `at_once` times a task's power.
    pub(crate) fn power(&self, at_once: u32) -> u64 {
        let tasks = u64::from(self.tasks);
        let rounds = u64::from(self.rounds(at_once));
        self.task_milliwatts.saturating_mul(tasks) / rounds
    }

    /// The same ask if the asks before it end at a moment, where that limits its start.
    pub(super) fn after(&self, ready_ms: u64) -> Option<Self> {
        let latest = Timestamp(ready_ms.saturating_add(self.max_delay_ms?));
        Some(Self {
            start_by: Some(self.start_by.map_or(latest, |by| by.min(latest))),
            ..self.clone()
        })
    }

    /// The latest end for which it may wait, if it may begin at `ready_ms`: what leaves the margin
    /// before its deadline. If that is too early even for an end without any wait, then that end.
    /// `None` if it may not wait.
    pub(super) fn wait_until(&self, ready_ms: u64) -> Option<u64> {
        let by = self.finish_by?.0;
        let at_once = self.width.min(self.tasks).max(1);
        let soonest = ready_ms.saturating_add(self.length_ms(at_once));
        Some(by.saturating_sub(self.margin_ms).max(soonest.min(by)))
    }

    /// The latest start that also leaves the margin before its deadline.
    pub(super) fn safe_start(&self, length_ms: u64) -> Option<u64> {
        let latest = self.latest_start(length_ms)?;
        let by_end = self.finish_by.map(|by| {
            let safe = by.0.saturating_sub(self.margin_ms);
            safe.saturating_sub(length_ms)
        });
        Some(by_end.map_or(latest, |by| by.min(latest)))
    }

    /// The latest start that keeps its deadline and its `max_delay`, for work of this duration;
    /// `None` if it has neither.
    pub(crate) fn latest_start(&self, length_ms: u64) -> Option<u64> {
        let by_end = self.finish_by.map(|by| by.0.saturating_sub(length_ms));
        let by_start = self.start_by.map(|by| by.0);
        match (by_end, by_start) {
            (Some(end), Some(start)) => Some(end.min(start)),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        }
    }
}
