//! One stage of a run: its tasks as arrays, and lists of what is to be done with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::listing::Listing;
use super::placed::{Asking, Placed};
use crate::dataset::Dataset;
use crate::fact::SkipReason;
use crate::failure::Failure;
use crate::ids::{Timestamp, place};
use crate::key::distinct;
use crate::ledger::{AttemptRecord, Ledger};
use crate::plan::{PlannedStage, Tasks};
use crate::ranges::Ranges;
use crate::results::Results;
use crate::task::{Counts, TaskStatus};

/// Failures of one stage that are kept with their logs' ends; more are counted only, since a
/// scatter that fails a million times fails in a few ways.
const FAILURES_KEPT: usize = 100;

/// Tasks whose keys may be looked up at once. Enough to keep the store busy; few enough that the
/// first tasks of a large scatter start before the last are asked about.
pub(crate) const LOOKUP_WINDOW: u32 = 16_384;

/// Where a stage is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Its upstream has not ended, or nobody asked for its inputs yet.
    #[default]
    Waiting,
    /// Its inputs are being found.
    Resolving,
    /// Its tasks are known.
    Open,
    /// It ended.
    Ended(StageEnd),
}

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageEnd {
    /// Its tasks gave results, but for as many failures as it bears.
    Succeeded,
    /// More tasks failed than it bears, or it could not start.
    Failed,
    /// It did not run.
    Skipped(SkipReason),
    /// A user stopped it.
    Cancelled,
}

impl Phase {
    /// For messages.
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
    /// The task.
    pub index: u32,
    /// Which try of it, from 1.
    pub attempt: u32,
    /// False when it was tried again.
    pub last: bool,
    /// Why.
    pub failure: Failure,
}

/// Tries of a task that did not succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tries {
    /// By the task's own fault.
    pub(crate) charged: u32,
    /// By the infrastructure's.
    pub(crate) uncharged: u32,
    /// When it may be tried again, while it waits for that.
    pub(crate) due: Option<Timestamp>,
}

/// One stage of a run. A task takes a byte for its status, eight for its lease, and what its result
/// needs: up to 80 bytes for one part at one port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StageState {
    pub(crate) phase: Phase,
    /// Upstream stages that have not ended.
    pub(crate) waits_for: u32,
    /// Left out by `--only`, but read by a stage that is not: looked up, never run.
    pub(crate) from_cache: bool,
    /// Tasks of it may have a key that another task of the run has too.
    pub(crate) shares: bool,
    pub(crate) inputs: Vec<Dataset>,
    /// Its tasks, where the plan does not hold them.
    pub(crate) found_tasks: Option<Tasks>,
    pub(crate) status: Vec<TaskStatus>,
    pub(crate) generation: Vec<u32>,
    /// Which worker has the current lease.
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
    /// Why it could not start.
    pub(crate) unresolvable: Option<Failure>,
    /// Since when it could run.
    pub(crate) ready_at: Timestamp,
    /// Where and when it goes, once that is decided.
    pub(crate) placed: Option<Box<Placed>>,
    /// Whether it is to be placed, or placed again.
    pub(crate) asking: Asking,
    /// On which lists across runs it is.
    pub(crate) listing: Listing,
}

impl StageState {
    /// Its tasks become known.
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
        self.shares = shareable(planned) && (same_elsewhere || !distinct(planned.reads, tasks));
        self.status = vec![TaskStatus::Waiting; place(count)];
        // Leases of an earlier life of the stage must not pass for those of this one.
        let floor = self.generation.iter().copied().max().unwrap_or_default();
        self.generation = vec![floor; place(count)];
        self.holder = vec![0; place(count)];
        self.counts = Counts::waiting(count);
        self.results = Results::of(count);
    }

    /// It begins again: nothing of its tasks is known any more but what they took, and the numbers of
    /// their leases.
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

    /// Its tasks, once known.
    pub(crate) fn tasks<'a>(&'a self, planned: &'a PlannedStage) -> Option<&'a Tasks> {
        self.found_tasks.as_ref().or(planned.tasks.as_ref())
    }

    /// How many tasks it has; 0 until they are known.
    pub(crate) fn count(&self) -> u32 {
        crate::ids::index_of(self.status.len())
    }

    /// How long an attempt that began then had waited for power rather than for room: until the
    /// latest segment that had come, from when the stage was ready.
    pub(crate) fn deferred_ms(&self, began: Timestamp) -> u64 {
        let segments = self.placed.iter().flat_map(|one| &one.placement.segments);
        let starts = segments.map(|segment| segment.start);
        starts
            .filter(|start| *start <= began)
            .max()
            .map_or(0, |start| start.since_ms(self.ready_at))
    }

    /// How a task stands.
    pub(crate) fn status_of(&self, index: u32) -> Option<TaskStatus> {
        self.status.get(place(index)).copied()
    }

    /// The number of the try that comes next, or goes on, from 1.
    pub(crate) fn attempt(&self, index: u32) -> u32 {
        self.tries.get(&index).map_or(0, |tries| tries.charged) + 1
    }

    /// Tasks that have not begun; as many as are planned, or one, until they are known.
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

    /// Whether all keys are looked up, so that it is known how many tasks will run.
    pub(crate) fn is_counted(&self) -> bool {
        self.phase == Phase::Open && self.unasked.is_empty() && self.asked.is_empty()
    }

    /// Whether its placement is for fewer tasks than there are, or, the first time that their number
    /// is known, for another number.
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
        // What has no place at all is asked about with the next outlook.
        !placed.placement.segments.is_empty() && (left < tasks || first && left != tasks)
    }

    /// Tasks that may be leased besides those that are.
    pub(crate) fn slack(&self, planned: &PlannedStage) -> u32 {
        planned
            .stage
            .max_parallel
            .unwrap_or(u32::MAX)
            .max(1)
            .saturating_sub(self.counts.of(TaskStatus::Active))
    }

    /// Whether more of its tasks should be looked up now.
    pub(crate) fn is_askable(&self) -> bool {
        !self.unasked.is_empty() && self.asked.len() < LOOKUP_WINDOW
    }

    /// Keeps a failure, if there is room; the last failure of a task is worth more than one that
    /// was tried again.
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

/// Whether keys of a stage are looked up.
pub(crate) fn looks_up(planned: &PlannedStage) -> bool {
    shareable(planned) && !(planned.force && planned.selected)
}
