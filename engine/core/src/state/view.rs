//! Read access to the state, for listings, reports and the live loop.

use std::collections::BTreeMap;

use sunward_workflows::params_of;

use super::RunState;
use super::placed::Asking;
use super::run::Stopping;
use super::sharing::TaskPlace;
use super::stage::{Phase, StageEnd, StageState, TaskFailure};
use crate::dataset::{Dataset, DatasetKind, PartRef, TaskResult};
use crate::fact::{RunStatus, SkipReason};
use crate::failure::Failure;
use crate::follow::{Feed, foretold};
use crate::from_tasks::{FromTasks, carried_item};
use crate::ids::{StageId, Timestamp, index_of};
use crate::ledger::{AttemptRecord, Ledger, Overrun};
use crate::place::Placement;
use crate::plan::{PlannedStage, Tasks};
use crate::ran_on::RanOn;
use crate::rejects::Rejects;
use crate::task::{Counts, TaskStatus};

/// Read access to one stage of a run.
#[derive(Clone, Copy, Debug)]
pub struct StageView<'a> {
    /// The stage's place in the plan.
    pub id: StageId,
    /// The stage as planned.
    pub planned: &'a PlannedStage,
    state: &'a StageState,
    run: &'a RunState,
}

impl RunState {
    /// Whether the run is in progress, or stopped and can be resumed.
    #[must_use]
    pub const fn is_unfinished(&self) -> bool {
        match self.status {
            RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => true,
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => false,
        }
    }

