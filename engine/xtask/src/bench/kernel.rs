//! Kernels beside the tools used now, where those are installed.

use anyhow::Result;

use super::figure::Figure;

/// Every kernel's own benchmark.
pub(crate) fn all() -> Result<Vec<Figure>> {
    let measured: serde_json::Value = super::example::run("sunward-kernels", "bench")?;
    let rows = measured["figures"].as_array().cloned().unwrap_or_default();
    Ok(rows
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let rival = text("rival");
            let theirs = row["theirs_seconds"].as_f64();
            Figure::cost(
                &text("what"),
                "s",
                row["seconds"].as_f64().unwrap_or(f64::NAN),
                theirs.map(|theirs| (rival.as_str(), theirs)),
                "told by the kernel's page",
            )
        })
        .collect())
}
