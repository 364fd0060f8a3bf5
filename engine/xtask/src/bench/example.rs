//! Runs examples that measure something. Each prints one JSON document.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;

use crate::shell;

/// Runs a crate's example in release mode and parses what it prints. Its messages on stderr are
/// passed on.
pub(crate) fn run<T: DeserializeOwned>(package: &str, name: &str) -> Result<T> {
    let args = ["run", "--release", "--quiet", "--package", package];
    let output = Command::new("cargo")
        .args(args)
        .args(["--example", name])
        .current_dir(shell::root())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("example {name} of {package} ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("what example {name} of {package} printed"))
}
