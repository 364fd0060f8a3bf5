//! Runs one test after the other.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value as Json;
use sunward_workflows::{Case, Value};

use super::inner::{self, End, Stop};
use super::judged::Judged;
use super::outcome::Outcome;
use super::scratch::{self, Scratch};
use crate::verbs::run::Run;
use crate::which;

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
    /// Deletes what tests left that were killed.
    pub(crate) fn sweep(&self) {
        scratch::sweep(&which::end_leftovers);
    }

    /// Runs one test. `None` if it was stopped on request.
    ///
    /// # Errors
    /// Fails if the run cannot be started, or a temporary folder or a snapshot cannot be written.
    pub(crate) fn test(&self, case: &Case, stop: &mut Stop) -> anyhow::Result<Option<Outcome>> {
        let began = Instant::now();
        let scratch = Scratch::create().context("a temporary folder cannot be created")?;
        let program = std::env::current_exe().context("the program cannot be found")?;
        let mut command = Command::new(program);
        command
            .args(arguments(
                &self.workflow,
                case,
                &scratch.home(),
                &scratch.out(),
            ))
            .current_dir(&self.folder)
            .env("SUNWARD_CONFIG", scratch.settings())
            .env_remove("SUNWARD_HOME");
        let limit = case.timeout_ms.map(Duration::from_millis);
        let ended = inner::run(command, limit, stop).context("the run cannot be started")?;
        let said = String::from_utf8_lossy(&ended.stderr);
        let exit = match ended.end {
            End::Stopped => return Ok(None),
            End::TooLate => None,
            End::Itself(status) => Some(status.code()),
        };
        let answer: Json = serde_json::from_slice(&ended.stdout).unwrap_or_default();
        let mut judged = Judged::new(self, &scratch.home(), answer);
        match exit {
            Some(Some(code)) if i64::from(code) == case.exit => judged.run(case, &said)?,
            Some(code) => {
                let code = code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
                judged.fail(format!("expected exit {}, found {code}", case.exit), &said);
            }
            None => {
                let seconds = limit.unwrap_or_default().as_secs_f64();
                judged.fail(
                    format!("it took longer than its timeout of {seconds} s"),
                    &said,
                );
            }
        }
        let (problems, written) = judged.finish()?;
        Ok(Some(Outcome {
            name: case.name.clone(),
            passed: problems.is_empty(),
            problems,
            written,
            seconds: began.elapsed().as_secs_f64(),
        }))
    }
}

/// What is wrong with the options of a test, in the words of the command line. `None` if nothing is.
pub(super) fn wrong_options(workflow: &Path, case: &Case) -> Option<String> {
    let folder = Path::new("x");
    let words = arguments(workflow, case, folder, folder);
    Run::refused_arguments(words.into_iter().skip(1))
}

/// The command line of a test's run.
fn arguments(workflow: &Path, case: &Case, home: &Path, out: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["run".into(), workflow.into(), "--json".into()];
    words.extend(["--home".into(), home.into(), "--out".into(), out.into()]);
    words.extend(["--format".into(), "csv".into()]);
    words.extend(["--leashed".into(), "--no-notify".into()]);
    // Waiting for a better hour is not what a test is for, unless it has a clock that runs fast.
    let has = |option: &str| case.options.iter().any(|word| word.starts_with(option));
    if !has("--now") && !has("--clock-scale") {
        words.push("--now".into());
    }
    for (name, value) in &case.params {
        words.extend(["-p".into(), format!("{name}={}", argument(value)).into()]);
    }
    words.extend(case.options.iter().map(OsString::from));
    words
}

/// A value as an argument of `-p`.
fn argument(value: &Value) -> String {
    match value {
        Value::List(_) | Value::Map(_) => value.to_json().to_string(),
        _ => value.to_text(),
    }
}
