//! Reading the state: what listings, reports and the live loop ask of it.

use std::collections::BTreeMap;

use super::RunState;
use super::placed::Asking;
use super::run::Stopping;
use super::sharing::TaskPlace;
use super::stage::{Phase, StageEnd, StageState, TaskFailure};
use crate::dataset::{Dataset, TaskResult};
use crate::fact::{RunStatus, SkipReason};
use crate::failure::Failure;
use crate::ids::{StageId, Timestamp, index_of};
use crate::ledger::{AttemptRecord, Ledger, Overrun};
use crate::place::Placement;
use crate::plan::{PlannedStage, Tasks};
use crate::ran_on::RanOn;
use crate::task::{Counts, TaskStatus};

/// One stage of a run, to be read.
#[derive(Clone, Copy, Debug)]
pub struct StageView<'a> {
    /// Its id.
    pub id: StageId,
    /// As planned.
    pub planned: &'a PlannedStage,
    state: &'a StageState,
    run: &'a RunState,
}

impl RunState {
    /// Whether it can go on: it runs, or stopped resumably.
    #[must_use]
    pub const fn is_unfinished(&self) -> bool {
        match self.status {
            RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => true,
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => false,
        }
    }

    /// Whether nothing more of it is leased, because a user or the engine stops it, or its budget is used up.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        matches!(
            self.stopping,
            Some(Stopping::Cancel | Stopping::Interrupt | Stopping::Hold)
        )
    }

    /// One stage.
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

    /// The stage of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StageView<'_>> {
        self.stage(self.spec.plan.find(name)?)
    }

    /// What a stage's tasks gave at one port, in task order; failures that the stage bears are left
    /// out. `None` when the stage has no such port. Costs time in proportion to the tasks.
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

    /// The workflow's outputs as they are named: stage, port.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, StageId, &str)> {
        self.spec
            .workflow
            .outputs
            .iter()
            .filter_map(|(name, reference)| match reference {
                sunward_workflows::Reference::Port { stage, port } => {
                    Some((name.as_str(), self.spec.plan.find(stage)?, port.as_str()))
                }
                sunward_workflows::Reference::Param(_)
                | sunward_workflows::Reference::Path(_)
                | sunward_workflows::Reference::Url(_) => None,
            })
    }

    /// By what it went over its budget, if it is held for that.
    #[must_use]
    pub const fn overrun(&self) -> Option<Overrun> {
        self.overrun
    }

    /// When it last stood still, as far as it is known: its end, else its last attempt's, else its
    /// submission.
    #[must_use]
    pub fn last_stood_at(&self) -> Timestamp {
        let last = Timestamp(self.ledger().last_ended_ms.max(self.submitted_at.0));
        self.ended_at.unwrap_or(last)
    }

    /// What all its attempts took.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let mut sum = Ledger::default();
        for stage in &self.stages {
            sum.merge(&stage.ledger);
        }
        sum
    }

    /// The tasks that wait for a task's result, since they have its key.
    #[must_use]
    pub fn followers(&self, stage: StageId, index: u32) -> u32 {
        let leader: TaskPlace = (stage, index);
        self.sharing.followers.get(&leader).map_or(0, |stages| {
            stages.values().map(crate::ranges::Ranges::len).sum()
        })
    }
}

