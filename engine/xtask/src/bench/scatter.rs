//! Kernel tasks that do nothing, to measure the cost of the engine itself.

use anyhow::Result;

use super::engine::Bed;
use super::figure::{Figure, median};

const TASKS: u32 = 1_000_000;

/// A million `noop` tasks, with the journal on: tasks per second, bytes per task, seconds to plan.
pub(crate) fn noop() -> Result<Vec<Figure>> {
    let workflow = |tasks: u32| {
        format!(
            "name: noop\nstages:\n  t:\n    kernel: noop\n    cache: false\n    scatter: {{ range: {tasks} }}\n"
        )
    };
    let bed = Bed::new(&workflow(TASKS))?;
    let small = Bed::new(&workflow(1))?;
    let (mut rates, mut bytes, mut planned) = (vec![], vec![], vec![]);
    for _ in 0..3 {
        let base = small.run(&["--fresh"])?;
        let took = bed.run(&["--fresh"])?;
        rates.push(f64::from(TASKS) / took.seconds);
        bytes.push((took.peak_bytes - base.peak_bytes) / f64::from(TASKS));
        let script = format!("{} plan workflow.yaml", super::engine::binary().display());
        planned.push(super::engine::time_shell(&script, bed.path())?);
    }
    Ok(vec![
        Figure::rate(
            "1 000 000 noop kernel tasks, journal on",
            "tasks/s",
            median(rates),
            None,
            "200 000",
        ),
        Figure::cost(
            "memory they take",
            "bytes/task",
            median(bytes),
            None,
            "< 128",
        ),
        Figure::cost("to plan them", "s", median(planned), None, "< 1"),
    ])
}
