//! Gives one input to the program, with limits of time and memory.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};

use super::bucket::Bucket;
use super::target::{Server, Target};

/// The time limit of one command, in seconds.
const SECONDS: u32 = 5;

/// The limit of one command's address space, in KiB. The program's own threads and mappings take a
/// part of it.
const MEMORY_KIB: u64 = 4 << 20;

/// The example of `engine/data` that asks a bucket.
pub(super) const ASKER: &str = "ask_bucket";

/// The exit codes that the program documents.
const DOCUMENTED: &[i32] = &[0, 1, 2, 3];

/// The program under test.
pub(super) struct Program {
    path: PathBuf,
    /// The example that asks a bucket.
    asker: PathBuf,
    root: PathBuf,
}

/// An input that the program handled wrongly.
pub(super) struct Finding {
    /// What happened. The text is the same for the same mistake.
    pub(super) what: String,
    file: PathBuf,
    command: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "FOUND {}\n  input: {}\n  again: {}",
            self.what,
            self.file.display(),
            self.command
        )
    }
}

impl Program {
    /// The program that `cargo build --release` made.
    pub(super) fn built(root: &Path) -> Result<Self> {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Self::at(root, target.join("release/sunward"))
    }

    /// The program at a path, which may be relative to the project's root.
    pub(super) fn at(root: &Path, path: PathBuf) -> Result<Self> {
        let path = root.join(path);
        anyhow::ensure!(path.is_file(), "{} is not there", path.display());
        let asker = path.with_file_name("examples").join(ASKER);
        anyhow::ensure!(
            asker.is_file(),
            "{} is not there; make it with `cargo build --workspace --example {ASKER}`",
            asker.display()
        );
        Ok(Self {
            path,
            asker,
            root: root.to_owned(),
        })
    }

    /// Runs the target's commands on an input, in a temporary folder. The files of a finding are
    /// kept below `findings`.
    pub(super) fn try_input(
        &self,
        target: &Target,
        input: &[u8],
        findings: &Path,
    ) -> Result<Option<Finding>> {
        let folder = scratch()?;
        lay_out(folder.path(), target, input)?;
        let server = match target.answer_of {
            Some(_) => Some(Bucket::start(input.to_vec())?),
            None => None,
        };
        let program = self.program(target.answer_of);
        for words in target.commands {
            let output = self.run(folder.path(), (program, words), server.as_ref())?;
            if let Some(what) = verdict(&output) {
                return self
                    .keep(target, words, what, folder.path(), findings)
                    .map(Some);
            }
        }
        Ok(None)
    }

    /// A seed that the program itself writes, such as a journal.
    pub(super) fn make(&self, target: &Target, commands: &[&[&str]]) -> Result<Vec<u8>> {
        let folder = scratch()?;
        lay_out(folder.path(), target, &[])?;
        fs::remove_file(folder.path().join(target.file))?;
        for words in commands {
            let output = self.run(folder.path(), (&self.path, words), None)?;
            let said = String::from_utf8_lossy(&output.stderr);
            anyhow::ensure!(
                output.status.success(),
                "no seed for {}: {said}",
                target.name
            );
        }
        fs::read(folder.path().join(target.file)).context("reading the seed")
    }

    fn program(&self, answer_of: Option<Server>) -> &Path {
        match answer_of {
            Some(Server::Bucket) => &self.asker,
            Some(Server::Operator) | None => &self.path,
        }
    }

    fn run(
        &self,
        folder: &Path,
        (program, words): (&Path, &[&str]),
        server: Option<&Bucket>,
    ) -> Result<Output> {
        // `timeout` sends SIGKILL, which no handler can delay. The shell's limit also holds for
        // child processes.
        let script =
            format!("ulimit -v {MEMORY_KIB}; exec timeout -s KILL {SECONDS} \"$0\" \"$@\"");
        Command::new("sh")
            .args(["-c", &script])
            .arg(program)
            .args(self.words(words))
            .current_dir(folder)
            .env("RUST_BACKTRACE", "0")
            .env_remove("SUNWARD_HOME")
            .envs(server.map(Bucket::environment).into_iter().flatten())
            .stdin(Stdio::null())
            .output()
            .context("starting the program")
    }

