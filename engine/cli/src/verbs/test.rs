//! `sunward test FILE`: runs a workflow with given parameters, and compares what it gives with what is
//! expected.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use sunward_workflows::{Case, render_human, to_json};

use crate::context::Context;
use crate::exit::{Exit, SaidAlready, wrong_input};
use crate::render::style::harmless;
use crate::render::units::{plural, seconds};
use crate::render::{self, Page, View};
use crate::signals;
use crate::testing::{Bench, Outcome, Stop, TestFile, junit};

/// Run the tests of a workflow, which are in NAME.test.yaml beside NAME.yaml
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward test workflow.yaml\n  sunward test workflow.yaml --junit results.xml"
)]
pub(crate) struct Test {
    /// The workflow, or its test file
    file: PathBuf,
    /// Run only tests whose name contains this text; may be given more than once
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Write the snapshots that differ or do not exist, of tests that have no other problem
    #[arg(long)]
    update: bool,
    /// Also write the results to a file, in the form of JUnit
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// The answer.
#[derive(Serialize)]
struct Results {
    /// The test file.
    file: String,
    tests: Vec<Outcome>,
    /// Tests that did not run, because the user stopped them.
    stopped: usize,
}

impl View for Results {
    /// The last line. The results were shown when the tests ended.
    fn page(&self, page: &mut Page) {
        let failed = self.tests.iter().filter(|test| !test.passed).count();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let all = plural(count(self.tests.len()), "test");
        let stopped = match self.stopped {
            0 => String::new(),
            stopped => format!(", {stopped} stopped"),
        };
        page.line(format!("{all}, {failed} failed{stopped}"));
    }
}

/// Shows the result of one test to people.
fn show(context: &Context, test: &Outcome) -> anyhow::Result<()> {
    if context.json {
        return Ok(());
    }
    let mut page = Page::new(context.out_style);
    let word = match test.passed {
        true => page.style.good("pass"),
        false => page.style.bad("fail"),
    };
    let name = harmless(&test.name);
    page.line(format!("{word}  {name}  {}", seconds(test.seconds)));
    for problem in &test.problems {
        page.indented(6, &harmless(problem));
    }
    for path in &test.written {
        page.line(format!("      wrote {}", harmless(path)));
    }
    render::raw(page.finish().as_bytes())
}

impl Test {
    /// Runs the tests one after the other.
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let file = TestFile::read(context, &self.file)?;
        let shown = file.shown.clone();
        let (workflow, cases) = (file.workflow.clone(), cases_of(context, file)?);
        let chosen = self.chosen(&shown, &cases)?;
        let junit = self.junit.as_deref().map(|file| context.folder.join(file));
        if let Some(file) = &junit {
            writable(file)?;
        }
        let folder = workflow.parent().unwrap_or_else(|| Path::new("/"));
        let bench = Bench {
            folder: folder.to_owned(),
            workflow,
            update: self.update,
        };
        let mut stop = Stop::new();
        signals::each(stop.requests())?;
        bench.sweep();
        let mut tests = Vec::with_capacity(chosen.len());
        for case in &chosen {
            if stop.is_requested() {
                break;
            }
            let Some(test) = bench.test(case, &mut stop)? else {
                break;
            };
            show(context, &test)?;
            tests.push(test);
        }
        let stopped = chosen.len() - tests.len();
        let passed = tests.iter().all(|test| test.passed);
        let xml = junit::render(&shown, &tests);
        let results = Results {
            file: shown,
            tests,
            stopped,
        };
        render::answer(context, &results)?;
        if let Some(file) = &junit {
            std::fs::write(file, xml)
                .with_context(|| format!("{} cannot be written", sunward_files::shown(file)))?;
        }
        Ok(match (stopped, passed) {
            (0, true) => Exit::Done,
            (0, false) => Exit::RunFailed,
            _ => Exit::Interrupted,
        })
    }

    /// The tests that `--only` names; all without it.
    fn chosen<'c>(&self, shown: &str, cases: &'c [Case]) -> anyhow::Result<Vec<&'c Case>> {
        let is_meant = |case: &&Case| {
            let mut texts = self.only.iter();
            self.only.is_empty() || texts.any(|text| case.name.contains(text.as_str()))
        };
        let chosen: Vec<&Case> = cases.iter().filter(is_meant).collect();
        if !chosen.is_empty() {
            return Ok(chosen);
        }
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        Err(wrong_input(format!(
            "{shown} has no such test; its tests are: {}",
            names.join("; ")
        )))
    }
}

/// The tests of a file. Tells what is wrong with it.
fn cases_of(context: &Context, file: TestFile) -> anyhow::Result<Vec<Case>> {
    let TestFile {
        shown,
        text,
        checked,
        ..
    } = file;
    checked.map_err(|found| {
        let color = context.err_style.is_coloured();
        render::say(&render_human(&shown, &text, &found, color));
        if context.json
            && let Err(error) = render::machine(&to_json(&shown, &text, &found))
        {
            return error;
        }
        anyhow::Error::new(SaidAlready(Exit::WrongInput))
    })
}

/// Refuses a file that cannot be written, before tests take their time.
fn writable(file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or_else(|| Path::new("/"));
    let shown = sunward_files::shown(file);
    if !folder.is_dir() {
        return Err(wrong_input(format!(
            "--junit: {shown} cannot be written, because its folder does not exist; create it first"
        )));
    }
    if file.is_dir() {
        return Err(wrong_input(format!(
            "--junit: {shown} is a folder; expected a file, such as results.xml"
        )));
    }
    Ok(())
}
