//! One stage of a run: its tasks as arrays, and lists of what to do with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::at_home::AtHome;
use super::awaited::Awaited;
use super::course::StageCourse;
use super::lanes::Listing;
use super::placed::{Asking, Placed};
use crate::dataset::Dataset;
use crate::fact::SkipReason;
use crate::failure::Failure;
use crate::ids::{Timestamp, place};
use crate::key::distinct;
use crate::ledger::{AttemptRecord, Ledger};
use crate::plan::{PlannedStage, Tasks};
use crate::ranges::Ranges;
use crate::rejects::Rejects;
use crate::results::Results;
use crate::task::{Counts, TaskStatus};

/// The most failures of one stage that are kept with the ends of their logs. Further failures are
/// only counted, since a scatter that fails a million times fails in a few ways.
const FAILURES_KEPT: usize = 100;

/// The most tasks of a stage whose keys are looked up at the same time. It is large enough to keep
/// the store busy, and small enough that the first tasks of a large scatter start before the last
/// are looked up.
pub(crate) const LOOKUP_WINDOW: u32 = 16_384;

/// The phase of a stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Its upstream stages have not ended, or its inputs were not requested yet.
    #[default]
    Waiting,
    /// Its inputs are being resolved.
    Resolving,
    /// Its tasks are known.
    Open,
    /// It ended.
    Ended(StageEnd),
}

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageEnd {
    /// It succeeded: no more tasks failed than `tolerate` allows.
    Succeeded,
    /// More tasks failed than `tolerate` allows, it rejected more rows than `tolerate_rejects`
    /// allows, or it could not start.
    Failed,
    /// It did not run, for this reason.
    Skipped(SkipReason),
    /// A user cancelled it.
    Cancelled,
}

impl Phase {
    /// The phase as a word, for messages.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Resolving => "resolving",
            Self::Open => "running",
            Self::Ended(StageEnd::Succeeded) => "succeeded",
            Self::Ended(StageEnd::Failed) => "failed",
            Self::Ended(StageEnd::Skipped(_)) => "skipped",
            Self::Ended(StageEnd::Cancelled) => "cancelled",
        }
    }
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFailure {
    /// The index of the task.
    pub index: u32,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// False if the task was tried again.
    pub last: bool,
    /// The failure.
    pub failure: Failure,
}

/// The attempts of a task that did not succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tries {
    /// Attempts that failed because of the task itself. They count against `retry.max_attempts`.
    pub(crate) charged: u32,
    /// Attempts that were lost, or failed because of the infrastructure.
    pub(crate) uncharged: u32,
    /// The moment of its next attempt, while it waits for it.
    pub(crate) due: Option<Timestamp>,
}

/// The state of one stage. A task takes one byte for its status, eight for its lease, and up to 80
/// for a result of one part at one port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StageState {
    pub(crate) phase: Phase,
    /// The number of upstream stages that have not ended.
    pub(crate) waits_for: u32,
    /// `--only` left it out, but a selected stage reads from it: its results are looked up, and its
    /// tasks never run.
    pub(crate) from_cache: bool,
    /// Whether one of its tasks may have the same key as another task of the run.
    pub(crate) shares: bool,
    pub(crate) inputs: Vec<Dataset>,
    /// The files that its tasks wait for, if it follows other stages. It stays once all have come.
    pub(crate) to_come: Option<Box<Awaited>>,
    /// The reason why nothing more of it begins although it is open: a stage that it follows did not
    /// succeed.
    pub(crate) given_up: Option<SkipReason>,
    /// Its tasks, if they differ from the plan's or the plan does not have them.
    pub(crate) found_tasks: Option<Tasks>,
    pub(crate) status: Vec<TaskStatus>,
    pub(crate) generation: Vec<u32>,
    /// For each task, the worker that holds the current lease.
    pub(crate) holder: Vec<u32>,
    pub(crate) counts: Counts,
    pub(crate) ready: Ranges,
    pub(crate) unasked: Ranges,
    pub(crate) asked: Ranges,
    pub(crate) tries: BTreeMap<u32, Tries>,
    pub(crate) results: Results,
    pub(crate) ledger: Ledger,
    pub(crate) failures: Vec<TaskFailure>,
    pub(crate) attempts: Vec<AttemptRecord>,
    /// The reason why it could not start.
    pub(crate) unresolvable: Option<Failure>,
    /// The moment from which it could run.
    pub(crate) ready_at: Timestamp,
    /// When it began, and what was expected of it.
    pub(crate) course: StageCourse,
    /// The course that it would have taken at home.
    pub(crate) at_home: AtHome,
    /// Its placement, once it has one.
    pub(crate) placed: Option<Box<Placed>>,
    /// Whether it needs a placement.
    pub(crate) asking: Asking,
    /// The lists across runs that it is on.
    pub(crate) listing: Listing,
}