    /// Replaces words that stand for files of the project with their paths.
    fn words(&self, words: &[&str]) -> Vec<String> {
        let at = |path: &str| self.root.join(path).display().to_string();
        words
            .iter()
            .map(|word| match *word {
                "FLEET" => at("examples/clean-hours/fleet.yaml"),
                "GRID" => at("examples/clean-hours/grid"),
                word => word.to_owned(),
            })
            .collect()
    }

    fn keep(
        &self,
        target: &Target,
        words: &[&str],
        what: String,
        folder: &Path,
        findings: &Path,
    ) -> Result<Finding> {
        let mut number = 0;
        let mut kept = findings.join(format!("{}-{number}", target.name));
        while kept.exists() {
            number += 1;
            kept = findings.join(format!("{}-{number}", target.name));
        }
        let workflow = target.workflow.map(|_| "workflow.yaml");
        for name in workflow.into_iter().chain([target.file]) {
            let to = kept.join(name);
            fs::create_dir_all(to.parent().unwrap_or(&kept))?;
            fs::copy(folder.join(name), to)?;
        }
        let command = format!(
            "cd {} && {} {}",
            kept.display(),
            self.program(target.answer_of).display(),
            self.words(words).join(" ")
        );
        Ok(Finding {
            what: format!("{}: {what}", target.name),
            file: kept.join(target.file),
            command,
        })
    }
}

/// A temporary folder, in memory if possible: inputs would wait for a disk.
fn scratch() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

fn lay_out(folder: &Path, target: &Target, input: &[u8]) -> Result<()> {
    if let Some(workflow) = target.workflow {
        fs::write(
            folder.join("workflow.yaml"),
            workflow.replace("INPUT", target.file),
        )?;
    }
    let file = folder.join(target.file);
    fs::create_dir_all(file.parent().unwrap_or(folder))?;
    fs::write(file, input)?;
    Ok(())
}

/// What a command did wrong, if anything. A panic that became an error is not a mistake.
fn verdict(output: &Output) -> Option<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    if let Some(line) = said.lines().find(|line| line.contains("bug in Sunward")) {
        return Some(line.trim().to_owned());
    }
    if said.contains("memory allocation of") {
        return Some("it asked for more memory than it may have".to_owned());
    }
    match output.status.code() {
        Some(code) if DOCUMENTED.contains(&code) => None,
        // The exit code by which a shell reports SIGKILL, here from `timeout`.
        Some(137) | None => Some(format!(
            "it took longer than {SECONDS} s, or a signal ended it ({})",
            output.status
        )),
        Some(code) => Some(format!("it ended with exit code {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    #[test]
    fn panics_hangs_and_unknown_codes_are_findings() {
        let output = |raw: i32, said: &str| Output {
            status: ExitStatus::from_raw(raw),
            stdout: Vec::new(),
            stderr: said.as_bytes().to_vec(),
        };
        assert_eq!(verdict(&output(2 << 8, "error: no such column")), None);
        assert!(verdict(&output(9, "")).unwrap().contains("longer"));
        assert!(verdict(&output(137 << 8, "")).unwrap().contains("longer"));
        assert!(verdict(&output(101 << 8, "")).unwrap().contains("101"));
        assert_eq!(
            verdict(&output(1 << 8, "thread 'slot 0' panicked at a.rs:1:2:")),
            None
        );
        assert!(verdict(&output(1 << 8, "error: this is a bug in Sunward")).is_some());
        assert!(
            verdict(&output(6, "memory allocation of 9 bytes failed"))
                .unwrap()
                .contains("memory")
        );
    }
}
