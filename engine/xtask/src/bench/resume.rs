//! The same command again, when there is nothing to do.

use anyhow::{Result, bail};

use super::engine::Bed;
use super::figure::{Figure, median};

/// Runs a workflow of 1 000 tasks again whose results are all cached.
pub(crate) fn rerun() -> Result<Vec<Figure>> {
    let workflow = "name: rerun\nstages:\n  t:\n    run: echo ${{ item }} > ${{ outputs.o }}\n    scatter: { range: 1000 }\n    outputs: { o: { format: file, ext: txt } }\n";
    let bed = Bed::new(workflow)?;
    bed.run(&[])?;
    let mut times = Vec::new();
    for _ in 0..7 {
        let took = bed.run(&[])?;
        let cached = took.json["stages"]["t"]["cached"].as_u64();
        if cached != Some(1000) {
            bail!("a rerun of 1 000 finished tasks took {cached:?} from cache");
        }
        times.push(took.seconds * 1e3);
    }
    Ok(vec![Figure::cost(
        "rerun of 1 000 finished tasks",
        "ms",
        median(times),
        None,
        "< 20",
    )])
}
