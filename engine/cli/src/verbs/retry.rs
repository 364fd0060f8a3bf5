//! `sunward retry [RUN]`: runs again what failed or was skipped.

use std::sync::Arc;

use clap::Args;
use sunward_core::{
    PlannedStage, RunSpec, RunState, RunStatus, StageEnd, StageView, TaskStatus, diff_ingredients,
};
use sunward_drive::Start;
use sunward_state::{Reader, Sqlite};
use sunward_worker::Host;
use sunward_workflows::{Input, Span};

use crate::conduct::{Means, conduct};
use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::grid_args::{Over, go_on};
use crate::machine::Machine;
use crate::prepare::prepare_again;
use crate::render;
use crate::settings::Settings;
use crate::which::{self, Which};

/// Run the failed, skipped and cancelled tasks of a finished run again
#[derive(Args)]
#[command(after_help = "Example:\n  sunward retry")]
pub(crate) struct Retry {
    /// The run [default: the newest]
    run: Option<String>,
    #[command(flatten)]
    means: Means,
}

impl Retry {
    /// Runs it.
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let words: Vec<String> = self.run.iter().cloned().collect();
        let which = Which::parse(&words)?;
        if let Some(stage) = &which.stage {
            return Err(wrong_input(format!(
                "'{stage}' is not a run; runs are written r1, r2, …, and are retried whole"
            )));
        }
        let found = which::find(context, which.run)?;
        let run = found.row.run;
        match found.row.status {
            RunStatus::Failed | RunStatus::Cancelled => {}
            RunStatus::Succeeded => {
                return Err(wrong_input(format!(
                    "{run} succeeded, so there is nothing to retry; sunward run FILE --fresh starts a new run"
                )));
            }
            RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => {
                return Err(wrong_input(format!(
                    "{run} is not finished; sunward run {} continues it",
                    found.row.path
                )));
            }
        }
        let state = found.reader.load_run(run)?;
        drop(found.reader);
        let retried = state
            .run(run)
            .ok_or_else(|| wrong_input(format!("there is no run {run}")))?;
        let settings = Settings::read(context.settings.as_deref())?;
        let host = Host::of_this_process();
        let machine = Machine::find(self.means.jobs);
        let device = self.means.device;
        let prepared = prepare_again(context, &found.home, &retried.spec, machine, device)?;
        prepared.find_secrets(&host)?;
        let prepared = prepared.lock(&found.home, &host)?;
        let machine = prepared.machine.drawing(&settings);
        let anew = prepared.spec;
        for line in changes(&retried.spec, &anew) {
            render::say(&line);
        }
        let over = Over::Here(machine);
        let grid = &self.means.grid;
        let mut spec = grid.placed(context, &settings, &anew, self.means.wishes)?;
        let feeds = grid.feeds_of(context, &settings, over, &spec)?;
        let feeds = feeds.map(|feeds| feeds.not_before(retried)).transpose()?;
        go_on(&mut spec, retried);
        let spec = Arc::new(spec);
        let start = if results_stand(retried, &spec) {
            let spec = Some(spec);
            Start::Retry { run, spec }
        } else {
            render::say(&format!(
                "results of {run} are of what was there before: a new run begins, and takes from the cache what still holds"
            ));
            Start::Submit(spec)
        };
        let journal = Sqlite::open(&found.home)?;
        conduct(
            context,
            &found.home,
            &self.means,
            machine,
            journal,
            start,
            feeds,
        )
    }
}

/// What changed in each stage since a run was submitted, a line a stage.
fn changes(before: &RunSpec, now: &RunSpec) -> Vec<String> {
    let mut lines = Vec::new();
    for new in &now.plan.stages {
        let name = &new.stage.name;
        let Some(old) = before.plan.find(name).and_then(|id| before.plan.stage(id)) else {
            lines.push(format!("{name}: the stage is new"));
            continue;
        };
        let mut changed = diff_ingredients(&old.ingredients, &new.ingredients);
        if changed.is_empty() && old.staged != new.staged {
            changed.push("files that its items name changed".to_owned());
        }
        if !changed.is_empty() {
            lines.push(format!("{name}: {}", changed.join("; ")));
        }
    }
    for old in &before.plan.stages {
        if now.plan.find(&old.stage.name).is_none() {
            lines.push(format!("{}: the stage is gone", old.stage.name));
        }
    }
    lines
}

/// Whether the run can go on under the plan of now: the graph is the same, and so is what every stage
/// means that has results, or inputs and tasks, already.
fn results_stand(run: &RunState, now: &RunSpec) -> bool {
    let before = &run.spec.plan.stages;
    let pairs = || before.iter().zip(&now.plan.stages);
    before.len() == now.plan.stages.len()
        && pairs().all(|(old, new)| {
            old.stage.name == new.stage.name
                && old.upstream == new.upstream
                && old.selected == new.selected
        })
        && run
            .stages()
            .zip(pairs())
            .all(|(stage, (old, new))| old.same_meaning(new) || may_change(&stage, old, new))
}

/// Whether a stage may mean something else from now on: it has no result yet, and keeps its inputs,
/// outputs and tasks.
fn may_change(stage: &StageView<'_>, old: &PlannedStage, new: &PlannedStage) -> bool {
    let counts = stage.counts();
    let done = counts.of(TaskStatus::Succeeded) + counts.of(TaskStatus::Cached);
    let inputs = |planned: &PlannedStage| -> Vec<(String, Input)> {
        let ports = planned.stage.inputs.iter();
        ports
            .map(|(port, input)| {
                let input = Input {
                    span: Span::default(),
                    ..input.clone()
                };
                (port.clone(), input)
            })
            .collect()
    };
    let ended_well = matches!(stage.end(), Some(StageEnd::Succeeded));
    !ended_well
        && done == 0
        && old.tasks == new.tasks
        && inputs(old) == inputs(new)
        && old.stage.outputs.keys().eq(new.stage.outputs.keys())
}
