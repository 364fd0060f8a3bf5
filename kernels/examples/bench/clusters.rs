//! Clusters a hundred thousand fingerprints. RDKit's list of distances would be too large for them.

use arrow::array::AsArray;
use sunward_kernels::{Inputs, Outputs};
use sunward_workflows::value::Value;

use crate::figure::Figure;
use crate::gpu::Gpu;
use crate::similarity::{WIDTH, fingerprints, table};
use crate::{Any, median, memory, rival, run, run_in};

const ROWS: u32 = 100_000;
/// Half of the rows, to measure how memory grows.
const HALF: u32 = ROWS / 2;
/// The number of rows that RDKit can cluster in a few seconds.
const FEW: u32 = 4_000;
/// The number of rows on a GPU.
const MANY_ROWS: usize = 1_000_000;
const DISTANCE: f64 = 0.6;
/// The most growth of the memory per row from 50 k to 100 k rows. Quadratic memory would grow by 2.
const GROWTH: f64 = 1.2;

pub(crate) fn figures(gpu: Option<&Gpu>) -> Result<Vec<Figure>, Any> {
    let with = [("distance", Value::Float(DISTANCE))];
    let all = fingerprints(ROWS as usize);
    let half = bytes_a_row(HALF, &all)?;
    let whole = bytes_a_row(ROWS, &all)?;
    let inputs = library(&all, ROWS)?;
    let task = |threads| run("butina", &inputs, &with, threads);
    let alone = median(1, |_| task(1))?;
    let both = median(1, |_| task(2))?;
    let clusters = number(&task(1)?)?;
    let what = format!("butina 100 k x 2048, distance {DISTANCE}");
    let mut figures = vec![
        Figure::cost(&format!("{what}, 1 core"), alone, "s"),
        Figure::cost(&format!("{what}, 2 threads"), both, "s").note(format!("{clusters} clusters")),
        peak(&what, half, whole),
        few(&all)?,
    ];
    if let Some(gpu) = gpu {
        if clusters != number(&run_in(&gpu.context, "butina", &inputs, &with)?)? {
            return Err("the GPU makes other clusters".into());
        }
        let bits = fingerprints(MANY_ROWS);
        let bytes = bits.len();
        let inputs = Inputs::new().with("library", table(bits)?);
        let many = median(1, |_| run_in(&gpu.context, "butina", &inputs, &with))?;
        let what = format!("butina 1 M x 2048, distance {DISTANCE}, GPU");
        figures.push(gpu.told(Figure::cost(&what, many, "s").goal(20.0), many, bytes));
    }
    Ok(figures)
}

fn library(bits: &[u8], rows: u32) -> Result<Inputs, Any> {
    let bits = bits[..rows as usize * WIDTH].to_vec();
    Ok(Inputs::new().with("library", table(bits)?))
}

/// The peak memory of this process per row, without the benchmark's own fingerprints.
fn bytes_a_row(rows: u32, all: &[u8]) -> Result<Option<f64>, Any> {
    let inputs = library(all, rows)?;
    let forgotten = memory::forget_peak();
    run(
        "butina",
        &inputs,
        &[("distance", Value::Float(DISTANCE))],
        1,
    )?;
    #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
    let own = all.len() as f64;
    let peak = memory::peak_bytes().filter(|_| forgotten);
    Ok(peak.map(|peak| (peak - own) / f64::from(rows)))
}

fn peak(what: &str, half: Option<f64>, whole: Option<f64>) -> Figure {
    let rows = f64::from(ROWS);
    let list = rows * (rows - 1.0) / 2.0 * 8.0;
    let whole_bytes = whole.unwrap_or(f64::NAN) * rows;
    let grown = half.zip(whole).map(|(half, whole)| whole / half);
    let told = grown.map_or_else(
        || "this system does not tell the peak".to_owned(),
        |grown| {
            format!("its input of {WIDTH} bytes a row included; {grown:.2} x that of 50 k a row")
        },
    );
    Figure::cost(&format!("{what}, peak memory"), whole_bytes / 1e6, "MB")
        .beside(
            "RDKit's list of N(N-1)/2 distances, counted",
            Some(list / 1e6),
        )
        .goal_told(
            format!("O(N + edges), as <= {GROWTH} x the memory a row of 50 k"),
            grown.map(|grown| grown <= GROWTH),
        )
        .note(told)
}

/// Clusters few rows, as RDKit does too. The number of clusters must be equal.
fn few(all: &[u8]) -> Result<Figure, Any> {
    let inputs = library(all, FEW)?;
    let with = [("distance", Value::Float(DISTANCE))];
    let ours = median(5, |_| run("butina", &inputs, &with, 1))?;
    let clusters = number(&run("butina", &inputs, &with, 1)?)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bits");
    std::fs::write(&file, &all[..FEW as usize * WIDTH])?;
    let theirs = rival::script(
        "rdkit_butina.py",
        &[&file, &WIDTH.to_string(), &DISTANCE.to_string()],
    );
    if let Some(theirs) = &theirs
        && theirs["clusters"].as_u64() != u64::try_from(clusters).ok()
    {
        return Err(format!("{clusters} clusters, by RDKit {}", theirs["clusters"]).into());
    }
    let seconds = theirs.and_then(|theirs| theirs["seconds"].as_f64());
    let what = format!("butina {FEW} x 2048, distance {DISTANCE}, 1 core");
    Ok(Figure::cost(&what, ours * 1e3, "ms")
        .beside("RDKit, 1 core", seconds.map(|seconds| seconds * 1e3)))
}

/// The number of clusters.
fn number(outputs: &Outputs) -> Result<usize, Any> {
    let rows = &outputs.get("clusters").ok_or("no clusters")?.batches[0];
    Ok(rows.column(2).as_boolean().true_count())
}
