//! `sunward test FILE`: runs a workflow with given parameters, and compares what it gives with what is
//! expected.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use sunward_workflows::{Case, check_cases, render_human, to_json};

use crate::context::Context;
use crate::exit::{Exit, SaidAlready, wrong_input};
use crate::render::style::harmless;
use crate::render::units::{plural, seconds};
use crate::render::{self, Page, View};
use crate::testing::{Bench, Tested, junit};

/// Run the tests of a workflow, which are in NAME.test.yaml beside NAME.yaml
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward test workflow.yaml\n  sunward test workflow.yaml --junit results.xml"
)]
pub(crate) struct Test {
    /// The workflow
    file: PathBuf,
    /// Run only tests whose name contains this text; may be given more than once
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Write the snapshots that differ or do not exist
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
    tests: Vec<Tested>,
}

impl View for Results {
    fn page(&self, page: &mut Page) {
        for test in &self.tests {
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
        }
        let failed = self.tests.iter().filter(|test| !test.passed).count();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let all = plural(count(self.tests.len()), "test");
        page.line(format!("{all}, {failed} failed"));
    }
}

impl Test {
    /// Runs the tests one after the other.
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let workflow = context.folder.join(&self.file);
        if !workflow.is_file() {
            return Err(wrong_input(format!(
                "{} is not a file; expected a workflow's YAML file",
                sunward_files::shown(&self.file)
            )));
        }
        let path = beside(&self.file);
        let shown = sunward_files::shown(&path);
        let cases = read(context, &context.folder.join(&path), &shown)?;
        let is_meant = |case: &&Case| {
            let mut texts = self.only.iter();
            self.only.is_empty() || texts.any(|text| case.name.contains(text.as_str()))
        };
        let chosen: Vec<&Case> = cases.iter().filter(is_meant).collect();
        if chosen.is_empty() {
            let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
            return Err(wrong_input(format!(
                "{shown} has no such test; its tests are: {}",
                names.join("; ")
            )));
        }
        let folder = workflow.parent().unwrap_or_else(|| Path::new("/"));
        let bench = Bench {
            folder: folder.to_owned(),
            workflow,
            update: self.update,
        };
        let mut tests = Vec::with_capacity(chosen.len());
        for case in chosen {
            tests.push(bench.test(case)?);
        }
        if let Some(file) = &self.junit {
            let text = junit::render(&shown, &tests);
            std::fs::write(context.folder.join(file), text)
                .with_context(|| format!("{} cannot be written", sunward_files::shown(file)))?;
        }
        let passed = tests.iter().all(|test| test.passed);
        render::answer(context, &Results { file: shown, tests })?;
        Ok(match passed {
            true => Exit::Done,
            false => Exit::RunFailed,
        })
    }
}

/// The test file of a workflow: `workflow.test.yaml` for `workflow.yaml`.
fn beside(workflow: &Path) -> PathBuf {
    let stem = workflow.file_stem().unwrap_or_default();
    let mut name = stem.to_owned();
    name.push(".test.yaml");
    workflow.with_file_name(name)
}

fn read(context: &Context, path: &Path, shown: &str) -> anyhow::Result<Vec<Case>> {
    let text = sunward_files::read_text(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => wrong_input(format!(
            "{shown} does not exist; write the tests there (`sunward docs testing` shows how)"
        )),
        _ => wrong_input(format!("{shown} cannot be read: {error}")),
    })?;
    check_cases(&text).map_err(|found| {
        let color = context.err_style.is_coloured();
        render::say(&render_human(shown, &text, &found, color));
        if context.json
            && let Err(error) = render::machine(&to_json(shown, &text, &found))
        {
            return error;
        }
        anyhow::Error::new(SaidAlready(Exit::WrongInput))
    })
}
