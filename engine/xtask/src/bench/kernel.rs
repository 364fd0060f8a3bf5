//! Kernels compared with the tools that are commonly used, if these are installed.

use anyhow::Result;
use serde::Deserialize;

use super::figure::Figure;
use crate::shell;

#[derive(Deserialize)]
struct Measured {
    figures: Vec<Figure>,
    /// What was not measured, and why.
    notes: Vec<String>,
}

/// Runs every kernel's own benchmark, and prints notes on what could not be measured.
pub(crate) fn all() -> Result<Vec<Figure>> {
    let measured: Measured = super::example::run("sunward-kernels", "bench")?;
    measured.notes.iter().for_each(|note| shell::say(note));
    Ok(measured.figures)
}
