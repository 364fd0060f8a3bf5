//! `sunward report [RUN] --out F`: writes a report of a run on one page, for people or as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use sunward_core::{FailureKind, Timestamp};
use sunward_data::Store;

use crate::attempts::{Attempt, History};
use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::graph::GraphView;
use crate::machine::{now, shown};
use crate::out_folder;
use crate::recorded::{self, Recorded};
use crate::render::{self, Page, View};
use crate::report::entries::Entries;
use crate::report::{
    ATTEMPTS_LISTED, AttemptView, FAILURES_LISTED, FailureView, Report as Contents, html, pictures,
    timeline,
};
use crate::restated::restate;
use crate::saved::{CacheSaved, EARLIER_RUNS};
use crate::view::{of_state, outputs};
use crate::which::{self, Which};

/// Write a report of a run on one page: graph, timeline, pictures, attempts, failures, ledger
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward report\n  sunward report r1 --out results/report.html\n  sunward report r1 --out report.json\n  sunward report r1 --ledger\n\nThe HTML file is self-contained: it needs no network and no scripts."
)]
pub(crate) struct Report {
    /// The run [default: the newest]
    run: Option<String>,
    /// The file to write: JSON if its name ends in .json, else HTML [default: report-RUN.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the rows behind the ledger instead: energy, intensity and emissions of each attempt and
    /// quarter of an hour
    #[arg(long, conflicts_with = "out")]
    ledger: bool,
}

/// The answer: where the report is.
#[derive(Serialize)]
struct Written {
    run: String,
    path: String,
}

impl View for Written {
    fn page(&self, page: &mut Page) {
        page.line(format!("the report of {} is in {}", self.run, self.path));
    }
}

impl Report {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let words: Vec<String> = self.run.iter().cloned().collect();
        let which = Which::parse(&words)?;
        if let Some(stage) = &which.stage {
            return Err(wrong_input(format!(
                "`{stage}` is not a run; runs are written r1, r2, …"
            )));
        }
        let found = which::find(context, which.run)?;
        let mut recorded = Recorded::read(&found.reader, &found.home, found.row.run)?;
        restate(context, &mut recorded)?;
        let store = Store::look(&found.home);
        let history = recorded::history(&found.reader, found.row.run)?;
        if self.ledger {
            render::answer(context, &Entries::of(&recorded, &history.attempts)?)?;
            return Ok(Exit::Done);
        }
        let mut contents = contents(&recorded, &history, &store)?;
        contents.run.ledger.restated = recorded.restated;
        contents.run.ledger.cache_saved =
            CacheSaved::of(&found.reader, &found.home, &recorded, EARLIER_RUNS)?;
        if self.out.is_none() && context.json {
            render::machine(&contents)?;
            return Ok(Exit::Done);
        }
        let usual = PathBuf::from(format!("report-{}.html", found.row.run));
        let out = self.out.as_ref().unwrap_or(&usual);
        let path = context.folder.join(out);
        out_folder::refuse_file(&path, &recorded.run()?.spec, &found.home)?;
        let text = if out.extension().is_some_and(|ext| ext == "json") {
            serde_json::to_string_pretty(&contents)?
        } else {
            html::render(&contents)
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| {
                wrong_input(format!(
                    "{} cannot be created: {error}",
                    sunward_files::shown(folder)
                ))
            })?;
        }
        fs::write(&path, text).map_err(|error| {
            wrong_input(format!(
                "{} cannot be written: {error}",
                sunward_files::shown(out)
            ))
        })?;
        let view = Written {
            run: found.row.run.to_string(),
            path: sunward_files::as_value(out),
        };
        render::answer(context, &view)?;
        Ok(Exit::Done)
    }
}

fn contents(recorded: &Recorded, history: &History, store: &Store) -> anyhow::Result<Contents> {
    let run = recorded.run()?;
    let names: Vec<String> = run.stages().map(|stage| stage.name().to_owned()).collect();
    let mut graph = GraphView::of(&run.spec.workflow);
    for node in &mut graph.nodes {
        node.status = run
            .find(&node.name)
            .map(|stage| stage.status_word().to_owned());
        if let Some(count) = run.find(&node.name).and_then(|stage| stage.task_count()) {
            node.tasks = render::units::plural(u64::from(count), "task");
        }
    }
    let attempts = &history.attempts;
    let mut failures: Vec<FailureView> = attempts
        .iter()
        .rev()
        .filter_map(|attempt| failure(attempt, &names))
        .collect();
    for stage in run.stages() {
        if let Some(failure) = stage.unresolvable() {
            failures.push(FailureView {
                task: stage.name().to_owned(),
                attempt: 0,
                message: failure.message.clone(),
                log: failure.log_tail.clone(),
                tried_again: false,
            });
        }
    }
    let failures_total = failures.len();
    failures.truncate(FAILURES_LISTED);
    Ok(Contents {
        version: 1,
        run: of_state::view(recorded, run, outputs::known(run, store)),
        entries: Entries::of(recorded, attempts)?,
        graph,
        gallery: pictures::of_run(run, store),
        timeline: timeline::of(history, &names),
        attempts: slowest(attempts, &names),
        attempts_total: attempts.len(),
        failures,
        failures_total,
        warnings: history
            .remarks
            .iter()
            .map(|(_, remark)| remark.clone())
            .collect(),
        source: run.spec.source.clone(),
        environment: environment(),
    })
}

fn slowest(attempts: &[Attempt], names: &[String]) -> Vec<AttemptView> {
    let mut order: Vec<&Attempt> = attempts.iter().collect();
    order.sort_by_key(|attempt| {
        (
            std::cmp::Reverse(attempt.wall_us),
            attempt.stage,
            attempt.index,
            attempt.generation,
        )
    });
    order.truncate(ATTEMPTS_LISTED);
    order
        .into_iter()
        .map(|attempt| {
            let (energy_joules, energy_source) = of_state::joules(attempt.energy);
            AttemptView {
                task: task(attempt, names),
                attempt: attempt.generation,
                started: shown(Timestamp(attempt.started_ms)),
                wall_seconds: attempt.wall_seconds(),
                cpu_seconds: attempt.cpu_seconds(),
                energy_joules,
                energy_source,
                ran_on: attempt.ran_on.clone(),
                outcome: timeline::outcome(&attempt.end),
            }
        })
        .collect()
}

fn failure(attempt: &Attempt, names: &[String]) -> Option<FailureView> {
    let (failure, tried_again) = attempt.failure()?;
    // A task that made way did not fail.
    if failure.kind == FailureKind::Preempted {
        return None;
    }
    Some(FailureView {
        task: task(attempt, names),
        attempt: attempt.generation,
        message: failure.message.clone(),
        log: failure.log_tail.clone(),
        tried_again,
    })
}

fn task(attempt: &Attempt, names: &[String]) -> String {
    let name = names.get(attempt.stage.place()).map_or("?", String::as_str);
    format!("{name}/{}", attempt.index)
}

/// The version, system and time with which the report is written. The machines of tasks are in
/// their logs.
fn environment() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("sunward", env!("CARGO_PKG_VERSION").to_owned()),
        (
            "system",
            format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        ),
        ("written", shown(now())),
    ])
}
