//! `sunward cancel [RUN]`: stops a run for good. It reports success only if no process of the run
//! is running.

use std::path::Path;

use clap::Args;
use serde::Serialize;
use sunward_core::{RunId, RunStatus};
use sunward_state::{Sqlite, StateError, is_engaged, sqlite::request_cancel};
use sunward_worker::LeftRunning;

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

/// The answer.
#[derive(Serialize)]
struct Cancelled {
    run: String,
    done: Done,
    /// Processes of the run that could not be ended.
    running: Vec<LeftRunning>,
}

/// The result of the cancellation.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Done {
    /// The run is cancelled, and none of its processes is running.
    Cancelled,
    /// An engine is running on the state. It was asked to cancel the run.
    Requested,
    /// The run is cancelled, but some of its processes could not be ended.
    StillRunning,
}

impl View for Cancelled {
    fn page(&self, page: &mut Page) {
        page.line(match self.done {
            Done::Requested => format!(
                "{}: the running `sunward` was asked to cancel it; `sunward status` shows when it is done",
                self.run
            ),
            Done::Cancelled => format!("{}: cancelled", self.run),
            Done::StillRunning => format!(
                "{}: cancelled, but these processes of it are still running and could not be ended: {}; end them by hand (kill -9)",
                self.run,
                which::named(&self.running)
            ),
        });
    }
}

impl Cancel {
    /// Asks the running engine to cancel the run. If there is none, writes the fact itself.
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let words: Vec<String> = self.run.iter().cloned().collect();
        let which = Which::parse(&words)?;
        if let Some(stage) = &which.stage {
            return Err(wrong_input(format!(
                "`{stage}` is not a run; runs are written r1, r2, …, and are cancelled whole"
            )));
        }
        // What a killed engine left is ended below, where the answer names what could not be.
        let found = which::find_without_ending(context, which.run)?;
        let run = found.row.run;
        match found.row.status {
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => {
                which::end_leftovers(&found.home);
                return Err(wrong_input(format!(
                    "{run} has already ended ({}); there is nothing to cancel",
                    status_word(found.row.status)
                )));
            }
            RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => {}
        }
        let (done, running) = if is_engaged(&found.home) {
            which::end_leftovers(&found.home);
            request_cancel(&found.home, run, now())?;
            (Done::Requested, Vec::new())
        } else {
            write_fact(&found.home, run)?
        };
        let view = Cancelled {
            run: run.to_string(),
            done,
            running,
        };
        render::answer(context, &view)?;
        Ok(match done {
            Done::Cancelled | Done::Requested => Exit::Done,
            Done::StillRunning => Exit::Infrastructure,
        })
    }
}

/// Cancels the run as the engine of the home, because no other is running. First ends the processes
/// that a killed engine left behind, since nobody else would.
fn write_fact(home: &Path, run: RunId) -> anyhow::Result<(Done, Vec<LeftRunning>)> {
    match Sqlite::open(home) {
        Ok(mut journal) => {
            let left = sunward_worker::sweep(home);
            match sunward_drive::cancel(&mut journal, run, now())? {
                Some(RunStatus::Cancelled) if left.is_empty() => Ok((Done::Cancelled, left)),
                Some(RunStatus::Cancelled) => Ok((Done::StillRunning, left)),
                other => Err(anyhow::anyhow!(
                    "{run} could not be cancelled; it is {}",
                    other.map_or("gone", status_word)
                )),
            }
        }
        // An engine has started in the meantime.
        Err(StateError::Engaged { .. }) => {
            request_cancel(home, run, now())?;
            Ok((Done::Requested, Vec::new()))
        }
        Err(error) => Err(error.into()),
    }
}