impl StageState {
    /// Sets the stage's inputs and tasks, which are now known.
    pub(crate) fn open(
        &mut self,
        planned: &PlannedStage,
        inputs: Vec<Dataset>,
        tasks: &Tasks,
        same_elsewhere: bool,
    ) {
        let count = tasks.count();
        self.phase = Phase::Open;
        self.inputs = inputs;
        self.found_tasks = (planned.tasks.as_ref() != Some(tasks)).then(|| tasks.clone());
        self.shares = shareable(planned) && (same_elsewhere || !distinct(&planned.reads, tasks));
        self.status = vec![TaskStatus::Waiting; place(count)];
        // A lease from before the stage began again must not pass for a current one, so generations
        // continue to rise.
        let floor = self.generation.iter().copied().max().unwrap_or_default();
        self.generation = vec![floor; place(count)];
        self.holder = vec![0; place(count)];
        self.counts = Counts::waiting(count);
        self.results = Results::of(count);
    }

    /// Resets the stage, as in a fresh run. It keeps what its attempts used and the generations of
    /// its leases.
    pub(crate) fn begin_again(&mut self) {
        *self = Self {
            from_cache: self.from_cache,
            generation: std::mem::take(&mut self.generation),
            ledger: std::mem::take(&mut self.ledger),
            attempts: std::mem::take(&mut self.attempts),
            listing: std::mem::take(&mut self.listing),
            asking: Asking::Wanted,
            ..Self::default()
        };
    }

    /// Its tasks, once they are known.
    pub(crate) fn tasks<'a>(&'a self, planned: &'a PlannedStage) -> Option<&'a Tasks> {
        self.found_tasks.as_ref().or(planned.tasks.as_ref())
    }

    /// The number of tasks; 0 until they are known.
    pub(crate) fn count(&self) -> u32 {
        crate::ids::index_of(self.status.len())
    }

    /// The status of a task; `None` if there is no such task.
    pub(crate) fn status_of(&self, index: u32) -> Option<TaskStatus> {
        self.status.get(place(index)).copied()
    }

    /// The number of the task's current or next attempt, from 1. Only charged attempts count.
    pub(crate) fn attempt(&self, index: u32) -> u32 {
        self.tries.get(&index).map_or(0, |tries| tries.charged) + 1
    }

    /// The number of tasks that have not begun. Until the tasks are known it is the planned number,
    /// or 1.
    pub(crate) fn not_begun(&self, planned: &PlannedStage) -> u32 {
        match self.phase {
            Phase::Waiting | Phase::Resolving => planned.tasks.as_ref().map_or(1, Tasks::count),
            Phase::Open => [TaskStatus::Waiting, TaskStatus::Ready, TaskStatus::Deferred]
                .into_iter()
                .map(|status| self.counts.of(status))
                .sum(),
            Phase::Ended(_) => 0,
        }
    }

    /// Whether all keys are looked up, so that the number of tasks to run is known.
    pub(crate) fn is_counted(&self) -> bool {
        let awaits = self.to_come.as_ref().is_some_and(|one| !one.is_complete());
        self.phase == Phase::Open && self.unasked.is_empty() && self.asked.is_empty() && !awaits
    }

    /// Whether the placement is for fewer tasks than there are. The first time that the number of
    /// tasks is known, a placement for more tasks counts as well.
    pub(crate) fn is_misplaced(&mut self, planned: &PlannedStage) -> bool {
        if !self.is_counted() {
            return false;
        }
        let tasks = self.not_begun(planned);
        let Some(placed) = &mut self.placed else {
            return false;
        };
        let left = placed.left();
        let first = !std::mem::replace(&mut placed.counted, true);
        // A placement without segments is replaced with the next outlook.
        !placed.placement.segments.is_empty() && (left < tasks || first && left != tasks)
    }

    /// The number of tasks that `max_parallel` still allows to be leased.
    pub(crate) fn slack(&self, planned: &PlannedStage) -> u32 {
        planned
            .stage
            .max_parallel
            .unwrap_or(u32::MAX)
            .max(1)
            .saturating_sub(self.counts.of(TaskStatus::Active))
    }

    /// The input of which more rows were rejected than the stage tolerates.
    pub(crate) fn too_many_rejects(&self, planned: &PlannedStage) -> Option<&Rejects> {
        let limit = planned.stage.tolerate_rejects?;
        let mut inputs = self.results.rejects().iter();
        inputs.find(|rejects| rejects.exceeds(limit))
    }

    /// Whether more of its keys should be looked up now.
    pub(crate) fn is_askable(&self) -> bool {
        !self.unasked.is_empty() && self.asked.len() < LOOKUP_WINDOW
    }

    /// Keeps a failure if there is room. The last failure of a task replaces one after which its
    /// task was tried again.
    pub(crate) fn remember(&mut self, failure: TaskFailure) {
        if self.failures.len() < FAILURES_KEPT {
            self.failures.push(failure);
        } else if failure.last
            && let Some(at) = self.failures.iter().rposition(|kept| !kept.last)
        {
            self.failures.remove(at);
            self.failures.push(failure);
        }
    }
}

/// Whether results of a stage may be found by key, in the cache or in the run.
pub(crate) fn shareable(planned: &PlannedStage) -> bool {
    planned.stage.cache.enabled && !planned.reads.run
}

/// Whether the keys of a stage are looked up in the cache.
pub(crate) fn looks_up(planned: &PlannedStage) -> bool {
    shareable(planned) && !(planned.force && planned.selected)
}
