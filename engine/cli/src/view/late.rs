//! What is told of a run that is late: the same object and the same sentence everywhere.

use serde::Serialize;
use sunward_core::late::{Cause, CurtailedBy, Limit, TookLonger};
use sunward_core::place::TimeSource;
use sunward_core::{Late, Measure};

use crate::machine::shown;
use crate::render::style::harmless;
use crate::render::units::{float, seconds, watts};
use crate::view::demand::word;

/// A limit of time that a run misses, by how much, and why.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LateView {
    /// `deadline` or `max_delay`.
    pub(crate) limit: Limit,
    /// The stage whose own limit it is; `None` for the run's.
    pub(crate) limit_of: Option<String>,
    /// The last moment that would have been in time.
    pub(crate) deadline: String,
    /// When it ended, or, for `max_delay`, when the stage began.
    pub(crate) ended: Option<String>,
    /// When it is expected to end, if it has not ended.
    pub(crate) expected_end: Option<String>,
    /// The time between the two.
    pub(crate) by_seconds: f64,
    /// What took most of the time that was not expected.
    pub(crate) cause: Cause,
    /// The stage that this is about, if it is about one.
    pub(crate) stage: Option<String>,
    /// The time that the cause took.
    pub(crate) cause_seconds: f64,
    /// What a grid operator asked of the pool, if that is the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) measure: Option<&'static str>,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) told_by: Option<String>,
    /// How long one task of the stage took, if it took longer than expected.
    pub(crate) took_seconds: Option<f64>,
    /// How long it was expected to take.
    pub(crate) expected_seconds: Option<f64>,
    /// All of it in one sentence.
    pub(crate) text: String,
}

impl LateView {
    /// The view of a run that has begun.
    pub(crate) fn of(late: &Late) -> Self {
        Self::with(late, format!("{}: {}", event(late), cause(late)))
    }

    /// The view of a run that has not begun.
    pub(crate) fn foreseen(late: &Late) -> Self {
        let whose = whose(late);
        let by = time(late.by_ms);
        let why = match late.cause {
            Cause::TooShort => "it is too short for these stages even if nothing waits".to_owned(),
            _ => format!(
                "stage {} finds no free slot in an open pool in time",
                late.stage.as_deref().unwrap_or("?")
            ),
        };
        Self::with(
            late,
            format!(
                "the deadline{whose} cannot be met: the run is expected to end {by} after it, because {why}; it runs as soon as possible; allow a later `deadline`, or give it less work"
            ),
        )
    }

    fn with(late: &Late, text: String) -> Self {
        let end = shown(late.end);
        let (ended, expected_end) = match late.is_over {
            true => (Some(end), None),
            false => (None, Some(end)),
        };
        Self {
            limit: late.limit,
            limit_of: late.limit_of.clone(),
            deadline: shown(late.due),
            ended,
            expected_end,
            by_seconds: float(late.by_ms) / 1000.0,
            cause: late.cause,
            stage: late.stage.clone(),
            cause_seconds: float(late.cause_ms) / 1000.0,
            measure: late.curtailed.as_ref().map(|one| word(one.measure)),
            told_by: late.curtailed.as_ref().map(|one| one.told_by.clone()),
            took_seconds: late.task.map(|task| float(task.took_ms) / 1000.0),
            expected_seconds: late
                .task
                .and_then(|task| task.expected_ms)
                .map(|ms| float(ms) / 1000.0),
            text,
        }
    }
}

fn time(ms: u64) -> String {
    seconds(float(ms) / 1000.0)
}

/// ` of stage train`, if the limit is a stage's own.
fn whose(late: &Late) -> String {
    let of = late.limit_of.as_ref();
    of.map_or_else(String::new, |stage| format!(" of stage {stage}"))
}

/// `ended 7 h 0 min after its deadline, 2025-03-10T12:00:00Z`.
fn event(late: &Late) -> String {
    let (by, due) = (time(late.by_ms), shown(late.due));
    match (late.limit, late.limit_of.as_deref(), late.is_over) {
        (Limit::Deadline, None, true) => format!("it ended {by} after its deadline, {due}"),
        (Limit::Deadline, None, false) => {
            format!("its deadline was {due}, and it is expected to end {by} after it")
        }
        (Limit::Deadline, Some(stage), true) => {
            format!("stage {stage} ended {by} after its deadline, {due}")
        }
        (Limit::Deadline, Some(stage), false) => {
            format!(
                "the deadline of stage {stage} was {due}, and it is expected to end {by} after it"
            )
        }
        (Limit::MaxDelay, stage, true) => format!(
            "stage {} began {by} later than `max_delay` allows, {due}",
            stage.unwrap_or("?")
        ),
        (Limit::MaxDelay, stage, false) => format!(
            "stage {} has waited {by} longer than `max_delay` allows, {due}",
            stage.unwrap_or("?")
        ),
    }
}

/// The cause, as a part of a sentence.
fn cause(late: &Late) -> String {
    let stage = late.stage.as_deref().unwrap_or("?");
    let took = time(late.cause_ms);
    match late.cause {
        Cause::TookLonger => longer(stage, late.task, &took),
        Cause::NoSlot => {
            format!("stage {stage} waited {took} for a free slot, or for a pool to open")
        }
        Cause::Curtailed => curtailed(stage, late.curtailed.as_ref(), &took),
        Cause::FailedAttempts => {
            format!("attempts of stage {stage} that failed or were lost took {took}")
        }
        Cause::EngineStopped => format!("no engine ran for {took}"),
        Cause::OverBudget => format!("it stood still for {took} because it was over its budget"),
        Cause::RetriedLater => format!("it had failed, and was retried {took} later"),
        Cause::TooShort => format!(
            "its deadline was too short from the start, by {took}; allow a later `deadline`, or give it less work"
        ),
        Cause::LateInputs => {
            format!(
                "the inputs of stage {stage} were ready {took} after the stages before it had ended"
            )
        }
        Cause::Unknown => "the journal does not show why".to_owned(),
    }
}

fn curtailed(stage: &str, by: Option<&CurtailedBy>, took: &str) -> String {
    let Some(by) = by else {
        return format!(
            "stage {stage} lost {took} because the owner of its pool took machines back"
        );
    };
    let what = match by.measure {
        Measure::Emergency => "a grid emergency".to_owned(),
        Measure::Alert => "an alert of the grid".to_owned(),
        Measure::Cap { milliwatts } => format!("a cap of {}", watts(milliwatts)),
    };
    let told_by = harmless(&by.told_by);
    format!("stage {stage} lost {took} to {what}, told by {told_by}")
}

fn longer(stage: &str, task: Option<TookLonger>, total: &str) -> String {
    let Some(task) = task else {
        return format!("stage {stage} took {total} longer than expected");
    };
    let took = time(task.took_ms);
    match (task.expected_ms, task.source) {
        (None, _) => format!(
            "stage {stage} took {took}, and nothing says how long it takes; give it `expect: {{ time: … }}`"
        ),
        (Some(ms), Some(TimeSource::Assumed)) => format!(
            "stage {stage} took {took}, where {} was assumed; give it `expect: {{ time: … }}`",
            time(ms)
        ),
        (Some(ms), _) => {
            format!("stage {stage} took {took}, where {} was expected", time(ms))
        }
    }
}
