//! `sunward retry [RUN]`: runs the failed, skipped and cancelled tasks of a run again.

use std::sync::Arc;

use clap::Args;
use sunward_core::RunStatus;
use sunward_drive::Start;
use sunward_state::Reader;
use sunward_worker::Host;

use crate::changes::{changed_inputs, changes, results_stand};
use crate::conduct::{Means, OpenHome, conduct};
use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::grid_args::{Over, go_on};
use crate::home::expect_open_files;
use crate::machine::Machine;
use crate::placing::refused;
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
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let words: Vec<String> = self.run.iter().cloned().collect();
        let which = Which::parse(&words)?;
        if let Some(stage) = &which.stage {
            return Err(wrong_input(format!(
                "`{stage}` is not a run; runs are written r1, r2, …, and are retried whole"
            )));
        }
        let found = which::find(context, which.run)?;
        let run = found.row.run;
        match found.row.status {
            RunStatus::Failed | RunStatus::Cancelled | RunStatus::Succeeded => {}
            RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => {
                return Err(wrong_input(format!(
                    "{run} is not finished; `sunward run {}` continues it",
                    found.row.path
                )));
            }
        }
        let state = found.reader.load_run(run)?;
        drop(found.reader);
        let retried = state
            .run(run)
            .ok_or_else(|| wrong_input(format!("there is no run {run}")))?;
        if !retried.can_be_retried() {
            return Err(wrong_input(format!(
                "{run} succeeded, so there is nothing to retry; `sunward run FILE --fresh` starts a new run"
            )));
        }
        let settings = Settings::read(context.settings.as_deref())?;
        let host = Host::of_this_process();
        let machine = Machine::find(self.means.jobs);
        let device = self.means.device;
        expect_open_files(machine.cpus)?;
        let prepared = prepare_again(context, &found.home, &retried.spec, machine, device)?;
        let means = &self.means;
        means.refuse_overwriting(context, &prepared.spec, &found.home, None)?;
        prepared.find_secrets(&host)?;
        prepared.find_shells(&host)?;
        let prepared = prepared.lock(&found.home, &host)?;
        let machine = prepared.machine.drawing(&settings);
        let anew = prepared.spec;
        let mut told = changes(&retried.spec, &anew);
        let opened = OpenHome::open(&found.home, &self.means, prepared.files)?;
        let read_anew = changed_inputs(&found.home, retried, &anew, &opened.resolver)?;
        let inputs_stand = read_anew.is_empty();
        told.extend(read_anew);
        for line in told {
            render::say(&line);
        }
        let over = Over::Here(machine);
        let grid = &self.means.grid;
        refused::other_region(grid.zone(&settings).as_deref(), &anew)?;
        let mut spec = grid.placed(context, &settings, &anew, self.means.wishes)?;
        let feeds = grid.feeds_of(context, &settings, over, &spec)?;
        let feeds = feeds.map(|feeds| feeds.not_before(retried)).transpose()?;
        go_on(&mut spec, retried);
        let spec = Arc::new(spec);
        let start = if inputs_stand && results_stand(retried, &spec) {
            let spec = Some(spec);
            Start::Retry { run, spec }
        } else {
            render::say(&format!(
                "the files of {run} have changed: this is a new run, which uses cached results that are still valid"
            ));
            Start::Submit(spec)
        };
        conduct(
            context,
            &found.home,
            &self.means,
            machine,
            opened,
            start,
            feeds,
        )
    }
}
