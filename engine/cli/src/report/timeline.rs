//! When what ran: a bar an attempt for small stages, the number running for big ones, and how long
//! a stage that could have run waited for its first attempt.

use serde::Serialize;

use crate::attempts::{Attempt, AttemptEnd, History};

/// A stage with more attempts is drawn as the number running over time.
const BARS: usize = 160;
/// Steps of that curve.
const STEPS: usize = 200;
/// So many lanes of bars a stage has at most; further bars share the last.
const LANES: usize = 12;

/// All stages on one time axis.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Timeline {
    /// The axis' beginning, milliseconds since the epoch.
    pub(crate) from_ms: u64,
    /// Its end.
    pub(crate) to_ms: u64,
    /// Stage by stage, in the plan's order.
    pub(crate) stages: Vec<StageTime>,
}

/// One stage's part of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StageTime {
    /// Its name.
    pub(crate) stage: String,
    /// From when it could have run until its first attempt began; none where that is not known.
    pub(crate) waited: Option<Wait>,
    /// A bar an attempt; empty when there were too many.
    pub(crate) bars: Vec<Bar>,
    /// How many ran in each step of the axis; empty when there are bars.
    pub(crate) running: Vec<u32>,
}

/// A stretch of waiting on the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Wait {
    /// From the axis' beginning, in milliseconds.
    pub(crate) start_ms: u64,
    /// How long, in milliseconds.
    pub(crate) length_ms: u64,
}

/// One attempt on the axis.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bar {
    /// Its task in the stage.
    pub(crate) index: u32,
    /// From the axis' beginning, in milliseconds.
    pub(crate) start_ms: u64,
    /// How long, in milliseconds.
    pub(crate) length_ms: u64,
    /// Which lane it is drawn in.
    pub(crate) lane: usize,
    /// `succeeded`, `failed`, `tried again` or `cut off`.
    pub(crate) outcome: &'static str,
}

/// Puts the attempts of a run on one axis. `names` are the stages' by their place in the plan.
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

/// How an attempt ended, in a word or two.
pub(crate) const fn outcome(end: &AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Succeeded => "succeeded",
        AttemptEnd::Failed {
            tried_again: true, ..
        } => "tried again",
        AttemptEnd::Failed { .. } => "failed",
        AttemptEnd::CutOff => "cut off",
    }
}

/// Each bar in the first lane that is free.
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
                length_ms: attempt.wall_us / 1000,
                lane,
                outcome: outcome(&attempt.end),
            }
        })
        .collect()
}

/// How many run in each step.
fn running(attempts: &[&Attempt], from_ms: u64, to_ms: u64) -> Vec<u32> {
    let steps = u64::try_from(STEPS).unwrap_or(1);
    let span = to_ms.saturating_sub(from_ms).max(1);
    let step_of = |ms: u64| {
        let step = ms.saturating_sub(from_ms).saturating_mul(steps) / span;
        usize::try_from(step.min(steps - 1)).unwrap_or(0)
    };
    // The change at each step; the sum of changes so far is the number running.
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
