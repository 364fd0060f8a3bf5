//! Runs other tools, if they are installed.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

/// The output of a script of `bench/`; `None` if Python lacks a module that it imports.
///
/// `SUNWARD_BENCH_PYTHON` names the Python. Libraries that would use many threads use one.
pub(crate) fn script(name: &str, arguments: &[&dyn AsRef<OsStr>]) -> Option<Json> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("bench")
        .join(name);
    let output = Command::new(python())
        .arg(script)
        .args(arguments.iter().map(|argument| argument.as_ref()))
        .env("OMP_NUM_THREADS", "1")
        .output()
        .ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

fn python() -> OsString {
    std::env::var_os("SUNWARD_BENCH_PYTHON").unwrap_or_else(|| "python3".into())
}

/// Runs CDO; false if it is not installed or fails.
pub(crate) fn cdo(arguments: &[&str]) -> bool {
    let command = Command::new("cdo").arg("-s").args(arguments).output();
    command.is_ok_and(|output| output.status.success())
}