    /// Whether nothing more of the run is leased, because a user or the engine is stopping it or it
    /// exceeded its budget.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        matches!(
            self.stopping,
            Some(Stopping::Cancel | Stopping::Interrupt | Stopping::Hold)
        )
    }

    /// Finds a stage by its place in the plan.
    #[must_use]
    pub fn stage(&self, id: StageId) -> Option<StageView<'_>> {
        let (planned, state) = self.get(id)?;
        Some(StageView {
            id,
            planned,
            state,
            run: self,
        })
    }

    /// All stages, upstream first.
    pub fn stages(&self) -> impl Iterator<Item = StageView<'_>> {
        self.ids().filter_map(|id| self.stage(id))
    }

    /// Finds a stage by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StageView<'_>> {
        self.stage(self.spec.plan.find(name)?)
    }

    /// The datasets that a stage's tasks produced at one port, in task order. Failed tasks that the
    /// stage tolerates are left out. `None` if the stage has no such port. Costs time in proportion
    /// to the tasks.
    #[must_use]
    pub fn gathered(&self, id: StageId, port: &str) -> Option<Vec<Dataset>> {
        let (planned, state) = self.get(id)?;
        let at = planned.stage.outputs.get_index_of(port)?;
        Some(
            (0..state.count())
                .filter(|index| state.status_of(*index).is_some_and(TaskStatus::has_result))
                .filter_map(|index| state.results.port(index, at))
                .collect(),
        )
    }

    /// What a stage's tasks produced at one port, with the items of files, which carry them on. `None`
    /// if the stage has no such port.
    #[must_use]
    pub fn from_tasks(&self, id: StageId, port: &str) -> Option<FromTasks> {
        let datasets = self.gathered(id, port)?;
        let (planned, state) = self.get(id)?;
        let are_files = datasets
            .first()
            .is_some_and(|one| one.kind != DatasetKind::Table);
        let Some(tasks) = state.tasks(planned).filter(|_| are_files) else {
            return Some(datasets.into());
        };
        let items = (0..state.count())
            .filter(|index| state.status_of(*index).is_some_and(TaskStatus::has_result))
            .map_while(|index| carried_item(planned, &state.inputs, tasks, index));
        let failed = state.count() - index_of(datasets.len());
        Some(FromTasks {
            items: items.collect(),
            datasets,
            failed,
        })
    }

    /// What a stage gives to those that read it: what its tasks produced, and where others may follow it,
    /// what they are still to produce.
    #[must_use]
    pub fn given(&self, id: StageId, port: &str) -> Option<FromTasks> {
        let is_open = self.get(id)?.1.phase == Phase::Open;
        let foretold = || self.foretold(id, port);
        let foretold = is_open.then(foretold).flatten();
        foretold.or_else(|| self.from_tasks(id, port))
    }

    /// As [`Self::from_tasks`], for a stage that has not ended: a task without a result has a dataset
    /// whose content is awaited. `None` also for a port with a table.
    fn foretold(&self, id: StageId, port: &str) -> Option<FromTasks> {
        let (planned, state) = self.get(id)?;
        let tasks = state.tasks(planned)?;
        let at = planned.stage.outputs.get_index_of(port)?;
        let params = params_of(&planned.stage.name, &self.spec.params);
        let foretold = foretold(planned, (port, &params), (&state.inputs, tasks))?;
        let all = 0..state.count();
        let datasets = all.clone().map(|index| {
            let has_result = state.status_of(index).is_some_and(TaskStatus::has_result);
            let known = state.results.port(index, at).filter(|_| has_result);
            known.unwrap_or_else(|| foretold(index))
        });
        let items = all.map_while(|index| carried_item(planned, &state.inputs, tasks, index));
        Some(FromTasks {
            datasets: datasets.collect(),
            items: items.collect(),
            failed: 0,
        })
    }

    /// The workflow's outputs: name, stage and port.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, StageId, &str)> {
        self.spec
            .workflow
            .outputs
            .iter()
            .filter_map(|(name, reference)| {
                let (stage, port) = reference.port()?;
                Some((name.as_str(), self.spec.plan.find(stage)?, port))
            })
    }

    /// The budget that it exceeded and by how much, if it is held for that.
    #[must_use]
    pub const fn overrun(&self) -> Option<Overrun> {
        self.overrun
    }

    /// The last moment at which anything of the run is known to have happened: its end, else its
    /// latest fact.
    #[must_use]
    pub fn last_stood_at(&self) -> Timestamp {
        let last = Timestamp(self.ledger().last_ended_ms.max(self.submitted_at.0));
        self.ended_at.unwrap_or(last.max(self.course.seen_at))
    }

    /// The run's own time: its end, else what its clock shows while an engine runs it. A replay
    /// without an engine stands still; any other clock goes on.
    #[must_use]
    pub fn present(&self, machine: Timestamp, has_engine: bool) -> Timestamp {
        let ended = self.ended_at.filter(|_| !self.is_unfinished());
        ended.unwrap_or_else(|| match self.spec.placing.clock {
            None => machine,
            Some(clock) if has_engine => clock.shows(machine),
            Some(_) => self.last_stood_at(),
        })
    }

    /// Whether tasks of it can run again: it failed or was cancelled, or it succeeded with failed tasks
    /// that a stage tolerates.
    #[must_use]
    pub fn can_be_retried(&self) -> bool {
        match self.status {
            RunStatus::Failed | RunStatus::Cancelled => true,
            RunStatus::Succeeded => self.ids().any(|id| self.has_to_retry(id)),
            RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => false,
        }
    }

    /// Whether a stage that has ended has tasks that did not succeed.
    pub(crate) fn has_to_retry(&self, id: StageId) -> bool {
        self.get(id).is_some_and(|(_, stage)| match stage.phase {
            Phase::Ended(StageEnd::Failed | StageEnd::Cancelled) => stage.count() > 0,
            Phase::Ended(StageEnd::Succeeded) => stage.counts.of(TaskStatus::Failed) > 0,
            Phase::Ended(StageEnd::Skipped(_))
            | Phase::Waiting
            | Phase::Resolving
            | Phase::Open => false,
        })
    }

    /// The sums over the attempts of all stages.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let mut sum = Ledger::default();
        for stage in &self.stages {
            sum.merge(&stage.ledger);
        }
        sum
    }

    /// The number of tasks that wait for a task's result because they have its key.
    #[must_use]
    pub fn followers(&self, stage: StageId, index: u32) -> u32 {
        let leader: TaskPlace = (stage, index);
        self.sharing.followers.get(&leader).map_or(0, |stages| {
            stages.values().map(crate::ranges::Ranges::len).sum()
        })
    }
}

