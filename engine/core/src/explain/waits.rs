//! What the stages of a run wait for, and until when.

use serde::Serialize;

use super::limits::{LimitReached, Limits};
use super::{NamedPool, names};
use crate::curtailment::Measure;
use crate::ids::{RunId, StageId, Timestamp};
use crate::place::{Placement, Why};
use crate::pool::PoolId;
use crate::state::stage::Phase;
use crate::state::{RunState, StageView, State};
use crate::task::TaskStatus;

/// Tasks of a stage that wait for one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// The name of the stage.
    pub stage: String,
    /// The number of its tasks that wait; `None` if that is not known yet.
    pub tasks: Option<u32>,
    /// What they wait for.
    pub wait: WaitsFor,
    /// Until when. For stages before it, when the last of them is expected to end. `None` if nobody
    /// knows.
    pub until: Option<Timestamp>,
    /// The pool in which they will run, if it is chosen.
    pub pool: Option<NamedPool>,
    /// The stages before it that have not ended, if they wait for those.
    pub stages: Vec<String>,
    /// Who restricts the pool, if they wait for the end of a curtailment.
    pub told_by: Option<String>,
    /// The units for which they wait, if they wait for some.
    pub limit: Option<LimitReached>,
}

/// What tasks wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// Stages before it.
    Stages,
    /// Their inputs, which are being resolved.
    Inputs,
    /// A look-up in the cache.
    Lookup,
    /// The choice of their place and time.
    Placement,
    /// Clean hours.
    CleanPower,
    /// Surplus power.
    Surplus,
    /// Machines that their owner does not use.
    IdleMachines,
    /// A lower price.
    LowerPrice,
    /// The opening of a pool.
    OpenPool,
    /// A pool with room in the hours that are known; there is none.
    AnyPool,
    /// The end of a grid emergency.
    GridEmergency,
    /// The end of another alert of the grid.
    GridAlert,
    /// The end of a cap on the pool's power.
    PowerCap,
    /// Units of what all tasks share.
    Limit,
    /// A free slot.
    Slot,
    /// Another attempt.
    Retry,
    /// The result of another task that has the same key.
    Twin,
}

/// What the stages of a run wait for, upstream first. Empty for a run that has ended, or that stands
/// still.
#[must_use]
pub fn waits(state: &State, run: RunId) -> Vec<Wait> {
    let Some(run) = state.run(run).filter(|run| !stands_still(run)) else {
        return Vec::new();
    };
    let limits = Limits::of(state);
    let stages = run.stages().filter(|stage| stage.planned.selected);
    stages
        .flat_map(|stage| of_stage(state, run, stage, &limits))
        .collect()
}

fn stands_still(run: &RunState) -> bool {
    use crate::fact::RunStatus as S;
    match run.status {
        S::Running => run.is_stopping(),
        S::Succeeded | S::Failed | S::Cancelled | S::Held | S::Interrupted => true,
    }
}

