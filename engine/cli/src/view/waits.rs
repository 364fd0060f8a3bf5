//! What a run waits for, until when.

use serde::Serialize;
use sunward_core::explain::{LimitReached, Wait, WaitsFor};

use crate::machine::shown;
use crate::render::units::plural;

/// Tasks of a stage that wait for one thing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WaitView {
    pub(crate) stage: String,
    /// The number of tasks that wait, if it is known.
    pub(crate) tasks: Option<u32>,
    /// What they wait for, as a code.
    pub(crate) waits_for: WaitsFor,
    /// Until when, by the run's own clock, if that is known.
    pub(crate) until: Option<String>,
    /// The pool in which they will run, if it is chosen.
    pub(crate) pool: Option<String>,
    /// The zone of that pool.
    pub(crate) zone: Option<String>,
    /// Who restricts the pool, if they wait for the end of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) told_by: Option<String>,
    /// The units of a shared limit for which they wait, if they wait for some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<LimitReached>,
    /// The stages before it that have not ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stages: Vec<String>,
    /// All of it in one sentence.
    pub(crate) text: String,
}

impl WaitView {
    pub(crate) fn of(wait: &Wait) -> Self {
        Self {
            stage: wait.stage.clone(),
            tasks: wait.tasks,
            waits_for: wait.wait,
            until: wait.until.map(shown),
            pool: wait.pool.as_ref().map(|pool| pool.pool.clone()),
            zone: wait.pool.as_ref().map(|pool| pool.zone.clone()),
            told_by: wait.told_by.clone(),
            limit: wait.limit.clone(),
            stages: wait.stages.clone(),
            text: text(wait),
        }
    }
}

/// `3 tasks wait until 2025-03-10T14:00:00Z for clean hours in pool north (DE)`.
fn text(wait: &Wait) -> String {
    let who = match wait.tasks {
        None | Some(0 | 1) => "waits".to_owned(),
        Some(tasks) => format!("{} wait", plural(u64::from(tasks), "task")),
    };
    let until = wait.until.map(shown);
    let place = wait.pool.as_ref().map_or_else(String::new, |pool| {
        format!(" in pool {} ({})", pool.pool, pool.zone)
    });
    let what = match wait.wait {
        WaitsFor::Stages => {
            let end = until.map_or_else(String::new, |at| format!(", expected to end at {at}"));
            return format!("{who} for {}{end}", wait.stages.join(", "));
        }
        WaitsFor::Limit => {
            let limit = wait.limit.as_ref().map(ToString::to_string);
            return format!("{who} for {}", limit.unwrap_or_default());
        }
        WaitsFor::Inputs => "its inputs",
        WaitsFor::Lookup => "the look-up of its results",
        WaitsFor::Placement => "the choice of its place and start",
        WaitsFor::CleanPower => "clean hours",
        WaitsFor::Surplus => "surplus power",
        WaitsFor::IdleMachines => "idle machines",
        WaitsFor::LowerPrice => "a lower price",
        WaitsFor::OpenPool => "opening hours",
        WaitsFor::AnyPool => "a pool that is open in the hours that are known",
        WaitsFor::GridEmergency => "the end of a grid emergency",
        WaitsFor::GridAlert => "the end of an alert of the grid",
        WaitsFor::PowerCap => "more power than its cap allows",
        WaitsFor::Slot => "a slot",
        WaitsFor::Retry => "the next attempt",
        WaitsFor::Twin => "a task that has the same key",
    };
    let until = until.map_or_else(String::new, |at| format!(" until {at}"));
    let told_by = wait
        .told_by
        .as_ref()
        .map_or_else(String::new, |name| format!(", told by {name}"));
    format!("{who}{until} for {what}{place}{told_by}")
}
