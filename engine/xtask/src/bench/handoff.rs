//! Passes a large table from a writer to a reader on one host.

use anyhow::{Context, Result};

use super::figure::Figure;

/// 512 MB through the store: writing, compared with a plain write and fsync, and opening for
/// reading.
pub(crate) fn table() -> Result<Vec<Figure>> {
    let measured: serde_json::Value = super::example::run("sunward-data", "handoff")?;
    let number = |key: &str| {
        measured[key]
            .as_f64()
            .with_context(|| format!("handoff printed no `{key}`"))
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
