//! Explains the status of a stage or task, as data for `explain`, reports and `--json`.

mod limits;
mod placement;
mod waits;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::curtailment::Measure;
use crate::digest::Digest;
use crate::fact::SkipReason;
use crate::failure::Failure;
use crate::ids::{RunId, StageId, Timestamp, place};
use crate::ingredient::{Ingredient, diff_ingredients};
use crate::key::ingredients;
use crate::key::task_key;
use crate::ledger::AttemptRecord;
use crate::place::{Placement, Why};
use crate::plan::PlannedStage;
use crate::ran_on::RanOn;
use crate::state::stage::{looks_up, shareable};
use crate::state::{RunState, StageEnd, StageView, State, TaskFailure};
use crate::task::TaskStatus;

pub use limits::LimitReached;
use limits::Limits;
pub use placement::{NamedPool, PlacedSegment, PlacedStage, PlacementAlternative};
pub use waits::{Wait, WaitsFor, waits};

/// The explanation of a stage's or task's status.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The run that the stage belongs to.
    pub run: RunId,
    /// The name of the stage.
    pub stage: String,
    /// The index of the task; `None` for the stage as a whole.
    pub index: Option<u32>,
    /// The status, as one word.
    pub status: String,
    /// The reason for the status.
    pub reason: Reason,
    /// The placement of the stage, if it has one.
    pub placement: Option<PlacedStage>,
    /// The key of the task, once its inputs are known; `None` for a whole stage.
    pub key: Option<Digest>,
    /// The ingredients of the key, as far as they are known.
    pub ingredients: Vec<Ingredient>,
    /// The newest earlier run of the same file whose stage of this name had its inputs, if there is
    /// one.
    pub compared_with: Option<RunId>,
    /// The ingredients that differ from that run, one line each; empty if none does.
    pub changes: Vec<String>,
    /// The kinds of device that produced the results, cached ones included, with the number of
    /// results. One task has at most one.
    #[serde(skip)]
    pub ran_on: BTreeMap<RanOn, u32>,
    /// The failed attempts that are kept.
    pub failures: Vec<TaskFailure>,
    /// The attempts that are kept.
    pub attempts: Vec<AttemptRecord>,
}

/// The explanation of a stage's or task's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It waits for these stages to end; a task of a stage that follows others, for these tasks.
    WaitsFor(Vec<String>),
    /// Its inputs are being resolved.
    FindingInputs,
    /// Its key is being looked up, or waits to be.
    LookingUp,
    /// It waits for a worker with headroom.
    WaitsForRoom,
    /// The placer is looking for a placement.
    BeingPlaced,
    /// It waits for the start of its placement: for cleaner power, or for workers in its pool.
    WaitsForPower {
        /// The start for which it waits.
        until: Timestamp,
        /// The placement.
        placement: Box<Placement>,
    },
    /// It waits for the end of what a grid operator asks of its pool.
    Curtailed {
        /// What is asked.
        measure: Measure,
        /// When it ends, if that is known.
        until: Option<Timestamp>,
        /// Who asks.
        told_by: String,
    },
    /// It waits for units of what all tasks share.
    WaitsForLimit(LimitReached),
    /// It waits until this moment for another attempt.
    WaitsForRetry(Timestamp),
    /// It waits for the result of another task of the run, which has the same key.
    WaitsForTwin(String, u32),
    /// A worker runs it.
    Running {
        /// The number of the worker.
        worker: u32,
        /// The number of the attempt, from 1.
        attempt: u32,
    },
    /// Some of its tasks are not done.
    TasksRun,
    /// It ran, for this reason.
    Ran(WhyRan),
    /// There was nothing to scatter over.
    NoTasks,
    /// Its result came from the cache.
    FromCache,
    /// It has the result of another task of the run that has the same key.
    FromTwin(String, u32),
    /// It failed.
    Failed {
        /// The number of its failed tasks.
        tasks: u32,
        /// The message of a failure; `None` if none was kept.
        message: Option<String>,
    },
    /// Its kernel rejected more rows than `tolerate_rejects` allows: how many, and why.
    TooManyRejects(String),
    /// It could not start because of this failure.
    CouldNotStart(Failure),
    /// Its condition was false.
    ConditionFalse,
    /// The named stage, which it waits for, failed.
    UpstreamFailed(String),
    /// The named stage, which it waits for, was skipped.
    UpstreamSkipped(String),
    /// `--until` or `--only` left it out.
    LeftOut,
    /// A user cancelled the run.
    Cancelled,
    /// The run is over its budget.
    Held,
}

/// The reason why a stage or task ran and did not come from the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyRan {
    /// The stage has `cache: false`.
    CacheOff,
    /// It reads `run.*`, `attempt` or another stage's status, so its result is valid for its own
    /// run only.
    OwnRun,
    /// The user passed `--force`.
    Forced,
    /// No result is known under its key.
    NotInCache,
}

