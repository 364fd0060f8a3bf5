//! One run: its stages, and short lists of what to do next, so that deciding never searches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::at_home::AtHome;
use super::course::RunCourse;
use super::placed::{Asking, Placed};
use super::sharing::Sharing;
use super::stage::{Phase, StageEnd, StageState, looks_up};
use crate::fact::{RunStatus, SkipReason, Yielding};
use crate::follow::{Feed, feeds};
use crate::ids::{RunId, StageId, TaskId, Timestamp, index_of, place};
use crate::illegal::Illegal;
use crate::key::TaskKeys;
use crate::ledger::Overrun;
use crate::plan::{Plan, PlannedStage, RunSpec};
use crate::task::{TaskEvent, TaskStatus};

/// Why nothing more of a run is leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stopping {
    /// A user cancelled the run.
    Cancel,
    /// The engine is stopping.
    Interrupt,
    /// The run exceeded its budget. Running tasks finish and nothing new begins.
    Hold,
}

/// A run that is kept in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// The run's id, printed as `r7`.
    pub id: RunId,
    /// The spec as submitted, or as adopted when the run was last resumed or retried.
    pub spec: Arc<RunSpec>,
    /// The run's status.
    pub status: RunStatus,
    /// The moment at which the run was submitted.
    pub submitted_at: Timestamp,
    /// The moment at which it ended or stopped; `None` while it is in progress.
    pub ended_at: Option<Timestamp>,
    /// The moment from which the run would have run at home: when it was submitted, or retried.
    pub(crate) home_from: Timestamp,
    /// Where it stood still, and when it last moved.
    pub(crate) course: RunCourse,
    pub(crate) stopping: Option<Stopping>,
    pub(crate) stages: Vec<StageState>,
    /// For each stage, the stages that wait for it.
    pub(super) dependants: Vec<Vec<StageId>>,
    /// For each stage, the inputs that it takes file by file.
    pub(super) feeds: Vec<Vec<Feed>>,
    /// Tasks whose results other stages may take up; empty between facts.
    pub(super) fresh: Vec<(StageId, u32)>,
    /// Stages that have the same meaning as another stage of the run.
    twins: BTreeSet<StageId>,
    /// The number of stages that have not ended.
    pub(crate) open_stages: u32,
    /// The number of leased tasks.
    pub(crate) active_tasks: u32,
    /// The number of attempts whose times are kept.
    pub(crate) timed_attempts: u32,
    /// The number of attempts that ended, and their total wall time in microseconds. Their mean is
    /// the estimate for a stage without attempts.
    pub(crate) pace: (u64, u64),
    /// Stages whose upstream stages ended and that were not handled yet.
    pub(crate) unblocked: BTreeSet<StageId>,
    /// Stages with keys to look up.
    pub(crate) askable: BTreeSet<StageId>,
    /// Stages with tasks to lease.
    pub(crate) leasable: BTreeSet<StageId>,
    /// Tasks that wait for another attempt, by the moment at which they become ready.
    pub(crate) backoffs: BTreeSet<(Timestamp, StageId, u32)>,
    pub(crate) sharing: Sharing,
    /// The budget that was exceeded last, and by how much.
    pub(crate) overrun: Option<Overrun>,
    /// Stages that were asked to make way for a curtailment, and when.
    pub(crate) yields: Vec<(Timestamp, StageId, Yielding)>,
    /// Stages that a curtailment holds back now.
    pub(crate) held_back: BTreeSet<StageId>,
    /// Stages whose entries on the lists across runs may be outdated; empty between facts.
    pub(crate) touched: Vec<StageId>,
    /// The moment under which the run is on the list of runs to wake.
    pub(crate) wake: Option<Timestamp>,
}

impl RunState {
    /// Stages that were asked to make way for a curtailment, and when; the first hundred.
    pub fn yields(&self) -> impl Iterator<Item = (Timestamp, StageId, &Yielding)> {
        let all = self.yields.iter();
        all.map(|(at, stage, yielding)| (*at, *stage, yielding))
    }

    /// No curtailment holds back any of its stages any more.
    pub(crate) fn let_go(&mut self, at: Timestamp) {
        for id in std::mem::take(&mut self.held_back) {
            if let Some(stage) = self.stages.get_mut(id.place()) {
                stage.course.let_go(at);
            }
        }
    }

    /// Counts an attempt of any stage in the mean duration.
    pub(crate) fn keep_pace(&mut self, wall_us: u64) {
        self.pace.0 += 1;
        self.pace.1 = self.pace.1.saturating_add(wall_us);
    }

