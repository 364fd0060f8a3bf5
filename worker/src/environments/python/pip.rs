//! Runs Python's own tools: interpreters, venv and pip.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use sunward_core::{Digest, Hasher};
use sunward_workflows::Python;

use super::error::PythonError;
use super::uv;
use crate::environments::cache::{Built, EnvironmentCache};
use crate::environments::runner::{self, NoOutcome, Runner};
use crate::host::{Host, find_program};
use crate::stop::Stop;

/// Variables of the host that would make the tools use other packages than the requested ones.
const MISLEADING: &[&str] = &[
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "VIRTUAL_ENV",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_USER",
];

/// Text with which the tools report a failed connection, as opposed to a package that does not
/// exist.
const NETWORK: &[&str] = &[
    "NewConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Connection refused",
    "Connection reset",
    "connection broken",
    "Network is unreachable",
    "ProxyError",
    "SSLError",
    "503 Server Error",
    "502 Server Error",
    "error sending request",
    "dns error",
    "tcp connect error",
    "operation timed out",
];

/// Text with which pip and uv report a package whose bytes differ from the requested hash.
const OTHER_HASH: [&str; 2] = ["DO NOT MATCH THE HASHES", "Hash mismatch"];

/// A program that prints what an environment depends on, for example `cpython-3.11-linux-x86_64`.
const PLATFORM: &str = "import sys, sysconfig; v = sys.version_info; \
    print(f'{sys.implementation.name}-{v.major}.{v.minor}-{sysconfig.get_platform()}')";

/// Python's tools on this host.
pub struct Tools<'a> {
    cache: EnvironmentCache,
    runner: Runner<'a>,
}

impl<'a> Tools<'a> {
    /// Environments and downloaded packages are kept in `cache`.
    #[must_use]
    pub fn new(cache: EnvironmentCache, host: &'a Host) -> Self {
        Self {
            cache,
            runner: Runner::new(host),
        }
    }

    /// The same tools, but a running tool is killed once `stop` is set.
    pub(crate) fn stopped_by(mut self, stop: &'a Stop) -> Self {
        self.runner = self.runner.stopped_by(stop);
        self
    }

    /// Where environments and downloaded packages are kept.
    pub(super) fn cache(&self) -> &EnvironmentCache {
        &self.cache
    }

    /// The stop of the run, if there is one.
    pub(super) fn stop(&self) -> Option<&'a Stop> {
        self.runner.stop()
    }

    /// Processor time of all tools so far, in microseconds.
    pub(crate) fn cpu_us(&self) -> u64 {
        self.runner.cpu_us()
    }

    /// The interpreter and machine, as in [`super::Entry::platform`].
    pub(super) fn platform(&self, python: &Python) -> Result<String, PythonError> {
        let interpreter = self.interpreter(python)?;
        let said = self.run(&interpreter, &["-c".as_ref(), PLATFORM.as_ref()])?;
        let said = said.expect_success("asking Python for its version")?;
        Ok(said.stdout().trim().replace([' ', '/'], "-"))
    }

    /// The interpreter that a stage asks for. For `version: 3.11`, that is `python3.11`, or
    /// `python3` if it has that version. Without a version, it is `python3`.
    pub(super) fn interpreter(&self, python: &Python) -> Result<PathBuf, PythonError> {
        let find = |name: &str| find_program(OsStr::new(name), self.runner.host().path());
        let Some(version) = &python.version else {
            return find("python3").ok_or_else(|| {
                PythonError::NoPython(
                    "no python3 on the PATH; install it (Debian: apt install python3 python3-venv)"
                        .into(),
                )
            });
        };
        let missing = || {
            PythonError::NoPython(format!(
                "Python {version} was not found: neither python{version} nor a python3 of that version is on the PATH; install it, or change `python.version`"
            ))
        };
        if !version.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(missing());
        }
        if let Some(found) = find(&format!("python{version}")) {
            return Ok(found);
        }
        let any = find("python3").ok_or_else(missing)?;
        let ask = "import sys; print('.'.join(map(str, sys.version_info[:3])))";
        let said = self.run(&any, &["-c".as_ref(), ask.as_ref()])?;
        let said = said.expect_success("asking Python for its version")?;
        let ours = said.stdout().trim();
        if ours == version || ours.starts_with(&format!("{version}.")) {
            Ok(any)
        } else {
            Err(missing())
        }
    }

    /// Returns an interpreter with pip. If the requested interpreter has a recent pip, that one is
    /// used, but nothing is installed into its Python. Otherwise an environment is created only for
    /// pip.
    pub(super) fn pip(&self, python: &Python) -> Result<(PathBuf, Option<Built>), PythonError> {
        let interpreter = self.interpreter(python)?;
        let words = ["-m", "pip", "--version"].map(OsStr::new);
        let said = self.run(&interpreter, &words)?;
        if said.succeeded() && is_recent(said.stdout()) {
            return Ok((interpreter, None));
        }
        let digest = name_of("python tools", &[&sunward_files::as_value(&interpreter)]).to_hex();
        let name = format!("pip-{}", &digest[..16]);
        let built = self.cache.get(&name, self.stop(), |folder| {
            let words: [&OsStr; 3] = ["-m".as_ref(), "venv".as_ref(), folder.as_ref()];
            self.run(&interpreter, &words)?.expect_success(
                "making an environment for pip (Debian: apt install python3-venv)",
            )?;
            Ok::<(), PythonError>(())
        })?;
        let pip = built.folder.join("bin/python");
        Ok((pip, Some(built)))
    }

    /// The host's variables.
    pub(super) fn host(&self) -> &Host {
        self.runner.host()
    }

    /// Runs a tool until it ends or the run is stopped.
    pub(super) fn run(&self, program: &Path, words: &[&OsStr]) -> Result<Outcome, PythonError> {
        self.run_with(program, words, &[])
    }

    /// The same, with more variables.
    pub(super) fn run_with(
        &self,
        program: &Path,
        words: &[&OsStr],
        more: &[(&OsStr, &OsStr)],
    ) -> Result<Outcome, PythonError> {
        let quiet = [
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
            ("PIP_NO_INPUT", "1"),
            ("PYTHONNOUSERSITE", "1"),
        ];
        let quiet = quiet.map(|(name, value)| (OsStr::new(name), OsStr::new(value)));
        let with = [&quiet[..], more].concat();
        match self.runner.run(program, words, MISLEADING, &with) {
            Ok(outcome) => Ok(Outcome(outcome)),
            Err(NoOutcome::Stopped) => Err(PythonError::Cancelled),
            Err(NoOutcome::Io(error)) => Err(PythonError::io("run", program)(error)),
        }
    }
}

