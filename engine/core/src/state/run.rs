//! One run: its stages, and short lists of what is to be done next, so that deciding never searches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::placed::{Asking, Placed};
use super::sharing::Sharing;
use super::stage::{Phase, StageEnd, StageState, looks_up};
use crate::fact::{RunStatus, SkipReason};
use crate::ids::{RunId, StageId, TaskId, Timestamp, index_of, place};
use crate::illegal::Illegal;
use crate::key::TaskKeys;
use crate::ledger::Overrun;
use crate::plan::{Plan, PlannedStage, RunSpec};
use crate::task::{TaskEvent, TaskStatus};

/// Why nothing more of a run is leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stopping {
    /// A user cancelled it.
    Cancel,
    /// The engine stops.
    Interrupt,
    /// It is over budget: what runs ends, nothing new begins.
    Hold,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Its id.
    pub id: RunId,
    /// What was submitted, as adopted last.
    pub spec: Arc<RunSpec>,
    /// How it stands.
    pub status: RunStatus,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it ended or stopped.
    pub ended_at: Option<Timestamp>,
    pub(crate) stopping: Option<Stopping>,
    pub(crate) stages: Vec<StageState>,
    /// By stage, those that wait for it.
    dependants: Vec<Vec<StageId>>,
    /// Stages that mean the same as another of the run.
    twins: BTreeSet<StageId>,
    /// Stages that have not ended.
    pub(crate) open_stages: u32,
    /// Tasks that are leased.
    pub(crate) active_tasks: u32,
    /// Attempts whose times are kept.
    pub(crate) timed_attempts: u32,
    /// Attempts of all stages that ended, and their wall time in microseconds: the guess for a stage
    /// that has none yet.
    pub(crate) pace: (u64, u64),
    /// Stages whose upstream ended and that nobody took up.
    pub(crate) unblocked: BTreeSet<StageId>,
    /// Stages with keys to look up.
    pub(crate) askable: BTreeSet<StageId>,
    /// Stages with tasks to lease.
    pub(crate) leasable: BTreeSet<StageId>,
    /// Tasks that wait for another try.
    pub(crate) backoffs: BTreeSet<(Timestamp, StageId, u32)>,
    pub(crate) sharing: Sharing,
    /// By what it went over its budget last.
    pub(crate) overrun: Option<Overrun>,
    /// Stages whose places on lists across runs may have changed; empty between facts.
    pub(crate) touched: Vec<StageId>,
    /// When it is listed to be woken.
    pub(crate) wake: Option<Timestamp>,
}

impl RunState {
    /// Takes into account that an attempt of any stage ended after so long.
    pub(crate) fn keep_pace(&mut self, wall_us: u64) {
        self.pace.0 += 1;
        self.pace.1 = self.pace.1.saturating_add(wall_us);
    }

    /// A run as it is submitted.
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
        let mut run = Self {
            id,
            status: RunStatus::Running,
            submitted_at: at,
            ended_at: None,
            stopping: None,
            stages: vec![StageState::default(); plan.stages.len()],
            dependants,
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

    /// All its stages may belong on other lists now.
    pub(crate) fn touch_all(&mut self) {
        self.touched = self.ids().collect();
    }

    /// A stage is to be placed again, unless it waits for that already.
    pub(crate) fn want(&mut self, id: StageId) {
        if let Some(stage) = self.stages.get_mut(id.place())
            && stage.asking == Asking::No
        {
            stage.asking = Asking::Wanted;
            self.touched.push(id);
        }
    }

    /// So are all stages of it that have not begun.
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

    /// The same, or why not.
    pub(crate) fn at(&self, id: StageId) -> Result<(&PlannedStage, &StageState), Illegal> {
        self.get(id).ok_or(Illegal::NoSuchStage {
            run: self.id,
            stage: id,
            stages: self.stages.len(),
        })
    }

    /// A stage's state, to be changed.
    pub(crate) fn stage_mut(&mut self, id: StageId) -> Result<&mut StageState, Illegal> {
        let (run, stages) = (self.id, self.stages.len());
        self.stages.get_mut(id.place()).ok_or(Illegal::NoSuchStage {
            run,
            stage: id,
            stages,
        })
    }

    /// Whether a stage means the same as another of the run.
    pub(crate) fn has_twin(&self, id: StageId) -> bool {
        self.twins.contains(&id)
    }

    /// One task goes where an event leads it. The lists are not touched: [`Self::settle`] the stage
    /// afterwards.
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

    /// Tasks whose keys are not known anywhere may run; those whose key another task of the run has
    /// follow it.
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

    /// Those that followed a task that gives no result run themselves.
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

    /// Puts a stage on the lists it belongs on, and ends it when its last task has ended.
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
            } else if stage.counts.of(TaskStatus::Failed) > planned.stage.tolerate {
                StageEnd::Failed
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

    /// A stage ended: those that wait for it wait for one less.
    pub(crate) fn end_stage(&mut self, id: StageId, end: StageEnd) {
        let Ok(stage) = self.stage_mut(id) else {
            return;
        };
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
            let Ok(stage) = self.stage_mut(next) else {
                continue;
            };
            stage.waits_for = stage.waits_for.saturating_sub(1);
            if stage.waits_for == 0 && stage.phase == Phase::Waiting {
                self.unblocked.insert(next);
            }
        }
    }

    /// Tasks become candidates: looked up first where the stage is, else entered at once.
    pub(crate) fn queue(&mut self, id: StageId, first: u32, end: u32) -> Result<(), Illegal> {
        if looks_up(self.at(id)?.0) {
            self.stage_mut(id)?.unasked.insert(first, end);
            Ok(())
        } else {
            self.enter(id, first, end)
        }
    }

    /// Counts anew what waits for what, after many stages changed at once.
    pub(crate) fn recount(&mut self) {
        let ended: Vec<bool> = self
            .stages
            .iter()
            .map(|stage| matches!(stage.phase, Phase::Ended(_)))
            .collect();
        self.open_stages = index_of(ended.iter().filter(|ended| !**ended).count());
        self.unblocked.clear();
        let spec = Arc::clone(&self.spec);
        for (at, (planned, stage)) in spec.plan.stages.iter().zip(&mut self.stages).enumerate() {
            let waits = planned
                .upstream
                .iter()
                .filter(|id| !ended.get(id.place()).copied().unwrap_or(true));
            stage.waits_for = index_of(waits.count());
            if stage.waits_for == 0 && stage.phase == Phase::Waiting {
                self.unblocked.insert(StageId(index_of(at)));
            }
        }
    }

    /// Ids of all stages.
    pub(crate) fn ids(&self) -> impl Iterator<Item = StageId> + use<> {
        (0..index_of(self.stages.len())).map(StageId)
    }

    /// Whether a stage that has ended counts as a reason for the run to fail.
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

/// Stages whose meaning another stage has too.
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

/// Stages that are not selected, but wanted by one that is.
fn needed(plan: &Plan) -> BTreeSet<usize> {
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