    /// A new run.
    pub(crate) fn new(id: RunId, at: Timestamp, spec: Arc<RunSpec>) -> Self {
        let plan = &spec.plan;
        let mut dependants = vec![Vec::new(); plan.stages.len()];
        for (at, planned) in plan.stages.iter().enumerate() {
            for upstream in &planned.upstream {
                if let Some(list) = dependants.get_mut(upstream.place()) {
                    list.push(StageId(index_of(at)));
                }
            }
        }
        let twins = twins(plan);
        let stages = plan.stages.iter();
        let feeds = stages.map(|planned| feeds(plan, planned)).collect();
        let mut run = Self {
            id,
            status: RunStatus::Running,
            submitted_at: at,
            ended_at: None,
            home_from: at,
            course: RunCourse::default(),
            stopping: None,
            stages: vec![StageState::default(); plan.stages.len()],
            dependants,
            feeds,
            fresh: Vec::new(),
            twins,
            open_stages: 0,
            active_tasks: 0,
            timed_attempts: 0,
            pace: (0, 0),
            unblocked: BTreeSet::new(),
            askable: BTreeSet::new(),
            leasable: BTreeSet::new(),
            backoffs: BTreeSet::new(),
            sharing: Sharing::default(),
            overrun: None,
            yields: Vec::new(),
            held_back: BTreeSet::new(),
            touched: Vec::new(),
            wake: None,
            spec,
        };
        for at in needed(&run.spec.plan) {
            run.stages[at].from_cache = true;
        }
        run.recount();
        run.touch_all();
        run
    }

    /// Marks all stages, so that their entries on the lists across runs are updated.
    pub(crate) fn touch_all(&mut self) {
        self.touched = self.ids().collect();
    }

    /// Makes a stage part of the next problem, unless a request for it is outstanding.
    pub(crate) fn want(&mut self, id: StageId) {
        if let Some(stage) = self.stages.get_mut(id.place())
            && stage.asking == Asking::No
        {
            stage.asking = Asking::Wanted;
            self.touched.push(id);
        }
    }

    /// Makes all stages that can still move part of the next problem.
    pub(crate) fn want_rest(&mut self) {
        for id in self.ids() {
            let movable = self.get(id).is_some_and(|(_, stage)| {
                let placed = stage.placed.as_deref();
                !matches!(stage.phase, Phase::Ended(_)) && placed.is_none_or(Placed::is_movable)
            });
            if movable {
                self.want(id);
            }
        }
    }

    /// A stage's plan and state.
    pub(crate) fn get(&self, id: StageId) -> Option<(&PlannedStage, &StageState)> {
        Some((
            self.spec.plan.stages.get(id.place())?,
            self.stages.get(id.place())?,
        ))
    }

    /// A stage's plan and state, or an error that names the stage.
    pub(crate) fn at(&self, id: StageId) -> Result<(&PlannedStage, &StageState), Illegal> {
        self.get(id).ok_or(Illegal::NoSuchStage {
            run: self.id,
            stage: id,
            stages: self.stages.len(),
        })
    }

    /// A stage's state, for changes.
    pub(crate) fn stage_mut(&mut self, id: StageId) -> Result<&mut StageState, Illegal> {
        let (run, stages) = (self.id, self.stages.len());
        self.stages.get_mut(id.place()).ok_or(Illegal::NoSuchStage {
            run,
            stage: id,
            stages,
        })
    }

    /// Whether a stage has the same meaning as another stage of the run.
    pub(crate) fn has_twin(&self, id: StageId) -> bool {
        self.twins.contains(&id)
    }

    /// Moves one task to the status that an event leads to. Call [`Self::settle`] for the stage
    /// afterwards: this does not update the lists.
    pub(crate) fn shift(
        &mut self,
        id: StageId,
        index: u32,
        event: TaskEvent,
    ) -> Result<TaskStatus, Illegal> {
        let task = TaskId {
            run: self.id,
            stage: id,
            index,
        };
        let stage = self.stage_mut(id)?;
        let status = stage
            .status
            .get_mut(place(index))
            .ok_or(Illegal::NoSuchTask(task))?;
        let from = *status;
        let to = from
            .next(event)
            .ok_or(Illegal::Transition { task, from, event })?;
        *status = to;
        stage.counts.shift(from, to, 1);
        if from == TaskStatus::Active {
            self.active_tasks -= 1;
        }
        if to == TaskStatus::Active {
            self.active_tasks += 1;
        }
        Ok(to)
    }

