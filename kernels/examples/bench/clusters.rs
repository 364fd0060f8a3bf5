//! A hundred thousand fingerprints clustered, which RDKit's matrix of distances does not allow.

use arrow::array::AsArray;
use serde_json::{Value as Json, json};
use sunward_kernels::{Inputs, Outputs};
use sunward_workflows::value::Value;

use crate::similarity::{fingerprints, table};
use crate::{Any, figure, gpu, median, run, run_in};

const ROWS: usize = 100_000;
/// On a GPU.
const MANY_ROWS: usize = 1_000_000;

pub(crate) fn figures() -> Result<Vec<Json>, Any> {
    let inputs = Inputs::new().with("library", table(fingerprints(ROWS))?);
    let with = [("distance", Value::Float(0.6))];
    let task = |threads| run("butina", &inputs, &with, threads);
    let before = peak_kib();
    let alone = median(1, |_| task(1))?;
    let both = median(1, |_| task(2))?;
    let outputs = task(1)?;
    let clusters = number(&outputs)?;
    let mut figures = vec![
        figure("butina 100 k x 2048, distance 0.6, 1 core", alone, None),
        figure("butina 100 k x 2048, distance 0.6, 2 threads", both, None),
    ];
    for figure in &mut figures {
        figure["clusters"] = json!(clusters);
        figure["peak_kib_before_and_after"] = json!([before, peak_kib()]);
    }
    if let Some(gpu) = gpu()? {
        if clusters != number(&run_in(&gpu, "butina", &inputs, &with)?)? {
            return Err("the GPU makes other clusters".into());
        }
        let inputs = Inputs::new().with("library", table(fingerprints(MANY_ROWS))?);
        let many = median(1, |_| run_in(&gpu, "butina", &inputs, &with))?;
        figures.push(figure("butina 1 M x 2048, distance 0.6, GPU", many, None));
    }
    Ok(figures)
}

/// How many clusters there are.
fn number(outputs: &Outputs) -> Result<usize, Any> {
    let rows = &outputs.get("clusters").ok_or("no clusters")?.batches[0];
    Ok(rows.column(2).as_boolean().true_count())
}

/// The most memory that this process has had so far, in KiB, where the system tells it.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