impl fmt::Display for WhyRan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CacheOff => "its stage has `cache: false`",
            Self::OwnRun => {
                "it reads run.*, attempt or a stage's status, so its result is valid only in its own run"
            }
            Self::Forced => "--force",
            Self::NotInCache => "no earlier result has the same inputs and settings",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WaitsFor(stages) => write!(f, "it waits for {}", stages.join(", ")),
            Self::FindingInputs => f.write_str("its inputs are being resolved"),
            Self::LookingUp => f.write_str("its result is being looked up in the cache"),
            Self::WaitsForRoom => f.write_str("it waits for free cores, memory or GPUs"),
            Self::BeingPlaced => f.write_str("its place and start are being chosen"),
            Self::WaitsForPower { placement, .. } => f.write_str(waiting(placement.why)),
            Self::Curtailed {
                measure, told_by, ..
            } => {
                let what = match measure {
                    Measure::Emergency => "a grid emergency",
                    Measure::Alert => "an alert of the grid",
                    Measure::Cap { .. } => "a cap on the pool's power",
                };
                write!(f, "it waits for the end of {what}, told by {told_by}")
            }
            Self::WaitsForLimit(limit) => write!(f, "it waits for {limit}"),
            Self::WaitsForRetry(_) => f.write_str("it waits for its next attempt"),
            Self::WaitsForTwin(stage, index) => {
                write!(f, "{stage}/{index} has the same key and is not done yet")
            }
            Self::Running { worker, attempt } => {
                write!(f, "attempt {attempt} is running on worker {worker}")
            }
            Self::TasksRun => f.write_str("its tasks are running"),
            Self::Ran(why) => write!(f, "it ran: {why}"),
            Self::NoTasks => {
                f.write_str("it had no tasks, because there was nothing to scatter over")
            }
            Self::FromCache => f.write_str("its result was in the cache"),
            Self::FromTwin(stage, index) => {
                write!(
                    f,
                    "it uses the result of {stage}/{index}, which has the same key"
                )
            }
            Self::Failed { tasks, message } => match (message, tasks) {
                (None, 0 | 1) => f.write_str("its message was not kept, see its log"),
                (None, _) => write!(f, "{tasks} of its tasks failed; see their logs"),
                (Some(message), 0 | 1) => f.write_str(message),
                (Some(message), _) => {
                    write!(f, "{tasks} of its tasks failed, for example: {message}")
                }
            },
            Self::TooManyRejects(rejects) => {
                write!(
                    f,
                    "{rejects}; that is more than its `tolerate_rejects` allows"
                )
            }
            Self::CouldNotStart(failure) => write!(f, "it could not start: {}", failure.message),
            Self::ConditionFalse => f.write_str("its condition was false"),
            Self::UpstreamFailed(stage) => write!(f, "stage {stage}, on which it depends, failed"),
            Self::UpstreamSkipped(stage) => {
                write!(f, "stage {stage}, on which it depends, was skipped")
            }
            Self::LeftOut => f.write_str("--until or --only left it out"),
            Self::Cancelled => f.write_str("the run was cancelled"),
            Self::Held => f.write_str("it is held because the run is over its budget"),
        }
    }
}

/// Explains a stage or one of its tasks; `None` if there is no such stage or task. A stage of one
/// task is explained as that task.
#[must_use]
pub fn explain(state: &State, run: RunId, id: StageId, index: Option<u32>) -> Option<Explanation> {
    let one = state.run(run)?;
    let stage = one.stage(id)?;
    let known = !stage.statuses().is_empty();
    // The only task of a stage that failed by its rejects succeeded itself.
    let is_task = known && stage.task_count() == Some(1) && stage.too_many_rejects().is_none();
    let index = index.or_else(|| is_task.then_some(0));
    let status = index.and_then(|index| stage.status(index));
    if index.is_some() && known && status.is_none() {
        return None;
    }
    let (word, reason) = match (index, status) {
        (Some(index), Some(status)) => {
            let reason = of_task(state, one, stage, index, status);
            let word = match reason {
                Reason::WaitsForPower { .. } => TaskStatus::Deferred,
                _ => status,
            };
            (format!("{word:?}").to_lowercase(), reason)
        }
        (_, _) => {
            let reason = of_stage(state, one, stage);
            let word = match reason {
                Reason::WaitsForPower { .. } => "deferred",
                _ => stage.status_word(),
            };
            (word.to_owned(), reason)
        }
    };
    let tasks = stage.tasks().filter(|_| known);
    let list = ingredients(stage.planned, stage.inputs(), tasks, index);
    let earlier = earlier(state, one, stage.name());
    let changes = earlier.map_or_else(Vec::new, |(_, before)| {
        let tasks = before.tasks();
        let old = ingredients(before.planned, before.inputs(), tasks, index);
        diff_ingredients(&old, &list)
    });
    Some(Explanation {
        run,
        stage: stage.name().to_owned(),
        index,
        status: word,
        reason,
        placement: PlacedStage::of(state, stage),
        key: tasks
            .zip(index)
            .map(|(tasks, index)| task_key(stage.planned, stage.inputs(), tasks, index)),
        ingredients: list,
        compared_with: earlier.map(|(run, _)| run),
        changes,
        ran_on: ran_on(stage, index),
        failures: of_index(stage.failures(), index, |failure| failure.index),
        attempts: of_index(stage.attempts(), index, |attempt| attempt.index),
    })
}

