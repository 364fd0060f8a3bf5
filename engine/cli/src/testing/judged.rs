//! Judges a run that ended as expected: what else is wrong with it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value as Json;
use sunward_core::{RunState, StageEnd};
use sunward_data::local_path;
use sunward_files::read_regular;
use sunward_state::{Reader as _, SqliteReader};
use sunward_workflows::{Case, ExpectedOutput};

use super::bench::Bench;
use super::compare::{Content, LARGEST_BYTES, differences};
use super::snapshot;
use super::tables::Table;
use crate::recorded::Recorded;

/// A run, and what is wrong with it.
pub(super) struct Judged<'j> {
    bench: &'j Bench,
    home: PathBuf,
    answer: Json,
    problems: Vec<String>,
    /// Snapshots to write: their paths, and what was found.
    new: Vec<(String, PathBuf)>,
}

impl<'j> Judged<'j> {
    /// A run in this home, with what it answered.
    pub(super) fn new(bench: &'j Bench, home: &Path, answer: Json) -> Self {
        Self {
            bench,
            home: home.to_owned(),
            answer,
            problems: Vec::new(),
            new: Vec::new(),
        }
    }

    /// Adds a problem, with the last lines of what the run said.
    pub(super) fn fail(&mut self, problem: String, said: &str) {
        let lines = said.lines().filter(|line| !line.trim().is_empty());
        let lines: Vec<&str> = lines.collect();
        let few = lines.len().saturating_sub(8);
        let last = lines.get(few..).unwrap_or_default().join("\n");
        self.problems.push(format!("{problem}\n{last}"));
    }

    /// Compares the run with what is expected of it.
    ///
    /// # Errors
    /// Fails if the state of the run cannot be read.
    pub(super) fn run(&mut self, case: &Case, said: &str) -> anyhow::Result<()> {
        for text in case.says.iter().filter(|text| !said.contains(*text)) {
            self.fail(format!("expected a message with `{text}`, found"), said);
        }
        self.at_most("max_kwh", case.max_kwh, "energy_joules", 3.6e6);
        self.at_most("max_gco2e", case.max_gco2e, "gco2e", 1.0);
        if case.skipped.is_empty() && case.ran.is_empty() && case.outputs.is_empty() {
            return Ok(());
        }
        let Some(recorded) = self.recorded()? else {
            self.problems
                .push("the run left no record of its stages and outputs".to_owned());
            return Ok(());
        };
        let run = recorded.run()?;
        for name in &case.skipped {
            self.skipped(run, name);
        }
        for (name, expected) in &case.ran {
            self.ran(run, name, *expected);
        }
        for (name, expected) in &case.outputs {
            self.output(run, name, expected);
        }
        Ok(())
    }

    /// The newest run in the home.
    fn recorded(&self) -> anyhow::Result<Option<Recorded>> {
        let Ok(reader) = SqliteReader::open(&self.home) else {
            return Ok(None);
        };
        let newest = reader.newest_run()?;
        newest
            .map(|row| Recorded::read(&reader, &self.home, row.run))
            .transpose()
    }

    fn skipped(&mut self, run: &RunState, name: &str) {
        let of_output = run.outputs().find(|(output, ..)| *output == name);
        let stages: Vec<_> = match of_output {
            Some((_, stage, _)) => run.stage(stage).into_iter().collect(),
            None => {
                let names = run.spec.workflow.stages_named(name);
                names.iter().filter_map(|name| run.find(name)).collect()
            }
        };
        if stages.is_empty() {
            self.problems.push(format!("there is no {name}"));
        }
        for stage in stages {
            if !matches!(stage.end(), Some(StageEnd::Skipped(_))) {
                let word = stage.status_word();
                self.problems.push(format!(
                    "{name}: expected to be skipped, found the stage {} {word}",
                    stage.name()
                ));
            }
        }
    }

    fn ran(&mut self, run: &RunState, name: &str, expected: u64) {
        let stages = run.spec.workflow.stages_named(name);
        let count = |stage: &&str, key: &str| {
            let place = self.answer.pointer(&format!("/stages/{stage}/{key}"));
            place.and_then(Json::as_u64).unwrap_or(0)
        };
        let ran = |stage: &&str| count(stage, "ran") + count(stage, "failed");
        let found: u64 = stages.iter().map(ran).sum();
        if stages.is_empty() {
            self.problems.push(format!("there is no stage {name}"));
        } else if found != expected {
            self.problems.push(format!(
                "{name}: expected {expected} tasks to run, and {found} did"
            ));
        }
    }

    /// Compares a figure of the ledger, which is divided by `unit`, with its limit.
    fn at_most(&mut self, key: &str, limit: Option<f64>, figure: &str, unit: f64) {
        let Some(limit) = limit else { return };
        let found = self.answer.pointer(&format!("/ledger/{figure}"));
        match found.and_then(Json::as_f64).map(|found| found / unit) {
            Some(found) if found <= limit => {}
            Some(found) => self
                .problems
                .push(format!("{key}: expected at most {limit}, found {found:.6}")),
            None => self.problems.push(format!(
                "{key}: the run has no such figure; give a grid, as in `options: [--grid, ./grid, --zone, DE]`"
            )),
        }
    }

