//! `sunward cancel [RUN]`: stops a run for good.

use std::path::Path;

use clap::Args;
use serde::Serialize;
use sunward_core::{RunId, RunStatus};
use sunward_state::{Sqlite, StateError, is_engaged, sqlite::request_cancel};

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::machine::now;
use crate::render::{self, Page, View};
use crate::view::of_state::status_word;
use crate::which::{self, Which};

/// Cancel a run; finished results stay in the cache
#[derive(Args)]
#[command(after_help = "Example:\n  sunward cancel")]
pub(crate) struct Cancel {
    /// The run [default: the newest]
    run: Option<String>,
}

/// What was done.
#[derive(Serialize)]
struct Cancelled {
    run: String,
    /// `requested` when an engine is at work on the state, which will cancel it; else `cancelled`.
    done: &'static str,
}

impl View for Cancelled {
    fn page(&self, page: &mut Page) {
        page.line(match self.done {
            "requested" => format!("{}: its engine was asked to cancel it", self.run),
            _ => format!("{}: cancelled", self.run),
        });
    }
}

impl Cancel {
    /// Asks the engine at work, or writes the fact when none is.
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let words: Vec<String> = self.run.iter().cloned().collect();
        let which = Which::parse(&words)?;
        if let Some(stage) = &which.stage {
            return Err(wrong_input(format!(
                "'{stage}' is not a run; runs are written r1, r2, …, and are cancelled whole"
            )));
        }
        let found = which::find(context, which.run)?;
        let run = found.row.run;
        match found.row.status {
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => {
                return Err(wrong_input(format!(
                    "{run} has already ended ({}); there is nothing to cancel",
                    status_word(found.row.status)
                )));
            }
            RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => {}
        }
        let done = if is_engaged(&found.home) {
            request_cancel(&found.home, run, now())?;
            "requested"
        } else {
            write_fact(&found.home, run)?
        };
        let run = run.to_string();
        render::answer(context, &Cancelled { run, done })?;
        Ok(Exit::Done)
    }
}

/// No engine is at work: this process is it for a moment.
fn write_fact(home: &Path, run: RunId) -> anyhow::Result<&'static str> {
    match Sqlite::open(home) {
        Ok(mut journal) => match sunward_drive::cancel(&mut journal, run, now())? {
            Some(RunStatus::Cancelled) => Ok("cancelled"),
            other => Err(anyhow::anyhow!(
                "{run} could not be cancelled; it is {}",
                other.map_or("gone", status_word)
            )),
        },
        // An engine came up in between.
        Err(StateError::Engaged { .. }) => {
            request_cancel(home, run, now())?;
            Ok("requested")
        }
        Err(error) => Err(error.into()),
    }
}
