//! Measures the kernels beside the tools used today; prints one JSON object. See `bench/README.md`.
//! With an argument, `similarity`, `clusters`, `shape`, `vina` or `regrid`, only those.
#![expect(clippy::print_stdout, reason = "its only output is the answer")]

mod classic;
mod clusters;
mod regrid;
mod rival;
mod shape;
mod similarity;
mod vina;

use std::error::Error;
use std::time::Instant;

use serde_json::{Value as Json, json};
use sunward_kernels::device::{Cache, Device, Gpus, gpus};
use sunward_kernels::{Context, Inputs, Outputs, Params, library};
use sunward_workflows::value::Value;

/// Errors of any kind: a benchmark just stops.
type Any = Box<dyn Error>;

fn main() -> Result<(), Any> {
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    let mut figures = Vec::new();
    if wanted("similarity") {
        figures.extend(similarity::figures()?);
    }
    if wanted("clusters") {
        figures.extend(clusters::figures()?);
    }
    if wanted("shape") {
        figures.extend(shape::figures()?);
    }
    if wanted("vina") {
        figures.extend(vina::figures()?);
    }
    if wanted("regrid") {
        figures.extend(regrid::figures()?);
    }
    println!(
        "{}",
        serde_json::to_string_pretty(&json!({ "figures": figures }))?
    );
    Ok(())
}

/// One line of the benchmark.
fn figure(what: &str, seconds: f64, rival: Option<(&str, f64)>) -> Json {
    json!({
        "what": what,
        "seconds": seconds,
        "rival": rival.map(|r| r.0),
        "theirs_seconds": rival.map(|r| r.1),
        "ratio": rival.map(|r| r.1 / seconds),
    })
}

/// The median seconds of some runs, after one that only warms up.
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

/// What a kernel uses on the first GPU; nothing without one.
fn gpu() -> Result<Option<Context>, Any> {
    match gpus() {
        Gpus::Count(_) => {
            let device = Device::gpu(0, Cache::of_user())?;
            Ok(Some(Context::new(1).with_device(device)))
        }
        Gpus::None(_) => Ok(None),
    }
}

/// Runs a kernel with what a context gives it.
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
