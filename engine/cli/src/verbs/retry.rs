//! `sunward retry [RUN]`: runs again what failed or was skipped.

use std::sync::Arc;

use clap::Args;
use sunward_core::RunStatus;
use sunward_drive::Start;
use sunward_state::{Reader, Sqlite};

use crate::conduct::{Means, conduct};
use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::grid_args::{Over, go_on};
use crate::machine::Machine;
use crate::settings::Settings;
use crate::which::{self, Which};

/// Run again what failed, was skipped or was cancelled in a finished run
#[derive(Args)]
#[command(after_help = "Example:\n  sunward retry")]
pub(crate) struct Retry {
    /// Which run; the newest when not named
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
                "'{stage}' is no run; runs are written r1, r2, …, and are retried whole"
            )));
        }
        let found = which::find(context, which.run)?;
        let run = found.row.run;
        match found.row.status {
            RunStatus::Failed | RunStatus::Cancelled => {}
            RunStatus::Succeeded => {
                return Err(wrong_input(format!(
                    "{run} succeeded: nothing failed that could run again; sunward run FILE --fresh runs anew"
                )));
            }
            RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => {
                return Err(wrong_input(format!(
                    "{run} is not finished; sunward run {} goes on with it",
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
        let machine = Machine::find(self.means.jobs)
            .with_gpus_for(&retried.spec.workflow, self.means.device)
            .drawing(&settings);
        let over = Over::Here(machine);
        let grid = &self.means.grid;
        let mut spec = grid.placed(context, &settings, &retried.spec, self.means.wishes)?;
        let feeds = grid.feeds_of(context, &settings, over, &spec)?;
        let feeds = feeds.map(|feeds| feeds.not_before(retried)).transpose()?;
        go_on(&mut spec, retried);
        let spec = Arc::new(spec);
        let journal = Sqlite::open(&found.home)?;
        conduct(
            context,
            &found.home,
            &self.means,
            machine,
            journal,
            Start::Retry {
                run,
                spec: Some(spec),
            },
            feeds,
        )
    }
}