fn of_stage(state: &State, run: &RunState, stage: StageView<'_>, limits: &Limits<'_>) -> Vec<Wait> {
    let Some((planned, own)) = run.get(stage.id) else {
        return Vec::new();
    };
    let wait = |wait, tasks, until| Wait {
        stage: stage.name().to_owned(),
        tasks,
        wait,
        until,
        pool: None,
        stages: Vec::new(),
        told_by: None,
        limit: None,
    };
    let tasks = stage.task_count();
    match own.phase {
        Phase::Ended(_) => return Vec::new(),
        Phase::Waiting if own.waits_for > 0 => {
            let before = stage.waits_for();
            return vec![Wait {
                until: expected_end(run, &before),
                stages: names(run, &before),
                ..wait(WaitsFor::Stages, tasks, None)
            }];
        }
        Phase::Waiting | Phase::Resolving => return vec![wait(WaitsFor::Inputs, tasks, None)],
        Phase::Open => {}
    }
    let counts = stage.counts();
    let some = |status| Some(counts.of(status)).filter(|count| *count > 0);
    let mut all = Vec::new();
    let awaiting = stage.lacking_files();
    if awaiting > 0 {
        let before: Vec<StageId> = run.followed(stage.id).collect();
        all.push(Wait {
            stages: names(run, &before),
            ..wait(WaitsFor::Stages, Some(awaiting), None)
        });
    }
    if let Some(count) = some(TaskStatus::Waiting).filter(|count| *count > awaiting) {
        all.push(wait(WaitsFor::Lookup, Some(count - awaiting), None));
    }
    // `max_parallel` holds tasks back too: they wait for those of their own stage.
    let may_begin = own.slack(planned) > 0;
    if let Some(count) = some(TaskStatus::Ready).filter(|_| may_begin) {
        let limited = || {
            let reached = limits.reached(run.id, stage.id)?;
            Some(Wait {
                limit: Some(reached),
                ..wait(WaitsFor::Limit, None, None)
            })
        };
        let ready = curtailed(state, run, stage).or_else(limited);
        let ready = ready.unwrap_or_else(|| self::ready(state, stage));
        all.push(Wait {
            tasks: Some(count),
            ..ready
        });
    }
    if let Some(count) = some(TaskStatus::Deferred) {
        let due: Vec<Timestamp> = own.tries.values().filter_map(|tries| tries.due).collect();
        let retried = u32::try_from(due.len()).unwrap_or(u32::MAX).min(count);
        if retried > 0 {
            all.push(wait(WaitsFor::Retry, Some(retried), due.into_iter().min()));
        }
        if count > retried {
            all.push(wait(WaitsFor::Twin, Some(count - retried), None));
        }
    }
    all
}

/// The curtailment that the ready tasks of a stage wait for.
fn curtailed(state: &State, run: &RunState, stage: StageView<'_>) -> Option<Wait> {
    let (pool, why) = state.held_back(run, stage.id)?;
    Some(Wait {
        stage: stage.name().to_owned(),
        tasks: None,
        wait: match why.measure {
            Measure::Emergency => WaitsFor::GridEmergency,
            Measure::Alert => WaitsFor::GridAlert,
            Measure::Cap { .. } => WaitsFor::PowerCap,
        },
        until: why.until,
        pool: state.fleet().map(|_| NamedPool::of(state, pool)),
        stages: Vec::new(),
        told_by: Some(why.told_by.clone()),
        limit: None,
    })
}

/// What the ready tasks of a stage wait for.
fn ready(state: &State, stage: StageView<'_>) -> Wait {
    let none = Wait {
        stage: stage.name().to_owned(),
        tasks: None,
        wait: WaitsFor::Slot,
        until: None,
        pool: None,
        stages: Vec::new(),
        told_by: None,
        limit: None,
    };
    if stage.is_being_placed() {
        return Wait {
            wait: WaitsFor::Placement,
            ..none
        };
    }
    let Some(placement) = stage.placement() else {
        return none;
    };
    let until = stage.deferred_until();
    let pool = chosen_pool(placement, until).map(|id| NamedPool::of(state, id));
    let wait = match placement.why {
        Why::NoCapacity => WaitsFor::AnyPool,
        _ if until.is_none() => WaitsFor::Slot,
        Why::Cleanest | Why::WorthWaiting | Why::LastSafeStart => WaitsFor::CleanPower,
        Why::Surplus => WaitsFor::Surplus,
        Why::Idle => WaitsFor::IdleMachines,
        Why::Cheapest => WaitsFor::LowerPrice,
        Why::AtOnce | Why::Earliest | Why::Late => WaitsFor::OpenPool,
    };
    Wait {
        wait,
        until,
        pool,
        ..none
    }
}

/// The pool of the segment for which tasks wait, or of the first one.
fn chosen_pool(placement: &Placement, until: Option<Timestamp>) -> Option<PoolId> {
    let segments = placement.segments.iter();
    let next = segments.clone().find(|one| Some(one.start) == until);
    next.or(segments.clone().next()).map(|one| one.pool)
}

/// When the last of these stages is expected to end, if all of them are placed.
fn expected_end(run: &RunState, stages: &[StageId]) -> Option<Timestamp> {
    let ends = stages.iter().map(|id| run.stage(*id)?.placement()?.end());
    ends.collect::<Option<Vec<Timestamp>>>()?.into_iter().max()
}
