//! A large table from writer to reader on one host.

use anyhow::{Context, Result};

use super::figure::Figure;
use crate::shell;

/// 512 MB through the store: writing beside a plain write and fsync, and opening for reading.
pub(crate) fn table() -> Result<Vec<Figure>> {
    let measured = example("sunward-data", "handoff")?;
    let number = |key: &str| {
        measured[key]
            .as_f64()
            .with_context(|| format!("handoff printed no '{key}'"))
    };
    Ok(vec![
        Figure::cost(
            "512 MB table written",
            "s",
            number("write_seconds")?,
            Some(("write + fsync of the same bytes", number("plain_seconds")?)),
            ">= 0.9 x",
        ),
        Figure::cost(
            "512 MB table opened for reading",
            "ms",
            number("open_seconds")? * 1e3,
            None,
            "< 5",
        ),
    ])
}

/// Runs a crate's example in release mode; it prints one JSON object.
pub(crate) fn example(package: &str, name: &str) -> Result<serde_json::Value> {
    let output = std::process::Command::new("cargo")
        .args([
            "run",
            "--release",
            "--quiet",
            "--package",
            package,
            "--example",
            name,
        ])
        .current_dir(shell::root())
        .output()?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "example {name} of {package} printed no JSON: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}