/// A digest of text fields, for the names of folders.
pub(super) fn name_of(purpose: &str, fields: &[&str]) -> Digest {
    let mut hasher = Hasher::new(purpose);
    for field in fields {
        hasher.field("field", field.as_bytes());
    }
    hasher.finish()
}

fn is_of_network(text: &str) -> bool {
    NETWORK.iter().any(|sign| text.contains(sign))
}

/// Whether pip's log reports an index page that could not be fetched because the connection failed.
/// A page that does not exist (404) does not count, because then the index does not have the
/// package.
pub(super) fn could_not_fetch(log: &str) -> bool {
    let mut lines = log.lines();
    lines.any(|line| line.contains("Could not fetch URL") && is_of_network(line))
}

/// Whether this pip can write reports and can work on another interpreter. `version` is the output
/// of `pip --version`, for example `pip 23.2.1 from …`.
fn is_recent(version: &str) -> bool {
    let mut numbers = version
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .split('.')
        .map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(22), Some(3))
}

/// How a tool ended, and its output.
pub(super) struct Outcome(runner::Outcome);

impl Outcome {
    pub(super) const fn succeeded(&self) -> bool {
        self.0.succeeded
    }

    pub(super) fn stdout(&self) -> &str {
        &self.0.stdout
    }

    /// Returns `self` if the tool succeeded. Otherwise the error distinguishes an unreachable
    /// network from other failures.
    pub(super) fn expect_success(self, what: &str) -> Result<Self, PythonError> {
        if self.succeeded() {
            return Ok(self);
        }
        let said = self.last_words();
        Err(
            if OTHER_HASH.iter().any(|sign| self.0.stderr.contains(sign)) {
                PythonError::OtherBytes { said }
            } else if self.blames_network() {
                PythonError::Registry {
                    what: what.to_owned(),
                    said,
                }
            } else {
                PythonError::Tool {
                    what: what.to_owned(),
                    said,
                }
            },
        )
    }

    /// Whether the tool failed because of a connection.
    pub(super) fn blames_network(&self) -> bool {
        is_of_network(&self.0.stderr)
    }

    /// The end of the tool's output. If some of the last lines begin with `ERROR`, only those.
    pub(super) fn last_words(&self) -> String {
        let lines = self.0.last_words();
        let errors: Vec<&str> = lines.lines().filter(|l| l.starts_with("ERROR")).collect();
        if !errors.is_empty() {
            return errors.join("; ");
        }
        match lines.lines().any(|line| line.starts_with("error: ")) {
            true => uv::on_one_line(&lines),
            false => lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{could_not_fetch, is_recent};

    #[test]
    fn an_index_that_is_away_is_told_from_one_that_does_not_have_the_package() {
        let away = "2026-11-26T19:11:15,923 Could not fetch URL http://127.0.0.1:1/six/: connection \
                    error: HTTPConnectionPool(host='127.0.0.1', port=1): Max retries exceeded with \
                    url: /six/ (Caused by NewConnectionError('[Errno 111] Connection refused')) - \
                    skipping";
        let unknown = "2026-11-26T19:11:18,038 Could not fetch URL http://127.0.0.1:8765/six/: 404 \
                       Client Error: File not found for url: http://127.0.0.1:8765/six/ - skipping";
        assert!(could_not_fetch(&format!("x\n{away}\ny")));
        assert!(!could_not_fetch(unknown) && !could_not_fetch(""));
    }

    #[test]
    fn an_old_pip_is_told_from_a_recent_one() {
        assert!(is_recent("pip 23.2.1 from /usr/lib (python 3.11)") && is_recent("pip 22.3"));
        assert!(!is_recent("pip 22.2.9 from x") && !is_recent("pip 9.0") && !is_recent(""));
    }
}