fn ran_on(stage: StageView<'_>, index: Option<u32>) -> BTreeMap<RanOn, u32> {
    let Some(index) = index else {
        return stage.ran_on().clone();
    };
    let result = stage.result(index);
    result
        .map(|result| (result.ran_on, 1))
        .into_iter()
        .collect()
}

fn of_index<T: Clone>(list: &[T], index: Option<u32>, place: impl Fn(&T) -> u32) -> Vec<T> {
    list.iter()
        .filter(|one| index.is_none_or(|index| place(one) == index))
        .cloned()
        .collect()
}

/// Finds the stage of this name in the newest earlier run of the same file, if its inputs were
/// known there.
pub(crate) fn earlier<'a>(
    state: &'a State,
    run: &RunState,
    name: &str,
) -> Option<(RunId, StageView<'a>)> {
    let before = state.runs().rev();
    let mut before = before.filter(|(id, one)| *id < run.id && one.spec.path == run.spec.path);
    before.find_map(|(id, other)| {
        let stage = other.find(name)?;
        (!stage.statuses().is_empty()).then_some((id, stage))
    })
}

fn of_stage(state: &State, run: &RunState, stage: StageView<'_>) -> Reason {
    match stage.end() {
        Some(StageEnd::Skipped(reason)) => skipped(run, reason),
        Some(StageEnd::Failed) => match stage.unresolvable() {
            Some(failure) => Reason::CouldNotStart(failure.clone()),
            None => match stage.too_many_rejects() {
                Some(rejects) if stage.failed_tasks() <= stage.planned.stage.tolerate => {
                    Reason::TooManyRejects(rejects.to_string())
                }
                Some(_) | None => failed(stage, None),
            },
        },
        Some(StageEnd::Cancelled) => Reason::Cancelled,
        Some(StageEnd::Succeeded) if stage.statuses().is_empty() => Reason::NoTasks,
        Some(StageEnd::Succeeded) if stage.ran_tasks() == 0 => Reason::FromCache,
        Some(StageEnd::Succeeded) => Reason::Ran(why_ran(stage.planned)),
        None if stage.is_resolving() => Reason::FindingInputs,
        None if !stage.statuses().is_empty() => {
            let is_ready = stage.counts().of(TaskStatus::Ready) > 0;
            let curtailed = is_ready.then(|| curtailed(state, run, stage.id)).flatten();
            let limited = || is_ready.then(|| limited(state, run, stage.id)).flatten();
            curtailed
                .or_else(limited)
                .or_else(|| placing(stage))
                .unwrap_or(Reason::TasksRun)
        }
        None => Reason::WaitsFor(names(run, &stage.waits_for())),
    }
}

fn of_task(
    state: &State,
    run: &RunState,
    stage: StageView<'_>,
    index: u32,
    status: TaskStatus,
) -> Reason {
    match status {
        TaskStatus::Waiting => match stage.tasks_before(index).as_slice() {
            [] => Reason::LookingUp,
            files => Reason::WaitsFor(tasks(run, files)),
        },
        TaskStatus::Ready => curtailed(state, run, stage.id)
            .or_else(|| limited(state, run, stage.id))
            .or_else(|| placing(stage))
            .unwrap_or(Reason::WaitsForRoom),
        TaskStatus::Deferred => match (due(run, stage.id, index), twin(run, stage, index)) {
            (Some(due), _) => Reason::WaitsForRetry(due),
            (None, Some((stage, index))) => Reason::WaitsForTwin(stage, index),
            (None, None) => Reason::WaitsForRoom,
        },
        TaskStatus::Active => Reason::Running {
            worker: run
                .get(stage.id)
                .and_then(|(_, state)| state.holder.get(place(index)).copied())
                .unwrap_or_default(),
            attempt: stage.attempt(index),
        },
        TaskStatus::Succeeded => Reason::Ran(why_ran(stage.planned)),
        TaskStatus::Cached => match twin(run, stage, index) {
            Some((stage, index)) => Reason::FromTwin(stage, index),
            None => Reason::FromCache,
        },
        TaskStatus::Failed => failed(stage, Some(index)),
        TaskStatus::Skipped => of_stage(state, run, stage),
        TaskStatus::Cancelled => Reason::Cancelled,
        TaskStatus::Held => Reason::Held,
    }
}

