//! Runs the tests of a workflow: each is a run of its own, as a user would start it, with an empty
//! cache.

mod compare;
pub(crate) mod junit;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value as Json;
use sunward_files::read_regular;
use sunward_workflows::{Case, ExpectedOutput, Value};

use compare::{Differences, LARGEST_BYTES, differences};

/// The result of one test.
#[derive(Debug, Serialize)]
pub(crate) struct Tested {
    pub(crate) name: String,
    pub(crate) passed: bool,
    /// What was not as expected.
    pub(crate) problems: Vec<String>,
    /// Snapshots that were written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) written: Vec<String>,
    pub(crate) seconds: f64,
}

/// Where tests are, and how they are run.
pub(crate) struct Bench {
    /// The workflow.
    pub(crate) workflow: PathBuf,
    /// The folder of the test file, to which its paths are relative.
    pub(crate) folder: PathBuf,
    /// Whether snapshots are written.
    pub(crate) update: bool,
}

impl Bench {
    /// Runs one test.
    ///
    /// # Errors
    /// Fails if the run cannot be started, or a temporary folder or a snapshot cannot be written.
    pub(crate) fn test(&self, case: &Case) -> anyhow::Result<Tested> {
        let began = Instant::now();
        let scratch = tempfile::tempdir().context("a temporary folder cannot be created")?;
        let out = scratch.path().join("out");
        let program = std::env::current_exe().context("the program cannot be found")?;
        let mut command = Command::new(program);
        command
            .arg("run")
            .arg(&self.workflow)
            .arg("--json")
            .arg("--home")
            .arg(scratch.path().join("home"))
            .arg("--out")
            .arg(&out)
            .args(["--format", "csv"])
            .current_dir(&self.folder);
        for (name, value) in &case.params {
            command.arg("-p").arg(format!("{name}={}", argument(value)));
        }
        command.args(&case.options);
        let output = command.output().context("the run cannot be started")?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer: Json = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let mut judged = Judged {
            bench: self,
            out: &out,
            answer: &answer,
            problems: Vec::new(),
            written: Vec::new(),
        };
        let exit = output.status.code();
        if exit.map(i64::from) == Some(case.exit) {
            judged.run(case, &said)?;
        } else {
            let exit = exit.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
            let last = last_words(&said);
            judged
                .problems
                .push(format!("expected exit {}, found {exit}\n{last}", case.exit));
        }
        Ok(Tested {
            name: case.name.clone(),
            passed: judged.problems.is_empty(),
            problems: judged.problems,
            written: judged.written,
            seconds: began.elapsed().as_secs_f64(),
        })
    }
}

/// A value as an argument of `-p`.
fn argument(value: &Value) -> String {
    match value {
        Value::List(_) | Value::Map(_) => value.to_json().to_string(),
        _ => value.to_text(),
    }
}

/// The last lines of what a run said.
fn last_words(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let few = lines.len().saturating_sub(8);
    lines.get(few..).unwrap_or_default().join("\n")
}

/// A run that ended as expected, and what else is wrong with it.
struct Judged<'j> {
    bench: &'j Bench,
    out: &'j Path,
    answer: &'j Json,
    problems: Vec<String>,
    written: Vec<String>,
}

impl Judged<'_> {
    fn run(&mut self, case: &Case, said: &str) -> anyhow::Result<()> {
        for text in case.says.iter().filter(|text| !said.contains(*text)) {
            let last = last_words(said);
            let problem = format!("expected a message with `{text}`, found\n{last}");
            self.problems.push(problem);
        }
        for name in &case.skipped {
            if self.find(name).is_some() {
                let problem = format!("{name}: the run has it, and it was expected to be skipped");
                self.problems.push(problem);
            }
        }
        for (stage, expected) in &case.ran {
            let ran = self.answer.pointer(&format!("/stages/{stage}/ran"));
            match ran.and_then(Json::as_u64) {
                Some(ran) if ran == *expected => {}
                Some(ran) => self.problems.push(format!(
                    "{stage}: expected {expected} tasks to run, and {ran} did"
                )),
                None => self.problems.push(format!("there is no stage {stage}")),
            }
        }
        self.at_most("max_kwh", case.max_kwh, "energy_joules", 3.6e6);
        self.at_most("max_gco2e", case.max_gco2e, "gco2e", 1.0);
        for (name, expected) in &case.outputs {
            self.output(name, expected)?;
        }
        Ok(())
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

    /// The file or folder that the run wrote for an output.
    fn find(&self, name: &str) -> Option<PathBuf> {
        let entries = self.out.read_dir().ok()?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut ours = names.filter(|file| file.split('.').next() == Some(name));
        ours.next().map(|file| self.out.join(file))
    }

    fn output(&mut self, name: &str, expected: &ExpectedOutput) -> anyhow::Result<()> {
        let Some(found) = self.find(name) else {
            let outputs = self.answer.get("outputs").and_then(Json::as_object);
            let names: Vec<&str> = outputs
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .collect();
            self.problems.push(match names.contains(&name) {
                true => format!("{name}: the run did not write it"),
                false => format!(
                    "there is no output {name}; the outputs are {}",
                    names.join(", ")
                ),
            });
            return Ok(());
        };
        let of = |key: &str| self.answer.pointer(&format!("/outputs/{name}/{key}"));
        let rows = of("rows").and_then(Json::as_u64);
        let digest = of("digest").and_then(Json::as_str).unwrap_or_default();
        let is_table = rows.is_some();
        let mut problems = Vec::new();
        if let Some(expected) = expected.rows.filter(|expected| rows != Some(*expected)) {
            problems.push(match rows {
                Some(rows) => format!("expected {expected} rows, found {rows}"),
                None => format!("expected {expected} rows, and it is not a table"),
            });
        }
        if let Some(expected) = expected
            .digest
            .as_deref()
            .filter(|expected| *expected != digest)
        {
            problems.push(format!("expected the digest {expected}, found {digest}"));
        }
        if let Some(expected) = &expected.text {
            let text = read_regular(&found, LARGEST_BYTES).unwrap_or_default();
            if text != expected.as_bytes() {
                let text = String::from_utf8_lossy(&text);
                problems.push(format!("expected the text {expected:?}, found {text:?}"));
            }
        }
        let compared = Differences {
            tolerance: expected.tolerance,
            is_table,
        };
        if let Some(path) = &expected.equals {
            let whole = self.bench.folder.join(path);
            problems.extend(differences(&whole, path, &found, &compared));
        }
        if let Some(path) = &expected.snapshot {
            problems.extend(self.snapshot(path, &found, &compared)?);
        }
        self.problems.extend(
            problems
                .into_iter()
                .map(|problem| format!("{name}: {problem}")),
        );
        Ok(())
    }

    fn snapshot(
        &mut self,
        path: &str,
        found: &Path,
        compared: &Differences,
    ) -> anyhow::Result<Vec<String>> {
        let whole = self.bench.folder.join(path);
        if !whole.exists() && !self.bench.update {
            return Ok(vec![format!(
                "the snapshot {path} does not exist; `sunward test --update` writes it"
            )]);
        }
        let problems = match whole.exists() {
            true => differences(&whole, path, found, compared),
            false => vec!["new".to_owned()],
        };
        if problems.is_empty() || !self.bench.update {
            return Ok(problems);
        }
        compare::replace(&whole, found)
            .with_context(|| format!("the snapshot {path} cannot be written"))?;
        self.written.push(path.to_owned());
        Ok(Vec::new())
    }
}