impl<'a> StageView<'a> {
    /// The stage's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.planned.stage.name
    }

    /// The run that the stage belongs to.
    #[must_use]
    pub const fn run(&self) -> &'a RunState {
        self.run
    }

    /// The stage's status, as `stages.x.status` gives it: `waiting`, `running`, `succeeded`,
    /// `failed`, `skipped` or `cancelled`.
    #[must_use]
    pub const fn status_word(&self) -> &'static str {
        match &self.state.phase {
            Phase::Waiting | Phase::Resolving => "waiting",
            Phase::Open | Phase::Ended(_) => self.state.phase.word(),
        }
    }

    /// How the stage ended; `None` while it has not.
    #[must_use]
    pub const fn end(&self) -> Option<&'a StageEnd> {
        match &self.state.phase {
            Phase::Ended(end) => Some(end),
            Phase::Waiting | Phase::Resolving | Phase::Open => None,
        }
    }

    /// The reason why it was skipped, if it was.
    #[must_use]
    pub const fn skip_reason(&self) -> Option<&'a SkipReason> {
        match self.end() {
            Some(StageEnd::Skipped(reason)) => Some(reason),
            Some(StageEnd::Succeeded | StageEnd::Failed | StageEnd::Cancelled) | None => None,
        }
    }

    /// The failure that kept it from starting, if there is one.
    #[must_use]
    pub const fn unresolvable(&self) -> Option<&'a Failure> {
        self.state.unresolvable.as_ref()
    }

    /// Whether its inputs are being resolved.
    #[must_use]
    pub fn is_resolving(&self) -> bool {
        self.state.phase == Phase::Resolving
    }

    /// The upstream stages that have not ended.
    #[must_use]
    pub fn waits_for(&self) -> Vec<StageId> {
        self.planned
            .upstream
            .iter()
            .copied()
            .filter(|id| {
                self.run
                    .stage(*id)
                    .is_some_and(|stage| stage.end().is_none())
            })
            .collect()
    }

    /// Whether its tasks get files one by one, so that its inputs change while it is open.
    #[must_use]
    pub const fn takes_files_one_by_one(&self) -> bool {
        self.state.to_come.is_some()
    }

    /// The number of its tasks that wait for files of other stages' tasks.
    pub(crate) fn lacking_files(&self) -> u32 {
        let awaited = self.state.to_come.as_deref();
        let open = self.state.phase == Phase::Open && self.state.given_up.is_none();
        awaited
            .filter(|_| open)
            .map_or(0, |awaited| awaited.waiting)
    }

    /// The files that one task gets of the inputs that its stage takes file by file: port, row, and the
    /// file.
    #[must_use]
    pub fn files_of(&self, index: u32) -> Vec<(&'a str, u32, PartRef)> {
        let feeds = self.run.feeds_of(self.id);
        let files = feeds.iter().flat_map(|feed| {
            let rows = self.rows_of(index, feed).into_iter();
            rows.map(move |(port, row, part)| (port, index_of(row), part))
        });
        files.collect()
    }

    /// The tasks whose files a task still waits for.
    pub(crate) fn tasks_before(&self, index: u32) -> Vec<(StageId, u32)> {
        let feeds = self.run.feeds_of(self.id);
        let tasks = feeds.iter().flat_map(|feed| {
            let rows = self.rows_of(index, feed).into_iter();
            let awaited = rows.filter(|(_, _, part)| part.is_awaited());
            awaited.map(|(_, row, _)| (feed.from, index_of(row)))
        });
        tasks.collect()
    }

    fn rows_of(&self, index: u32, feed: &Feed) -> Vec<(&'a str, usize, PartRef)> {
        let port = self.planned.stage.inputs.get_index(feed.input);
        let dataset = self.state.inputs.get(feed.input);
        let groups = self.tasks().and_then(|tasks| Some((tasks, tasks.files()?)));
        let (Some((port, _)), Some(dataset), Some((tasks, groups))) = (port, dataset, groups)
        else {
            return Vec::new();
        };
        let rows = groups.rows_of(tasks.each_index(index), port, dataset);
        let part = |row: usize| Some((port.as_str(), row, *dataset.parts.get(row)?));
        rows.into_iter().filter_map(part).collect()
    }

    /// The number of tasks, once it is known.
    #[must_use]
    pub fn task_count(&self) -> Option<u32> {
        self.tasks().map(Tasks::count)
    }

    /// The number of tasks by status. All tasks of a skipped stage count as skipped.
    #[must_use]
    pub fn counts(&self) -> Counts {
        if !self.state.status.is_empty() {
            return self.state.counts;
        }
        let count = self.task_count().unwrap_or(0);
        let mut counts = Counts::waiting(count);
        let to = match self.end() {
            Some(StageEnd::Skipped(_)) => TaskStatus::Skipped,
            Some(StageEnd::Cancelled) => TaskStatus::Cancelled,
            Some(StageEnd::Failed) => TaskStatus::Skipped,
            Some(StageEnd::Succeeded) | None => TaskStatus::Waiting,
        };
        counts.shift(TaskStatus::Waiting, to, count);
        counts
    }

    /// The stage's newest placement.
    #[must_use]
    pub fn placement(&self) -> Option<&'a Placement> {
        self.state.placed.as_deref().map(|placed| &placed.placement)
    }

    /// The start for which its ready tasks wait because of the placement.
    #[must_use]
    pub fn deferred_until(&self) -> Option<Timestamp> {
        let placed = self.state.placed.as_deref()?;
        let open = placed.open_segments().any(|(_, left)| left > 0);
        let held = self.state.asking != Asking::No || open;
        let start = placed.next_start().filter(|_| !held)?;
        self.run.leasable.contains(&self.id).then_some(start)
    }

    /// Whether its ready tasks wait for the placer.
    #[must_use]
    pub fn is_being_placed(&self) -> bool {
        match self.state.asking {
            Asking::Asked => true,
            Asking::Wanted => self.state.listing.is_wanted(),
            Asking::No => false,
        }
    }

    /// Its inputs in the order of its ports; empty until they are resolved.
    #[must_use]
    pub fn inputs(&self) -> &'a [Dataset] {
        &self.state.inputs
    }

    /// Its tasks, once they are known.
    #[must_use]
    pub fn tasks(&self) -> Option<&'a Tasks> {
        self.state.tasks(self.planned)
    }

    /// The status of one task; `None` if there is no such task.
    #[must_use]
    pub fn status(&self, index: u32) -> Option<TaskStatus> {
        self.state.status_of(index)
    }

    /// The statuses of all tasks; empty until the tasks are known.
    #[must_use]
    pub fn statuses(&self) -> &'a [TaskStatus] {
        &self.state.status
    }

    /// The result of one task, if it has one.
    #[must_use]
    pub fn result(&self, index: u32) -> Option<TaskResult> {
        self.state
            .status_of(index)?
            .has_result()
            .then(|| self.state.results.get(index))
    }

    /// The kinds of device that produced its results, cached ones included, with the number of
    /// results.
    #[must_use]
    pub const fn ran_on(&self) -> &'a BTreeMap<RanOn, u32> {
        self.state.results.ran_on()
    }

    /// The rows that its kernel rejected, cached results included, by input.
    #[must_use]
    pub fn rejects(&self) -> &'a [Rejects] {
        self.state.results.rejects()
    }

    /// The input of which it rejected more rows than `tolerate_rejects` allows.
    #[must_use]
    pub fn too_many_rejects(&self) -> Option<&'a Rejects> {
        self.state.too_many_rejects(self.planned)
    }

    /// The sums over its attempts.
    #[must_use]
    pub const fn ledger(&self) -> &'a Ledger {
        &self.state.ledger
    }

    /// Seconds from the start of its first attempt to the end of its last; 0 if there was none.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let ledger = &self.state.ledger;
        let millis = ledger.last_ended_ms.saturating_sub(ledger.first_started_ms);
        std::time::Duration::from_millis(millis).as_secs_f64()
    }

    /// Its failed attempts, up to a limit, including those that were tried again.
    #[must_use]
    pub fn failures(&self) -> &'a [TaskFailure] {
        &self.state.failures
    }

    /// Its attempts with their times, up to a limit, in the order in which they ended.
    #[must_use]
    pub fn attempts(&self) -> &'a [AttemptRecord] {
        &self.state.attempts
    }

    /// The number of a task's current or next attempt, from 1. Attempts that the infrastructure
    /// lost do not count.
    #[must_use]
    pub fn attempt(&self, index: u32) -> u32 {
        self.state.attempt(index)
    }

    /// The number of tasks that failed and are not tried again.
    #[must_use]
    pub fn failed_tasks(&self) -> u32 {
        self.state.counts.of(TaskStatus::Failed)
    }

    /// The number of tasks that were executed and not taken from the cache: those that succeeded or
    /// failed.
    #[must_use]
    pub fn ran_tasks(&self) -> u32 {
        self.state.counts.of(TaskStatus::Succeeded) + self.failed_tasks()
    }

    /// The place of an output port in the stage's order.
    #[must_use]
    pub fn port(&self, name: &str) -> Option<u32> {
        self.planned.stage.outputs.get_index_of(name).map(index_of)
    }
}