/// The reason of a failed stage, or of one failed task.
fn failed(stage: StageView<'_>, index: Option<u32>) -> Reason {
    let of_it = |failure: &&TaskFailure| index.is_none_or(|index| failure.index == index);
    let last = stage.failures().iter().rev().filter(of_it);
    let last = last.max_by_key(|failure| failure.last);
    Reason::Failed {
        tasks: index.map_or(stage.counts().of(TaskStatus::Failed), |_| 1),
        message: last.map(|failure| failure.failure.message.clone()),
    }
}

/// The reason why a stage's ready tasks are not leased, if a grid operator is the cause.
fn curtailed(state: &State, run: &RunState, id: StageId) -> Option<Reason> {
    let (_, why) = state.held_back(run, id)?;
    Some(Reason::Curtailed {
        measure: why.measure,
        until: why.until,
        told_by: why.told_by.clone(),
    })
}

/// The reason why a stage's ready tasks are not leased, if they wait for units of what all share.
fn limited(state: &State, run: &RunState, id: StageId) -> Option<Reason> {
    let reached = Limits::of(state).reached(run.id, id)?;
    Some(Reason::WaitsForLimit(reached))
}

/// The reason why a placed stage's ready tasks are not leased, if its placement is the cause.
fn placing(stage: StageView<'_>) -> Option<Reason> {
    if stage.is_being_placed() {
        return Some(Reason::BeingPlaced);
    }
    let until = stage.deferred_until()?;
    let placement = Box::new(stage.placement()?.clone());
    Some(Reason::WaitsForPower { until, placement })
}

/// What a stage waits for, as a sentence.
const fn waiting(why: Why) -> &'static str {
    match why {
        Why::Cleanest | Why::WorthWaiting => "it waits for cleaner power, as its deadline allows",
        Why::Surplus => "it waits for surplus power",
        Why::Idle => "it waits for idle machines",
        Why::Cheapest => "it waits for cheaper machines",
        Why::AtOnce | Why::Earliest | Why::LastSafeStart | Why::Late => {
            "it waits for the opening hours of machines that it may use"
        }
        Why::NoCapacity => "no machine that it may use is open in the hours that are known",
    }
}

fn due(run: &RunState, id: StageId, index: u32) -> Option<Timestamp> {
    run.get(id)?.1.tries.get(&index)?.due
}

/// The task of the run that has the same key and runs, or ran, for this one.
fn twin(run: &RunState, stage: StageView<'_>, index: u32) -> Option<(String, u32)> {
    let key = task_key(stage.planned, stage.inputs(), stage.tasks()?, index);
    let (id, other) = *run.sharing.leaders.get(&key)?;
    ((id, other) != (stage.id, index))
        .then(|| Some((run.stage(id)?.name().to_owned(), other)))
        .flatten()
}

fn skipped(run: &RunState, reason: &SkipReason) -> Reason {
    let name = |id: &StageId| {
        run.stage(*id)
            .map_or_else(String::new, |stage| stage.name().to_owned())
    };
    match reason {
        SkipReason::Condition => Reason::ConditionFalse,
        SkipReason::UpstreamFailed(id) => Reason::UpstreamFailed(name(id)),
        SkipReason::UpstreamSkipped(id) => Reason::UpstreamSkipped(name(id)),
        SkipReason::NotSelected => Reason::LeftOut,
        SkipReason::Cancelled => Reason::Cancelled,
    }
}

fn names(run: &RunState, ids: &[StageId]) -> Vec<String> {
    ids.iter()
        .filter_map(|id| run.stage(*id))
        .map(|stage| stage.name().to_owned())
        .collect()
}

/// The most tasks that a task is told to wait for.
const AWAITED_TOLD: usize = 20;

/// Tasks as messages name them: `clim/7`.
fn tasks(run: &RunState, tasks: &[(StageId, u32)]) -> Vec<String> {
    let named = tasks.iter().take(AWAITED_TOLD).filter_map(|(id, index)| {
        let stage = run.stage(*id)?;
        Some(format!("{}/{index}", stage.name()))
    });
    named.collect()
}

/// The reason why a stage's tasks ran, for tasks that did.
pub(crate) fn why_ran(planned: &PlannedStage) -> WhyRan {
    if !planned.stage.cache.enabled {
        WhyRan::CacheOff
    } else if !shareable(planned) {
        WhyRan::OwnRun
    } else if !looks_up(planned) {
        WhyRan::Forced
    } else {
        WhyRan::NotInCache
    }
}
