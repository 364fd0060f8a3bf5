//! What people are told about a run.

use serde::Serialize;
use sunward_core::{Account, RunState};

use crate::machine::{now, shown};
use crate::render::units;
use crate::view::of_state;
use crate::view::run::{Named, StageCounts};

/// The most failures in a message.
const FAILURES: usize = 10;

/// A message: the body of a webhook, and what a command gets on its standard input.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Message {
    /// The version of this format.
    version: u32,
    /// `end`, `failure` or `hold`.
    pub(super) event: &'static str,
    /// All of it in one sentence. Chat servers show this field.
    pub(super) text: String,
    pub(super) workflow: String,
    pub(super) path: String,
    /// `r7`.
    pub(super) run: String,
    /// `succeeded`, `failed`, `cancelled` or `held`.
    pub(super) status: String,
    pub(super) submitted: String,
    pub(super) sent: String,
    /// The time from submission to the end.
    seconds: f64,
    /// The machine.
    pub(super) host: String,
    stages: Named<StageCounts>,
    pub(super) failures: Vec<FailureNote>,
    energy_joules: f64,
    gco2e: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    over_budget: Option<String>,
}

/// A task or stage that failed for good.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FailureNote {
    pub(super) stage: String,
    /// The index of the task; `None` if the stage could not start.
    pub(super) task: Option<u32>,
    pub(super) message: String,
}

impl Message {
    /// The message about a run.
    pub(super) fn of(run: &RunState, account: &Account, event: &'static str) -> Self {
        let ledger = of_state::ledger(run, account);
        let ended = run.ended_at.unwrap_or_else(|| run.last_stood_at());
        let seconds = units::float(ended.since_ms(run.submitted_at)) / 1000.0;
        let failures = failures(run);
        let over_budget = run.overrun().map(|over| over.to_string());
        let (workflow, status) = (&run.spec.workflow.name, of_state::status_word(run.status));
        let mut text = format!(
            "{workflow}: {} {status} after {}",
            run.id,
            units::seconds(seconds)
        );
        let failed = failures.first().map(FailureNote::text);
        for more in failed.iter().chain(&over_budget) {
            text.push_str(&format!(" ({more})"));
        }
        let host = rustix::system::uname();
        Self {
            version: 1,
            event,
            text,
            workflow: workflow.clone(),
            path: run.spec.path.clone(),
            run: run.id.to_string(),
            status: status.to_owned(),
            submitted: shown(run.submitted_at),
            sent: shown(now()),
            seconds,
            host: host.nodename().to_string_lossy().into_owned(),
            stages: Named(
                run.stages()
                    .map(|stage| (stage.name().to_owned(), of_state::stage_counts(&stage)))
                    .collect(),
            ),
            failures,
            energy_joules: ledger.energy_joules,
            gco2e: ledger.gco2e,
            over_budget,
        }
    }

    /// As JSON.
    pub(super) fn body(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }
}

impl FailureNote {
    /// One line. A task's own message begins with its name.
    pub(super) fn text(&self) -> String {
        let task = self.task.map(|task| format!("/{task}"));
        let name = format!("{}{}", self.stage, task.unwrap_or_default());
        match self.message.starts_with(&name) {
            true => self.message.clone(),
            false => format!("{name}: {}", self.message),
        }
    }
}

/// The first line of each failure, up to the limit.
fn failures(run: &RunState) -> Vec<FailureNote> {
    let note = |stage: &str, task, message: &str| FailureNote {
        stage: stage.to_owned(),
        task,
        message: message.lines().next().unwrap_or_default().to_owned(),
    };
    let all = run.stages().flat_map(|stage| {
        let last = stage.failures().iter().filter(|failure| failure.last);
        let tasks = last.map(|one| note(stage.name(), Some(one.index), &one.failure.message));
        let whole = stage.unresolvable();
        let whole = whole.map(|failure| note(stage.name(), None, &failure.message));
        tasks.chain(whole).collect::<Vec<_>>()
    });
    all.take(FAILURES).collect()
}
