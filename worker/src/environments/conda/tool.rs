//! The programs that resolve and install packages of conda.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use sunward_core::FailureKind;

use crate::environments::error::EnvironmentError;
use crate::environments::found::{Found, found};
use crate::environments::runner::Outcome;
use crate::environments::site::Site;
use crate::host::{Host, find_program};

/// The variable that names the tool to use.
const CHOICE: &str = "SUNWARD_CONDA";

/// How a tool is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// micromamba and mamba: `create`, with whole records in the answer.
    Mamba,
    /// conda: `create`, with whole records only of what is not downloaded yet.
    Conda,
    /// pixi: a workspace with a lock.
    Pixi,
}

/// A tool of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) family: Family,
    pub(super) program: PathBuf,
}

/// The tools, the preferred one first.
const TOOLS: &[(&str, Family)] = &[
    ("micromamba", Family::Mamba),
    ("mamba", Family::Mamba),
    ("conda", Family::Conda),
    ("pixi", Family::Pixi),
];

/// Variables of the host that would make a tool resolve for another platform, or start with other
/// modules.
const MISLEADING: &[&str] = &["CONDA_SUBDIR", "PYTHONPATH", "PYTHONHOME"];

/// Text with which the tools report a failed connection.
const NETWORK: &[&str] = &[
    "Could not resolve host",
    "Could not connect",
    "Couldn't connect",
    "Connection refused",
    "Connection reset",
    "Connection failed",
    "CONNECTION FAILED",
    "CondaHTTPError",
    "CondaSSLError",
    "ProxyError",
    "Operation timed out",
    "operation timed out",
    "error sending request",
    "dns error",
    "tcp connect error",
    "Network is unreachable",
    "Temporary failure in name resolution",
];

/// Text with which the tools report an archive whose bytes differ from the requested digest.
const OTHER_BYTES: &[&str] = &[
    "ChecksumMismatch",
    "mismatch between the expected",
    "sum doesn't match",
    "hash mismatch",
    "Hash mismatch",
];

/// All tools on the `PATH`, the preferred one first.
#[must_use]
pub fn found_conda_tools(host: &Host) -> Vec<Found> {
    found(host, TOOLS.iter().map(|(name, _)| *name))
}

/// The tool that `$SUNWARD_CONDA` names, or else the first on `path`.
pub(super) fn choose(path: &OsStr, host: &Host) -> Result<Tool, EnvironmentError> {
    let choice = host.get(CHOICE).filter(|choice| !choice.is_empty());
    let names = || {
        TOOLS
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(choice) = choice
        && !TOOLS.iter().any(|(name, _)| choice == *name)
    {
        return Err(EnvironmentError::input(format!(
            "`{CHOICE}={}` names none of {}; correct or unset it",
            sunward_files::shown(Path::new(choice)),
            names()
        )));
    }
    let mut found = TOOLS.iter().filter_map(|(name, family)| {
        if choice.is_some_and(|choice| choice != *name) {
            return None;
        }
        Some(Tool {
            name,
            family: *family,
            program: find_program(OsStr::new(name), path)?,
        })
    });
    found.next().ok_or_else(|| {
        EnvironmentError::input(match choice {
            Some(choice) => format!(
                "`{CHOICE}={}` is not on the PATH; install it, or unset the variable",
                sunward_files::shown(Path::new(choice))
            ),
            None => format!(
                "`conda` needs one of {} on the PATH, and there is none; install one (micromamba is a single file), load it with `modules:`, or give the stage another environment",
                names()
            ),
        })
    })
}

impl Tool {
    /// Runs the tool with its caches in `downloads`.
    pub(super) fn run(
        &self,
        site: &Site<'_>,
        words: &[OsString],
        downloads: &Path,
    ) -> Result<Outcome, EnvironmentError> {
        let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
        let packages = downloads.join("pkgs");
        let pixi = downloads.join("pixi");
        let with: [(&OsStr, &OsStr); 7] = [
            ("CONDA_PKGS_DIRS".as_ref(), packages.as_ref()),
            ("PIXI_CACHE_DIR".as_ref(), pixi.as_ref()),
            ("CONDA_REGISTER_ENVS".as_ref(), "false".as_ref()),
            ("CONDA_NUMBER_CHANNEL_NOTICES".as_ref(), "0".as_ref()),
            ("CONDA_NOTIFY_OUTDATED_CONDA".as_ref(), "false".as_ref()),
            ("MAMBA_NO_BANNER".as_ref(), "1".as_ref()),
            ("NO_COLOR".as_ref(), "1".as_ref()),
        ];
        site.runner
            .run(&self.program, &words, MISLEADING, &with)
            .map_err(EnvironmentError::of_tool(&self.program))
    }

    /// The error of a tool that failed: `otherwise` makes it if neither the network nor the bytes of
    /// a package are to blame.
    pub(super) fn failed(
        &self,
        said: &Outcome,
        otherwise: impl FnOnce(&str) -> EnvironmentError,
    ) -> EnvironmentError {
        let words = last_words(said);
        let has = |signs: &[&str]| {
            let mut signs = signs.iter();
            signs.any(|sign| said.stdout.contains(sign) || said.stderr.contains(sign))
        };
        if has(OTHER_BYTES) {
            return EnvironmentError::input(format!(
                "a package of its conda environment is not what the lock says it is: {words}; delete its entry in the lock so that it is resolved again, if you trust the channel"
            ));
        }
        if has(NETWORK) {
            return EnvironmentError::new(
                FailureKind::Infrastructure,
                format!(
                    "a channel of its conda environment could not be reached by {}: {words}; try again when the network is back",
                    self.name
                ),
            );
        }
        otherwise(&words)
    }
}

/// What a tool says of its failure: in the answer for programs, or else at the end of its output.
fn last_words(said: &Outcome) -> String {
    let answer = json(&said.stdout);
    let text = |key: &str| Some(answer.as_ref()?.get(key)?.as_str()?.trim().to_owned());
    let problems = answer.as_ref().and_then(|answer| {
        let list = answer.get("solver_problems")?.as_array()?.iter();
        let list: Vec<&str> = list.filter_map(serde_json::Value::as_str).collect();
        (!list.is_empty()).then(|| list.join("; "))
    });
    let words = problems
        .or_else(|| text("message"))
        .or_else(|| text("error"))
        .filter(|words| !words.is_empty())
        .unwrap_or_else(|| said.last_words());
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The object in an answer, before which a tool may have written lines.
pub(super) fn json(stdout: &str) -> Option<serde_json::Value> {
    let text = stdout.get(stdout.find('{')?..)?;
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    values.next()?.ok()
}
