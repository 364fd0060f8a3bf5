//! Earlier runs of the same file: what they did, and how long their commands took.

use sunward_core::{RunId, RunSpec, RunStatus, State, Times};
use sunward_state::{Reader, RunRow, StateError};

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
    Ok(earlier_runs(reader, run, spec, 0)?.1)
}

/// The newest runs of a run's file, at most `most`, in one state; and the times of [`earlier_times`].
/// Each run is loaded once, and the ones that only give times are not kept.
///
/// # Errors
/// Fails if the journal cannot be read.
pub fn earlier_runs(
    reader: &dyn Reader,
    run: Option<RunId>,
    spec: &RunSpec,
    most: usize,
) -> Result<(State, Times), StateError> {
    let (mut state, mut times) = (State::default(), Times::default());
    let timed = if has_deadline(spec) { EARLIER_RUNS } else { 0 };
    let mut ended = 0;
    let rows = reader.runs()?;
    let same = rows.iter().rev();
    let same = same.filter(|row| row.path == spec.path && Some(row.run) != run);
    for (nth, row) in same.enumerate() {
        if nth >= most && ended >= timed {
            break;
        }
        let gives_times = has_ended(row) && ended < timed;
        ended += usize::from(has_ended(row));
        if nth >= most && !gives_times {
            continue;
        }
        let loaded = reader.load_run(row.run)?;
        if gives_times {
            times.merge(&loaded.times(&spec.plan));
        }
        if let Some(run) = loaded.run(row.run).filter(|_| nth < most) {
            state.restore(run.clone());
        }
    }
    Ok((state, times))
}

/// Whether some stage of a run has a deadline.
fn has_deadline(spec: &RunSpec) -> bool {
    let stages = spec.workflow.stages.values().map(|stage| &stage.place);
    let mut places = stages.chain([&spec.workflow.place]);
    places.any(|place| place.deadline_ms.is_some())
}

const fn has_ended(row: &RunRow) -> bool {
    match row.status {
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => true,
        RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => false,
    }
}
