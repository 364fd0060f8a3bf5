//! How long the commands of a run took in earlier runs of the same file.

use sunward_core::{RunId, RunSpec, RunStatus, Times};
use sunward_state::{Reader, StateError};

/// The number of earlier runs that count: the newest. What a command takes changes with its data and
/// its machines, so older runs say less.
const EARLIER_RUNS: usize = 20;

/// How long attempts of a run's commands took in the newest runs of its file that have ended. Empty
/// for a run without a deadline, which needs no margin.
///
/// # Errors
/// Fails if the journal cannot be read.
pub fn earlier_times(
    reader: &dyn Reader,
    run: Option<RunId>,
    spec: &RunSpec,
) -> Result<Times, StateError> {
    let mut times = Times::default();
    let stages = spec.workflow.stages.values().map(|stage| &stage.place);
    let mut places = stages.chain([&spec.workflow.place]);
    if !places.any(|place| place.deadline_ms.is_some()) {
        return Ok(times);
    }
    let rows = reader.runs()?;
    let ended = rows.iter().rev().filter(|row| match row.status {
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => true,
        RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => false,
    });
    let same = ended.filter(|row| row.path == spec.path && Some(row.run) != run);
    for row in same.take(EARLIER_RUNS) {
        times.merge(&reader.load_run(row.run)?.times(&spec.plan));
    }
    Ok(times)
}