impl<'a> StageView<'a> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.planned.stage.name
    }

    /// Its run.
    #[must_use]
    pub const fn run(&self) -> &'a RunState {
        self.run
    }

    /// `waiting`, `running`, `succeeded`, `failed`, `skipped` or `cancelled`: what
    /// `stages.x.status` gives.
    #[must_use]
    pub const fn status_word(&self) -> &'static str {
        match &self.state.phase {
            Phase::Waiting | Phase::Resolving => "waiting",
            Phase::Open | Phase::Ended(_) => self.state.phase.word(),
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub const fn end(&self) -> Option<&'a StageEnd> {
        match &self.state.phase {
            Phase::Ended(end) => Some(end),
            Phase::Waiting | Phase::Resolving | Phase::Open => None,
        }
    }

    /// Why it was skipped, if it was.
    #[must_use]
    pub const fn skip_reason(&self) -> Option<&'a SkipReason> {
        match self.end() {
            Some(StageEnd::Skipped(reason)) => Some(reason),
            Some(StageEnd::Succeeded | StageEnd::Failed | StageEnd::Cancelled) | None => None,
        }
    }

    /// Why it could not start, if it could not.
    #[must_use]
    pub const fn unresolvable(&self) -> Option<&'a Failure> {
        self.state.unresolvable.as_ref()
    }

    /// Whether its inputs are being found now.
    #[must_use]
    pub fn is_resolving(&self) -> bool {
        self.state.phase == Phase::Resolving
    }

    /// Stages it waits for that have not ended.
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

    /// How many tasks it has, once that is known.
    #[must_use]
    pub fn task_count(&self) -> Option<u32> {
        self.tasks().map(Tasks::count)
    }

    /// How its tasks stand; all of a skipped stage's count as skipped.
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

    /// Where and when it goes, as it was decided last.
    #[must_use]
    pub fn placement(&self) -> Option<&'a Placement> {
        self.state.placed.as_deref().map(|placed| &placed.placement)
    }

    /// Until when its ready tasks wait for the start that its placement says.
    #[must_use]
    pub fn deferred_until(&self) -> Option<Timestamp> {
        let placed = self.state.placed.as_deref()?;
        let open = placed.open_segments().any(|(_, left)| left > 0);
        let held = self.state.asking != Asking::No || open;
        let start = placed.next_start().filter(|_| !held)?;
        self.run.leasable.contains(&self.id).then_some(start)
    }

    /// Whether its ready tasks wait for an answer about where and when they go.
    #[must_use]
    pub fn is_being_placed(&self) -> bool {
        match self.state.asking {
            Asking::Asked => true,
            Asking::Wanted => self.state.listing.is_wanted(),
            Asking::No => false,
        }
    }

    /// Its inputs by port, in the order of its ports; empty until they are known.
    #[must_use]
    pub fn inputs(&self) -> &'a [Dataset] {
        &self.state.inputs
    }

    /// Its tasks, once known.
    #[must_use]
    pub fn tasks(&self) -> Option<&'a Tasks> {
        self.state.tasks(self.planned)
    }

    /// How one task stands.
    #[must_use]
    pub fn status(&self, index: u32) -> Option<TaskStatus> {
        self.state.status_of(index)
    }

    /// The statuses of all tasks whose number is known.
    #[must_use]
    pub fn statuses(&self) -> &'a [TaskStatus] {
        &self.state.status
    }

    /// What one task gave.
    #[must_use]
    pub fn result(&self, index: u32) -> Option<TaskResult> {
        self.state
            .status_of(index)?
            .has_result()
            .then(|| self.state.results.get(index))
    }

    /// What made its results, cached ones too, and how many of them.
    #[must_use]
    pub const fn ran_on(&self) -> &'a BTreeMap<RanOn, u32> {
        self.state.results.ran_on()
    }

    /// What its attempts took.
    #[must_use]
    pub const fn ledger(&self) -> &'a Ledger {
        &self.state.ledger
    }

    /// Seconds from the begin of its first attempt to the end of its last; 0 when none ran.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let ledger = &self.state.ledger;
        let millis = ledger.last_ended_ms.saturating_sub(ledger.first_started_ms);
        std::time::Duration::from_millis(millis).as_secs_f64()
    }

    /// Failed attempts, the first of them; those that were tried again too.
    #[must_use]
    pub fn failures(&self) -> &'a [TaskFailure] {
        &self.state.failures
    }

    /// Attempts with their times, the first of them, in the order in which they ended.
    #[must_use]
    pub fn attempts(&self) -> &'a [AttemptRecord] {
        &self.state.attempts
    }

    /// The number of a task's try, from 1; tries that the infrastructure lost do not count.
    #[must_use]
    pub fn attempt(&self, index: u32) -> u32 {
        self.state.attempt(index)
    }

    /// Failures of tasks that are not tried again, how many there are.
    #[must_use]
    pub fn failed_tasks(&self) -> u32 {
        self.state.counts.of(TaskStatus::Failed)
    }

    /// Tasks that this engine executed: those that succeeded or failed.
    #[must_use]
    pub fn ran_tasks(&self) -> u32 {
        self.state.counts.of(TaskStatus::Succeeded) + self.failed_tasks()
    }

    /// Places of its output ports.
    #[must_use]
    pub fn port(&self, name: &str) -> Option<u32> {
        self.planned.stage.outputs.get_index_of(name).map(index_of)
    }
}
