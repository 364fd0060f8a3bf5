//! Runs Python's own tools: interpreters, venv and pip.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process_group};
use sunward_core::{Digest, Hasher};
use sunward_files::private;
use sunward_workflows::Python;

use super::error::PythonError;
use crate::host::{Host, find_program};
use crate::process::tree::OwnChild;
use crate::stop::Stop;
use crate::tail;

/// How often a running tool is checked for its end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

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
];

/// Text with which pip reports a package whose bytes differ from the requested hash.
const OTHER_HASH: &str = "DO NOT MATCH THE HASHES";

/// A program that prints what an environment depends on, for example `cpython-3.11-linux-x86_64`.
const PLATFORM: &str = "import sys, sysconfig; v = sys.version_info; \
    print(f'{sys.implementation.name}-{v.major}.{v.minor}-{sysconfig.get_platform()}')";

/// Python's tools on this host.
pub struct Tools<'a> {
    home: PathBuf,
    host: &'a Host,
    stop: Option<&'a Stop>,
}

impl<'a> Tools<'a> {
    /// Environments and downloaded packages are kept below `home`.
    #[must_use]
    pub fn new(home: &Path, host: &'a Host) -> Self {
        Self {
            home: home.join("python"),
            host,
            stop: None,
        }
    }

    /// The same tools, but a running tool is killed once `stop` is set.
    pub(crate) fn stopped_by(mut self, stop: &'a Stop) -> Self {
        self.stop = Some(stop);
        self
    }

    /// The folder that contains all environments and downloaded packages.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// The interpreter and machine, as in [`super::Entry::platform`].
    pub(super) fn platform(&self, python: &Python) -> Result<String, PythonError> {
        let interpreter = self.interpreter(python)?;
        let said = self.run(&interpreter, &["-c".as_ref(), PLATFORM.as_ref()])?;
        let Outcome { stdout, .. } = said.expect_success("asking Python for its version")?;
        Ok(stdout.trim().replace([' ', '/'], "-"))
    }

    /// The interpreter that a stage asks for. For `version: 3.11`, that is `python3.11`, or
    /// `python3` if it has that version. Without a version, it is `python3`.
    pub(super) fn interpreter(&self, python: &Python) -> Result<PathBuf, PythonError> {
        let find = |name: &str| find_program(OsStr::new(name), self.host.path());
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
        let Outcome { stdout, .. } = said.expect_success("asking Python for its version")?;
        let ours = stdout.trim();
        if ours == version || ours.starts_with(&format!("{version}.")) {
            Ok(any)
        } else {
            Err(missing())
        }
    }

    /// Returns an interpreter with pip. If the requested interpreter has a recent pip, that one is
    /// used, but nothing is installed into its Python. Otherwise an environment is created only for
    /// pip.
    pub(super) fn pip(&self, python: &Python) -> Result<PathBuf, PythonError> {
        let interpreter = self.interpreter(python)?;
        let words = ["-m", "pip", "--version"].map(OsStr::new);
        let said = self.run(&interpreter, &words)?;
        if said.succeeded && is_recent(&said.stdout) {
            return Ok(interpreter);
        }
        let digest = name_of("python tools", &[&sunward_files::as_value(&interpreter)]).to_hex();
        let folder = self.home.join(format!("tools-{}", &digest[..16]));
        let _lock = self.lock("tools")?;
        let done = folder.join("complete");
        if !done.exists() {
            crate::task_folder::remove_tree(&folder);
            private::create_folders(&folder).map_err(PythonError::io("create", &folder))?;
            let words: [&OsStr; 3] = ["-m".as_ref(), "venv".as_ref(), folder.as_ref()];
            self.run(&interpreter, &words)?.expect_success(
                "making an environment for pip (Debian: apt install python3-venv)",
            )?;
            private::write(&done, "").map_err(PythonError::io("write", &done))?;
        }
        Ok(folder.join("bin/python"))
    }

    /// Locks `name` below the home against other processes and threads. The lock is held until the
    /// returned file is closed.
    pub(super) fn lock(&self, name: &str) -> Result<File, PythonError> {
        private::create_folders(&self.home).map_err(PythonError::io("create", &self.home))?;
        let path = self.home.join(format!("{name}.lock"));
        let file = private::create(&path).map_err(PythonError::io("create", &path))?;
        flock(&file, FlockOperation::LockExclusive)
            .map_err(|error| PythonError::io("lock", &path)(error.into()))?;
        Ok(file)
    }

    /// Runs a tool until it ends or the run is stopped.
    pub(super) fn run(&self, program: &Path, words: &[&OsStr]) -> Result<Outcome, PythonError> {
        let failed = |error| PythonError::io("run", program)(error);
        let mut stdout = tempfile::tempfile().map_err(failed)?;
        let mut stderr = tempfile::tempfile().map_err(failed)?;
        let mut command = Command::new(program);
        command
            .args(words)
            .env_clear()
            .envs(
                self.host
                    .variables()
                    .filter(|(name, _)| !MISLEADING.iter().any(|m| name == m)),
            )
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_NO_INPUT", "1")
            .env("PYTHONNOUSERSITE", "1")
            .stdin(Stdio::null())
            .stdout(stdout.try_clone().map_err(failed)?)
            .stderr(stderr.try_clone().map_err(failed)?);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(failed)?;
        let _ours = OwnChild::process(child.id());
        let status = loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                break status;
            }
            if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                    kill_process_group(group, Signal::KILL).ok();
                }
                child.wait().map_err(failed)?;
                return Err(PythonError::Cancelled);
            }
            std::thread::sleep(LOOK_EVERY);
        };
        Ok(Outcome {
            succeeded: status.success(),
            stdout: read_back(&mut stdout).map_err(failed)?,
            stderr: read_back(&mut stderr).map_err(failed)?,
        })
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

fn read_back(file: &mut File) -> std::io::Result<String> {
    use std::io::{Read, Seek};
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// How a tool ended, and its output.
pub(super) struct Outcome {
    pub(super) succeeded: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Outcome {
    /// Returns `self` if the tool succeeded. Otherwise the error distinguishes an unreachable
    /// network from other failures.
    pub(super) fn expect_success(self, what: &str) -> Result<Self, PythonError> {
        if self.succeeded {
            return Ok(self);
        }
        let said = self.last_words();
        Err(if self.stderr.contains(OTHER_HASH) {
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
        })
    }

    /// Whether the tool failed because of a connection.
    pub(super) fn blames_network(&self) -> bool {
        is_of_network(&self.stderr)
    }

    /// The end of the tool's output. If some of the last lines begin with `ERROR`, only those.
    pub(super) fn last_words(&self) -> String {
        let said = if self.stderr.trim().is_empty() {
            &self.stdout
        } else {
            &self.stderr
        };
        let lines = tail::last_lines(said.as_bytes());
        let errors: Vec<&str> = lines.lines().filter(|l| l.starts_with("ERROR")).collect();
        if errors.is_empty() {
            lines
        } else {
            errors.join("; ")
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
