//! Runs other programs, and prints each command.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The project's root: the folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .map_or_else(|| here.to_path_buf(), Path::to_path_buf)
}

/// Prints a message to stderr. Standard output is only for answers.
#[expect(
    clippy::print_stderr,
    reason = "a chore's whole interface is the terminal"
)]
pub(crate) fn say(line: &str) {
    eprintln!("{}", line.trim_end());
}

/// Prints an answer to standard output.
#[expect(
    clippy::print_stdout,
    reason = "a chore's whole interface is the terminal"
)]
pub(crate) fn answer(line: &str) {
    println!("{line}");
}

/// Runs a program in the project's root.
///
/// # Errors
/// Fails if the program cannot be started, or exits with a code other than 0.
pub(crate) fn run<S: AsRef<OsStr>>(program: &str, args: &[S], env: &[(&str, &str)]) -> Result<()> {
    let words: Vec<String> = args
        .iter()
        .map(|arg| arg.as_ref().to_string_lossy().into_owned())
        .collect();
    say(&format!("+ {program} {}", words.join(" ")));
    let status = Command::new(program)
        .args(args)
        .envs(env.iter().copied())
        .current_dir(root())
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        bail!("{program} {} ended with {status}", words.join(" "));
    }
    Ok(())
}

/// True if a program runs with these arguments, such as `--version`.
pub(crate) fn has(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