    /// Readies tasks whose keys have no known result. A task follows another task of the run that
    /// has the same key.
    pub(crate) fn enter(&mut self, id: StageId, first: u32, end: u32) -> Result<(), Illegal> {
        if !self.at(id)?.1.shares {
            for index in first..end {
                self.shift(id, index, TaskEvent::Open)?;
            }
            self.stage_mut(id)?.ready.insert(first, end);
            return Ok(());
        }
        let spec = Arc::clone(&self.spec);
        let (planned, stage) = self.at(id)?;
        let keys = match (spec.plan.stages.get(id.place()), stage.tasks(planned)) {
            (Some(planned), Some(tasks)) => {
                TaskKeys::new(planned, &stage.inputs, tasks).range(first, end - first)
            }
            _ => Vec::new(),
        };
        for (index, key) in (first..end).zip(keys) {
            self.enter_one(id, index, key)?;
        }
        Ok(())
    }

    fn enter_one(
        &mut self,
        id: StageId,
        index: u32,
        key: crate::digest::Digest,
    ) -> Result<(), Illegal> {
        let leader = self.sharing.leaders.get(&key).copied();
        let status = leader
            .filter(|leader| *leader != (id, index))
            .and_then(|(stage, index)| self.get(stage)?.1.status_of(index));
        if let (Some(leader), Some(status)) = (leader, status)
            && (!status.is_final() || status.has_result())
        {
            self.shift(id, index, TaskEvent::Defer)?;
            self.sharing.follow(leader, id, index);
            if status.has_result() {
                self.sharing.succeeded(leader);
            }
            return Ok(());
        }
        self.sharing.leaders.insert(key, (id, index));
        self.shift(id, index, TaskEvent::Open)?;
        self.stage_mut(id)?.ready.insert(index, index + 1);
        Ok(())
    }

    /// Readies the followers of a task without a result.
    pub(crate) fn free_followers(&mut self, id: StageId, index: u32) -> Result<(), Illegal> {
        for (stage, ranges) in self.sharing.gave_up((id, index)) {
            for (first, end) in ranges.spans() {
                for index in first..end {
                    self.shift(stage, index, TaskEvent::Open)?;
                }
                self.stage_mut(stage)?.ready.insert(first, end);
            }
            if stage != id {
                self.settle(stage);
            }
        }
        Ok(())
    }

    /// Updates the run's lists with a stage, and ends the stage once its last task has ended.
    pub(crate) fn settle(&mut self, id: StageId) {
        let Some((planned, stage)) = self.get(id) else {
            return;
        };
        let open = stage.phase == Phase::Open;
        let askable = open && stage.is_askable();
        let leasable = open && !stage.ready.is_empty() && stage.slack(planned) > 0;
        let end = (open && stage.counts.ended() == stage.count()).then(|| {
            if stage.counts.of(TaskStatus::Cancelled) > 0 {
                StageEnd::Cancelled
            } else if stage.counts.of(TaskStatus::Failed) > planned.stage.tolerate
                || stage.too_many_rejects(planned).is_some()
            {
                StageEnd::Failed
            } else if let Some(reason) = &stage.given_up {
                StageEnd::Skipped(reason.clone())
            } else {
                StageEnd::Succeeded
            }
        });
        list(&mut self.askable, id, askable);
        list(&mut self.leasable, id, leasable);
        self.touched.push(id);
        if let (Some(stage), Some(planned)) = (
            self.stages.get_mut(id.place()),
            self.spec.plan.stages.get(id.place()),
        ) && stage.asking == Asking::No
            && stage.is_misplaced(planned)
        {
            self.want(id);
            self.want_rest();
        }
        if let Some(end) = end {
            self.end_stage(id, end);
        }
    }

    /// Ends a stage. Stages that wait for it wait for one stage less.
    pub(crate) fn end_stage(&mut self, id: StageId, end: StageEnd) {
        let was_open = match self.at(id).map(|(_, stage)| &stage.phase) {
            // A stage that ends before it is ready would have ended at once at home, too.
            Ok(Phase::Waiting | Phase::Resolving) => {
                self.ready_at_home(id, None);
                false
            }
            Ok(Phase::Open) => true,
            Ok(Phase::Ended(_)) | Err(_) => false,
        };
        let Ok(stage) = self.stage_mut(id) else {
            return;
        };
        let gave_all = end == StageEnd::Succeeded;
        stage.phase = Phase::Ended(end);
        stage.ready.clear();
        stage.unasked.clear();
        stage.asked.clear();
        self.touched.push(id);
        self.open_stages -= 1;
        for lists in [&mut self.unblocked, &mut self.askable, &mut self.leasable] {
            lists.remove(&id);
        }
        let dependants = self.dependants.get(id.place()).cloned().unwrap_or_default();
        for next in dependants {
            // Its followers stopped waiting for it when it opened.
            if !(was_open && self.follows(next, id)) {
                self.waits_for_one_less(next);
            }
            if !gave_all && self.follows(next, id) {
                self.give_up(next, id);
            }
        }
    }

