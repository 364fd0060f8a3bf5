//! The timeline of a run. A small stage has a bar for each attempt, a large one the number of
//! running attempts. It also shows how long a ready stage waited for its first attempt.

use serde::Serialize;
use sunward_core::{Failure, FailureKind};

use crate::attempts::{Attempt, AttemptEnd, History};

/// The most attempts that are drawn as bars. With more, the number of running attempts is drawn.
const BARS: usize = 160;
/// The steps of the curve of running attempts.
const STEPS: usize = 200;
/// The most lanes of bars in a stage. Further bars share the last lane.
const LANES: usize = 12;

/// All stages on one time axis.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Timeline {
    /// The beginning of the axis, in milliseconds since the epoch.
    pub(crate) from_ms: u64,
    /// The end of the axis, in milliseconds since the epoch.
    pub(crate) to_ms: u64,
    /// The stages in the plan's order.
    pub(crate) stages: Vec<StageTime>,
}

/// The part of one stage.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StageTime {
    pub(crate) stage: String,
    /// The time from ready to run until the first attempt began, if known.
    pub(crate) waited: Option<Wait>,
    /// A bar for each attempt; empty if there are too many.
    pub(crate) bars: Vec<Bar>,
    /// The number of running attempts in each step of the axis; empty if there are bars.
    pub(crate) running: Vec<u32>,
}

/// A time of waiting on the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Wait {
    /// Milliseconds since the beginning of the axis.
    pub(crate) start_ms: u64,
    pub(crate) length_ms: u64,
}

/// One attempt on the axis.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bar {
    /// The index of its task in the stage.
    pub(crate) index: u32,
    /// Milliseconds since the beginning of the axis.
    pub(crate) start_ms: u64,
    pub(crate) length_ms: u64,
    /// The lane in which it is drawn.
    pub(crate) lane: usize,
    /// `succeeded`, `failed`, `tried again`, `made way` or `cut off`.
    pub(crate) outcome: &'static str,
}

/// The timeline of a run. `names` are the names of the stages in the plan's order.
pub(crate) fn of(history: &History, names: &[String]) -> Timeline {
    let attempts = &history.attempts;
    let begins = attempts.iter().map(|attempt| attempt.started_ms);
    let ready = history.ready.values().map(|at| at.0);
    let from_ms = begins.chain(ready).min().unwrap_or(0);
    let to_ms = attempts.iter().map(Attempt::ended_ms).max().unwrap_or(0);
    let mut stages = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let mut own: Vec<&Attempt> = attempts
            .iter()
            .filter(|attempt| attempt.stage.place() == at)
            .collect();
        own.sort_by_key(|attempt| (attempt.started_ms, attempt.index));
        let Some(first) = own.first() else {
            continue;
        };
        let many = own.len() > BARS;
        stages.push(StageTime {
            stage: name.clone(),
            waited: history.ready.get(&first.stage).map(|ready| Wait {
                start_ms: ready.0 - from_ms,
                length_ms: first.started_ms.saturating_sub(ready.0),
            }),
            bars: if many {
                Vec::new()
            } else {
                bars(&own, from_ms)
            },
            running: if many {
                running(&own, from_ms, to_ms)
            } else {
                Vec::new()
            },
        });
    }
    Timeline {
        from_ms,
        to_ms,
        stages,
    }
}

/// The end of an attempt in a word or two.
pub(crate) const fn outcome(end: &AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Succeeded => "succeeded",
        AttemptEnd::Failed {
            failure:
                Failure {
                    kind: FailureKind::Preempted,
                    ..
                },
            ..
        } => "made way",
        AttemptEnd::Failed {
            tried_again: true, ..
        } => "tried again",
        AttemptEnd::Failed { .. } => "failed",
        AttemptEnd::CutOff => "cut off",
    }
}

/// A bar for each attempt, in the first lane that is free.
fn bars(attempts: &[&Attempt], from_ms: u64) -> Vec<Bar> {
    let mut free_at: Vec<u64> = Vec::new();
    attempts
        .iter()
        .map(|attempt| {
            let lane = free_at
                .iter()
                .position(|free| *free <= attempt.started_ms)
                .unwrap_or(free_at.len())
                .min(LANES - 1);
            if lane == free_at.len() {
                free_at.push(0);
            }
            if let Some(free) = free_at.get_mut(lane) {
                *free = attempt.ended_ms();
            }
            Bar {
                index: attempt.index,
                start_ms: attempt.started_ms.saturating_sub(from_ms),
                length_ms: attempt.ended_ms().saturating_sub(attempt.started_ms),
                lane,
                outcome: outcome(&attempt.end),
            }
        })
        .collect()
}

/// The number of running attempts in each step.
fn running(attempts: &[&Attempt], from_ms: u64, to_ms: u64) -> Vec<u32> {
    let steps = u64::try_from(STEPS).unwrap_or(1);
    let span = to_ms.saturating_sub(from_ms).max(1);
    let step_of = |ms: u64| {
        let step = ms.saturating_sub(from_ms).saturating_mul(steps) / span;
        usize::try_from(step.min(steps - 1)).unwrap_or(0)
    };
    // The change at each step. The sum of the changes so far is the number of running attempts.
    let mut change = vec![0_i64; STEPS + 1];
    for attempt in attempts {
        change[step_of(attempt.started_ms)] += 1;
        change[step_of(attempt.ended_ms()) + 1] -= 1;
    }
    change
        .iter()
        .take(STEPS)
        .scan(0_i64, |sum, step| {
            *sum += step;
            Some(u32::try_from(*sum).unwrap_or(0))
        })
        .collect()
}
