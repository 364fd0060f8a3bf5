//! A hundred thousand fingerprints clustered, which RDKit's matrix of distances does not allow.

use arrow::array::AsArray;
use serde_json::{Value as Json, json};
use sunward_kernels::Inputs;
use sunward_workflows::value::Value;

use crate::similarity::{fingerprints, table};
use crate::{Any, figure, median, run};

const ROWS: usize = 100_000;

pub(crate) fn figures() -> Result<Vec<Json>, Any> {
    let inputs = Inputs::new().with("library", table(fingerprints(ROWS))?);
    let task = |threads| {
        run(
            "butina",
            &inputs,
            &[("distance", Value::Float(0.6))],
            threads,
        )
    };
    let before = peak_kib();
    let alone = median(1, |_| task(1))?;
    let both = median(1, |_| task(2))?;
    let outputs = task(1)?;
    let rows = &outputs.get("clusters").ok_or("no clusters")?.batches[0];
    let clusters = rows.column(2).as_boolean().true_count();
    let mut figures = vec![
        figure("butina 100 k x 2048, distance 0.6, 1 core", alone, None),
        figure("butina 100 k x 2048, distance 0.6, 2 threads", both, None),
    ];
    for figure in &mut figures {
        figure["clusters"] = json!(clusters);
        figure["peak_kib_before_and_after"] = json!([before, peak_kib()]);
    }
    Ok(figures)
}

/// The most memory that this process has had so far, in KiB, where the system tells it.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
