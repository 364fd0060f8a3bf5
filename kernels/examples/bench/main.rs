//! Measures the kernels and commonly used tools, and prints one JSON object. See `bench/README.md`.
//! An argument, `similarity`, `clusters`, `shape`, `vina` or `regrid`, selects one benchmark.
#![expect(clippy::print_stdout, reason = "its only output is the answer")]

mod classic;
mod clusters;
mod figure;
mod gpu;
mod limits;
mod memory;
mod regrid;
mod rival;
mod shape;
mod similarity;
mod vina;

use std::error::Error;
use std::time::Instant;

use serde_json::json;
use sunward_kernels::{Context, Inputs, Outputs, Params, library};
use sunward_workflows::value::Value;

use self::figure::Figure;
use self::gpu::Gpu;

/// Errors of any kind. A benchmark stops at the first.
type Any = Box<dyn Error>;

/// A function that measures one kernel, also on a GPU if there is one.
type Measure = fn(Option<&Gpu>) -> Result<Vec<Figure>, Any>;

/// The benchmarks by name. The one that measures its memory comes before those that need much.
const MEASURES: &[(&str, Measure)] = &[
    ("clusters", clusters::figures),
    ("similarity", similarity::figures),
    ("shape", shape::figures),
    ("vina", vina::figures),
    ("regrid", regrid::figures),
];

fn main() -> Result<(), Any> {
    let only = std::env::args().nth(1);
    let found = Gpu::find()?;
    let gpu = found.as_ref().ok();
    let mut figures = Vec::new();
    for (name, measure) in MEASURES {
        if only.as_ref().is_none_or(|only| only == name) {
            figures.extend(measure(gpu)?);
        }
    }
    figures.extend(gpu.into_iter().flat_map(Gpu::limits));
    let figures: Vec<_> = figures.iter().map(Figure::json).collect();
    let notes: Vec<_> = found
        .err()
        .map(|reason| format!("GPU rows: not measured ({reason})"))
        .into_iter()
        .collect();
    let all = json!({ "figures": figures, "notes": notes });
    println!("{}", serde_json::to_string_pretty(&all)?);
    Ok(())
}

/// The median time of some runs in seconds, after one run to warm up.
fn median<T>(runs: usize, mut work: impl FnMut(usize) -> Result<T, Any>) -> Result<f64, Any> {
    let mut seconds = Vec::new();
    for run in 0..=runs {
        let start = Instant::now();
        std::hint::black_box(work(run)?);
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.remove(0);
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2])
}

/// Runs a kernel.
fn run(
    kernel: &str,
    inputs: &Inputs,
    with: &[(&str, Value)],
    threads: usize,
) -> Result<Outputs, Any> {
    run_in(&Context::new(threads), kernel, inputs, with)
}

/// Runs a kernel in a context.
fn run_in(
    context: &Context,
    kernel: &str,
    inputs: &Inputs,
    with: &[(&str, Value)],
) -> Result<Outputs, Any> {
    let kernel = library().get(kernel).ok_or("no such kernel")?;
    let with = with
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    let with = Params::resolve(kernel.entry(), with)?;
    Ok(kernel.run(inputs, &with, context)?)
}
