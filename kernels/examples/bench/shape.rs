//! Overlays each of 47 ligands on each.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float32Builder, ListBuilder, RecordBatch, StringArray};
use arrow::compute::sum;
use arrow::datatypes::Float32Type;
use serde_json::Value as Json;
use sunward_kernels::{Inputs, Table};

use crate::figure::Figure;
use crate::gpu::Gpu;
use crate::{Any, median, rival, run, run_in};

pub(crate) fn figures(gpu: Option<&Gpu>) -> Result<Vec<Figure>, Any> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shape/cdk2.json");
    let molecules = table(&serde_json::from_str(&std::fs::read_to_string(&file)?)?)?;
    let inputs = Inputs::new()
        .with("references", molecules.clone())
        .with("fits", molecules);
    let task = |threads| run("gaussian_shape", &inputs, &[], threads);
    let seconds = median(3, |_| task(1))?;
    let both = median(3, |_| task(2))?;

    let overlays = task(2)?;
    let rows = &overlays.get("overlays").ok_or("no overlays")?.batches[0];
    let st = rows.column_by_name("st").ok_or("no st")?;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand rows")]
    let pairs = rows.num_rows() as f64;
    let ours = f64::from(sum(st.as_primitive::<Float32Type>()).unwrap_or(0.0)) / pairs;

    let theirs = rival::script("rdkit_shape.py", &[&file]);
    let of = |key: &str| theirs.as_ref().and_then(|theirs| theirs[key].as_f64());
    if of("mean_st").is_some_and(|theirs| ours < theirs - 0.005) {
        return Err(format!(
            "our overlays are the worse ones: {ours} {:?}",
            of("mean_st")
        )
        .into());
    }
    let beside = of("seconds").map(|seconds| seconds / pairs * 1e6);
    let row = |how: &str, seconds: f64| {
        let what = format!("gaussian_shape {pairs} pairs of ligands, {how}");
        Figure::cost(&what, seconds / pairs * 1e6, "us an overlay")
    };
    let mut figures = vec![
        row("1 core", seconds)
            .beside("rdGaussianShape, 1 core", beside)
            .goal_times("rdGaussianShape", 3.0),
        row("2 threads", both).note(format!("{:.0} overlays/s", pairs / both)),
    ];
    if let Some(gpu) = gpu {
        let all = median(5, |_| run_in(&gpu.context, "gaussian_shape", &inputs, &[]))?;
        let atoms: usize = inputs_bytes(&inputs);
        let told = Figure::rate("gaussian_shape, GPU", pairs / all / 1e6, "M overlays/s");
        figures.push(gpu.told(told.goal(0.3), all, atoms));
    }
    Ok(figures)
}

/// The bytes of both tables.
fn inputs_bytes(inputs: &Inputs) -> usize {
    let tables = ["references", "fits"]
        .iter()
        .filter_map(|port| inputs.get(port));
    tables
        .flat_map(|table| &table.batches)
        .map(RecordBatch::get_array_memory_size)
        .sum()
}

fn table(oracle: &Json) -> Result<Table, Any> {
    let (mut ids, mut xyz) = (Vec::new(), ListBuilder::new(Float32Builder::new()));
    for molecule in oracle["molecules"].as_array().ok_or("no molecules")? {
        ids.push(molecule["id"].as_str());
        for x in molecule["xyz"].as_array().ok_or("no xyz")? {
            #[expect(clippy::cast_possible_truncation, reason = "the column's type")]
            xyz.values().append_option(x.as_f64().map(|x| x as f32));
        }
        xyz.append(true);
    }
    let ids: ArrayRef = Arc::new(StringArray::from(ids));
    let xyz: ArrayRef = Arc::new(xyz.finish());
    let batch = RecordBatch::try_from_iter([("id", ids), ("xyz", xyz)])?;
    Ok(Table::new(batch.schema(), vec![batch]))
}