    /// A stage waits for one stage less.
    pub(super) fn waits_for_one_less(&mut self, id: StageId) {
        let Ok(stage) = self.stage_mut(id) else {
            return;
        };
        stage.waits_for = stage.waits_for.saturating_sub(1);
        if stage.waits_for == 0 && stage.phase == Phase::Waiting {
            self.unblocked.insert(id);
        }
    }

    /// Sets when a stage would have been ready at home: when the stages before it would have ended. A
    /// stage that it follows is still open, at a moment `at`; at home, it would have been as far after as
    /// long.
    pub(crate) fn ready_at_home(&mut self, id: StageId, at: Option<Timestamp>) {
        let upstream = self.spec.plan.stages.get(id.place());
        let upstream = upstream.into_iter().flat_map(|planned| &planned.upstream);
        let ends = upstream.filter_map(|id| self.stages.get(id.place()));
        let ends = ends.map(|stage| match at.filter(|_| stage.phase == Phase::Open) {
            Some(at) => stage.at_home.ready.after_ms(at.since_ms(stage.ready_at)),
            None => stage.at_home.end,
        });
        let ready = ends.fold(self.home_from, Timestamp::max);
        if let Ok(stage) = self.stage_mut(id) {
            stage.at_home = AtHome::from(ready);
        }
    }

    /// Queues tasks for a key look-up, or readies them if the stage's keys are not looked up.
    pub(crate) fn queue(&mut self, id: StageId, first: u32, end: u32) -> Result<(), Illegal> {
        if looks_up(self.at(id)?.0) {
            self.stage_mut(id)?.unasked.insert(first, end);
            Ok(())
        } else {
            self.enter(id, first, end)
        }
    }

    /// Counts again which stages wait, after many stages changed at once.
    pub(crate) fn recount(&mut self) {
        let ended = |stage: &&StageState| matches!(stage.phase, Phase::Ended(_));
        let count = self.stages.iter().filter(ended).count();
        self.open_stages = index_of(self.stages.len() - count);
        self.unblocked.clear();
        let spec = Arc::clone(&self.spec);
        for (id, planned) in self.ids().zip(&spec.plan.stages) {
            let upstream = planned.upstream.iter();
            let waits = upstream.filter(|upstream| !self.is_enough(id, **upstream));
            let waits_for = index_of(waits.count());
            let Some(stage) = self.stages.get_mut(id.place()) else {
                continue;
            };
            stage.waits_for = waits_for;
            if waits_for == 0 && stage.phase == Phase::Waiting {
                self.unblocked.insert(id);
            }
        }
    }

    /// The ids of all stages, upstream first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = StageId> + use<> {
        (0..index_of(self.stages.len())).map(StageId)
    }

    /// The status of a run whose stages have all ended.
    pub(crate) fn outcome(&self) -> RunStatus {
        let mut status = RunStatus::Succeeded;
        for stage in &self.stages {
            match &stage.phase {
                Phase::Ended(StageEnd::Failed) => return RunStatus::Failed,
                Phase::Ended(StageEnd::Cancelled | StageEnd::Skipped(SkipReason::Cancelled)) => {
                    status = RunStatus::Cancelled
                }
                Phase::Ended(StageEnd::Succeeded | StageEnd::Skipped(_))
                | Phase::Waiting
                | Phase::Resolving
                | Phase::Open => {}
            }
        }
        status
    }
}

fn list(list: &mut BTreeSet<StageId>, id: StageId, belongs: bool) {
    if belongs {
        list.insert(id);
    } else {
        list.remove(&id);
    }
}

/// Stages that have the same meaning as another stage.
fn twins(plan: &Plan) -> BTreeSet<StageId> {
    let mut first = BTreeMap::new();
    let mut twins = BTreeSet::new();
    for (at, planned) in plan.stages.iter().enumerate() {
        let id = StageId(index_of(at));
        if let Some(other) = first.insert(planned.meaning, id) {
            twins.extend([other, id]);
        }
    }
    twins
}

/// Stages that are not selected, but that a selected stage waits for, directly or through others.
pub(crate) fn needed(plan: &Plan) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    for (at, planned) in plan.stages.iter().enumerate().rev() {
        if planned.selected || needed.contains(&at) {
            needed.extend(
                planned
                    .upstream
                    .iter()
                    .map(|id| id.place())
                    .filter(|at| plan.stages.get(*at).is_some_and(|one| !one.selected)),
            );
        }
    }
    needed
}
