//! Scores 2 000 poses of imatinib in its kinase.

use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float32Type;
use sunward_data::{NoMemory, SourceOptions, Store};
use sunward_kernels::{Inputs, Table};

use crate::figure::Figure;
use crate::gpu::Gpu;
use crate::{Any, median, rival, run, run_in};

/// The number of copies of the poses for the GPU: 100 000 poses, as in part of a screen.
const TIMES: usize = 50;

pub(crate) fn figures(gpu: Option<&Gpu>) -> Result<Vec<Figure>, Any> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/pose-rescoring");
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), None)?;
    let read = |name: &str| -> Result<Table, Any> {
        let path: PathBuf = example.join("data").join(name);
        let source = path.display().to_string();
        let dataset = store.read_source(&source, &SourceOptions::default(), &NoMemory)?;
        let batch: RecordBatch = store.table(&dataset)?.read(None)?;
        Ok(Table::new(batch.schema(), vec![batch]))
    };
    let inputs = Inputs::new()
        .with("receptor", read("1iep_receptor.pdbqt")?)
        .with("ligand", read("1iep_ligand.pdbqt")?)
        .with("poses", read("1iep_poses.parquet")?);
    let task = |threads| run("vina_score", &inputs, &[], threads);
    let single = median(5, |_| task(1))?;
    let both = median(5, |_| task(2))?;

    let outputs = task(1)?;
    let rows = &outputs.get("scores").ok_or("no scores")?.batches[0];
    let scores = rows.column_by_name("score").ok_or("no score")?;
    let scores = scores.as_primitive::<Float32Type>().values();
    #[expect(clippy::cast_precision_loss, reason = "two thousand")]
    let poses = rows.num_rows() as f64;

    let theirs = rival::script("numpy_vina.py", &[&example]);
    let of = |key: &str| theirs.as_ref().and_then(|theirs| theirs[key].as_f64());
    let best = scores.iter().copied().fold(f32::INFINITY, f32::min);
    if of("best").is_some_and(|theirs| (f64::from(best) - theirs).abs() > 1e-3) {
        return Err(format!("our best score is {best}, theirs {:?}", of("best")).into());
    }
    let beside = of("seconds").map(|seconds| seconds * 1e6);
    let row = |how: &str, seconds: f64| {
        Figure::cost(
            &format!("vina_score 1IEP, 2 000 poses, {how}"),
            seconds / poses * 1e6,
            "us a pose",
        )
        .goal(60.0)
    };
    let mut figures = vec![
        row("1 core", single).beside("NumPy, 1 core", beside),
        row("2 threads", both).note(format!("{:.0} poses/s", poses / both)),
    ];
    if let Some(gpu) = gpu {
        let table = read("1iep_poses.parquet")?;
        let batches = vec![table.batches[0].clone(); TIMES];
        let bytes = table.batches[0].get_array_memory_size() * TIMES;
        let inputs = inputs.with("poses", Table::new(table.schema, batches));
        let all = median(5, |_| run_in(&gpu.context, "vina_score", &inputs, &[]))?;
        #[expect(clippy::cast_precision_loss, reason = "fifty")]
        let rate = poses * TIMES as f64 / all / 1e6;
        let told = Figure::rate("vina_score 1IEP, 100 000 poses, GPU", rate, "M poses/s");
        figures.push(gpu.told(told.goal(10.0), all, bytes));
    }
    Ok(figures)
}
