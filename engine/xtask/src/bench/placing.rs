//! How long the placer takes to decide where and when stages run.

use anyhow::{Context, Result};

use super::figure::Figure;

/// A new plan, a plan after one forecast has changed, and the placement of one array.
pub(crate) fn times() -> Result<Vec<Figure>> {
    let told: serde_json::Value = super::example::run("sunward-core", "placing")?;
    let lines = [
        (
            "a new plan of 1 000 stages, 20 pools, 192 slots",
            "replan_ms",
            "ms",
            "< 100",
        ),
        (
            "that plan after one zone's forecast changed",
            "replan_one_zone_changed_ms",
            "ms",
            "< 10",
        ),
        (
            "a new plan on scarce machines",
            "replan_scarce_ms",
            "ms",
            "< 100",
        ),
        (
            "that plan after one forecast changed",
            "replan_scarce_one_zone_changed_ms",
            "ms",
            "< 10",
        ),
        (
            "one array of 100 that has become ready",
            "one_array_us",
            "us",
            "< 50",
        ),
    ];
    let figure = |(what, key, unit, goal): (&str, &str, &'static str, &'static str)| {
        let ours = told.get(key).and_then(serde_json::Value::as_f64);
        let ours = ours.with_context(|| format!("the example tells no {key}"))?;
        Ok(Figure::cost(what, unit, ours, None, goal))
    };
    lines.into_iter().map(figure).collect()
}