    fn output(&mut self, run: &RunState, name: &str, expected: &ExpectedOutput) {
        let problems = self.of_output(run, name, expected);
        let named = problems.into_iter().map(|one| format!("{name}: {one}"));
        self.problems.extend(named);
    }

    /// A field of an output in the answer.
    fn field(&self, name: &str, key: &str) -> Option<&Json> {
        self.answer.pointer(&format!("/outputs/{name}/{key}"))
    }

    fn of_output(&mut self, run: &RunState, name: &str, expected: &ExpectedOutput) -> Vec<String> {
        let rows = self.field(name, "rows").and_then(Json::as_u64);
        let text_of = |key: &str| self.field(name, key).and_then(Json::as_str);
        let mut problems = Vec::new();
        if let Some(expected) = expected.rows.filter(|expected| rows != Some(*expected)) {
            problems.push(match rows {
                Some(rows) => format!("expected {expected} rows, found {rows}"),
                None => format!("expected {expected} rows, and it is not a table"),
            });
        }
        let digest = text_of("digest").unwrap_or_default();
        let wanted = expected.digest.as_deref();
        if let Some(expected) = wanted.filter(|expected| *expected != digest) {
            problems.push(format!("expected the digest {expected}, found {digest}"));
        }
        let compared = [&expected.text, &expected.equals, &expected.snapshot];
        if compared.iter().all(|one| one.is_none()) {
            return problems;
        }
        let path = text_of("path").and_then(|path| local_path(path).ok());
        let Some(found) = path else {
            let why = text_of("note").unwrap_or("its stage did not succeed");
            problems.push(format!("the run did not write it: {why}"));
            return problems;
        };
        if let Some(expected) = &expected.text {
            problems.extend(other_text(&found, expected));
        }
        if expected.equals.is_some() || expected.snapshot.is_some() {
            let table = rows.map(|_| Table::of_run(run, &self.home, name));
            problems.extend(match table.transpose() {
                Ok(table) => self.compared(expected, &found, table.as_ref()),
                Err(error) => vec![format!("the output cannot be read as a table: {error:#}")],
            });
        }
        problems
    }

    /// Compares an output with the files that it must equal.
    fn compared(
        &mut self,
        expected: &ExpectedOutput,
        path: &Path,
        table: Option<&Table>,
    ) -> Vec<String> {
        let tolerance = expected.tolerance;
        let content = Content {
            path,
            table,
            tolerance,
        };
        let equals = expected.equals.iter();
        let mut problems: Vec<String> = equals
            .flat_map(|path| differences(&self.bench.folder.join(path), path, &content))
            .collect();
        if let Some(path) = &expected.snapshot {
            problems.extend(self.snapshot(path, &content));
        }
        problems
    }

    /// Compares an output with its snapshot. With `--update`, a difference is noted for later.
    fn snapshot(&mut self, path: &str, found: &Content<'_>) -> Vec<String> {
        let whole = self.bench.folder.join(path);
        let exists = whole.symlink_metadata().is_ok();
        if !exists && !self.bench.update {
            return vec![format!(
                "the snapshot {path} does not exist; `sunward test --update` writes it"
            )];
        }
        let problems = match exists {
            true => differences(&whole, path, found),
            false => Vec::new(),
        };
        if !self.bench.update || exists && problems.is_empty() {
            return problems;
        }
        match snapshot::refusal(&self.bench.folder, path, found.path) {
            Some(why) => vec![why],
            None => {
                self.new.push((path.to_owned(), found.path.to_owned()));
                Vec::new()
            }
        }
    }

    /// Writes the snapshots of a test that has no problem. Returns the problems, and what was written.
    ///
    /// # Errors
    /// Fails if a snapshot cannot be written.
    pub(super) fn finish(mut self) -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let mut written = Vec::new();
        if !self.problems.is_empty() {
            let unwritten = self.new.iter();
            self.problems.extend(unwritten.map(|(path, _)| {
                format!("the snapshot {path} was not written, because the test fails")
            }));
            return Ok((self.problems, written));
        }
        for (path, found) in self.new {
            snapshot::write(&self.bench.folder.join(&path), &found)
                .with_context(|| format!("the snapshot {path} cannot be written"))?;
            written.push(path);
        }
        Ok((Vec::new(), written))
    }
}

/// How the text of a file differs from what is expected.
fn other_text(found: &Path, expected: &str) -> Option<String> {
    if found.is_dir() {
        return Some("expected a text, and it is a folder".to_owned());
    }
    match read_regular(found, LARGEST_BYTES) {
        Ok(text) if text == expected.as_bytes() => None,
        Ok(text) => {
            let text = String::from_utf8_lossy(&text);
            let most = 2000;
            let shown: String = text.chars().take(most).collect();
            Some(format!("expected the text {expected:?}, found {shown:?}"))
        }
        Err(error) => Some(format!("expected a text, and it cannot be read: {error}")),
    }
}
