//! `sunward status [RUN]`: shows the state of a run, and lists the other runs.

use clap::Args;
use serde::Serialize;
use sunward_core::RunStatus;
use sunward_data::Store;
use sunward_state::{Reader, RunRow, is_engaged};

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::machine::{now, shown};
use crate::recorded::{Recorded, last_fact_at};
use crate::render::table::{Table, Tone};
use crate::render::units::{float, seconds};
use crate::render::{self, Page, View};
use crate::restated::restate;
use crate::saved::{CacheSaved, EARLIER_RUNS};
use crate::view::run::tone;
use crate::view::{RunView, of_state, outputs};
use crate::which::{self, Which};

/// The most runs that are listed. With `--json`, all are.
const RUNS_LISTED: usize = 15;

/// Show the state of a run, stage by stage, and list the other runs
#[derive(Args)]
#[command(after_help = "Example:\n  sunward status\n  sunward status r1 --json")]
pub(crate) struct Status {
    /// The run [default: the newest, with a list of all]
    run: Option<String>,
}

/// One line of the list.
#[derive(Debug, Serialize)]
struct RunLine {
    run: String,
    workflow: String,
    path: String,
    status: &'static str,
    submitted: String,
    ended: Option<String>,
    seconds: f64,
}

/// The answer.
#[derive(Serialize)]
struct Standing {
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<Vec<RunLine>>,
    run: RunView,
}

impl View for Standing {
    fn page(&self, page: &mut Page) {
        if let Some(runs) = self.runs.as_ref().filter(|runs| runs.len() > 1) {
            let hidden = runs.len().saturating_sub(RUNS_LISTED);
            let mut table = Table::new(&["run", "status", "workflow", "submitted", ">took"]);
            for line in runs.iter().skip(hidden) {
                table.toned([
                    (line.run.clone(), Tone::Plain),
                    (line.status.to_owned(), tone(line.status)),
                    (line.workflow.clone(), Tone::Plain),
                    (line.submitted.clone(), Tone::Plain),
                    (seconds(line.seconds), Tone::Plain),
                ]);
            }
            if hidden > 0 {
                page.line(
                    page.style
                        .faint(&format!("({hidden} older runs are not listed)")),
                );
            }
            page.table(&table);
            page.gap();
        }
        self.run.page(page);
    }
}

impl Status {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let words: Vec<String> = self.run.iter().cloned().collect();
        let which = Which::parse(&words)?;
        if let Some(stage) = &which.stage {
            return Err(wrong_input(format!(
                "`{stage}` is not a run; runs are written r1, r2, … (`sunward explain {stage}` explains a stage)"
            )));
        }
        let found = which::find(context, which.run)?;
        let mut recorded = Recorded::read(&found.reader, &found.home, found.row.run)?;
        // Only for a run that is named: it may take a while until a provider answers.
        if which.run.is_some() {
            restate(context, &mut recorded)?;
        }
        let store = Store::look(&found.home);
        let run = recorded.run()?;
        let mut view = of_state::view(&recorded, run, outputs::known(run, &store));
        view.ledger.restated = recorded.restated;
        view.ledger.cache_saved =
            CacheSaved::of(&found.reader, &found.home, &recorded, EARLIER_RUNS)?;
        let engaged = is_engaged(&found.home);
        let runs = match which.run {
            Some(_) => None,
            None => {
                let rows = found.reader.runs()?;
                let lines = rows.iter().map(|row| line(&found.reader, row, engaged));
                Some(lines.collect::<anyhow::Result<_>>()?)
            }
        };
        render::answer(context, &Standing { runs, run: view })?;
        Ok(Exit::Done)
    }
}

fn line(reader: &dyn Reader, row: &RunRow, engaged: bool) -> anyhow::Result<RunLine> {
    let status = match row.status {
        RunStatus::Running if !engaged => RunStatus::Interrupted,
        status => status,
    };
    let until = match row.ended {
        Some(ended) => ended,
        None if status == RunStatus::Running => {
            let state = reader.load_run(row.run)?;
            let run = state.run(row.run);
            run.map_or_else(now, |run| run.present(now(), true))
        }
        // Its engine was killed, at a time that nobody recorded.
        None => last_fact_at(reader, row.run)?.unwrap_or(row.submitted),
    };
    Ok(RunLine {
        run: row.run.to_string(),
        workflow: row.workflow.clone(),
        path: row.path.clone(),
        status: of_state::status_word(status),
        submitted: shown(row.submitted),
        ended: row.ended.map(shown),
        seconds: float(until.since_ms(row.submitted)) / 1000.0,
    })
}
