//! Kernels beside the tools used now, where those are installed.

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

/// Every kernel's own benchmark. What it could not measure is said beside the table.
pub(crate) fn all() -> Result<Vec<Figure>> {
    let measured: Measured = super::example::run("sunward-kernels", "bench")?;
    measured.notes.iter().for_each(|note| shell::say(note));
    Ok(measured.figures)
}
