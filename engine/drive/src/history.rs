//! Earlier runs of the same file: what they did, and how long their commands took.

use sunward_core::{EarlierStages, Outline, RunId, RunSpec, RunStatus, Times};
use sunward_state::{Reader, RunRow, Scope, StateError};

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
    if !has_deadline(spec) {
        return Ok(times);
    }
    let rows = reader.runs()?;
    let same = rows.iter().rev();
    let ended = same.filter(|row| row.path == spec.path && Some(row.run) != run && has_ended(row));
    for row in ended.take(EARLIER_RUNS) {
        times.merge(&reader.load_run(row.run)?.times(&spec.plan));
    }
    Ok(times)
}

/// The stages of the newest runs of a file, at most `most` of them. Older runs are read only if newer
/// ones lack a stage of this spec.
///
/// # Errors
/// Fails if the journal cannot be read.
pub fn earlier_stages(
    reader: &dyn Reader,
    spec: &RunSpec,
    most: usize,
) -> Result<EarlierStages, StateError> {
    let mut stages = EarlierStages::default();
    let rows = reader.runs()?;
    let same = rows.iter().rev().filter(|row| row.path == spec.path);
    for row in same.take(most) {
        let mut run = Outline::default();
        reader.replay(Scope::Run(row.run), &mut |fact| run.note(fact))?;
        stages.add_older(run);
        if stages.has_all_of(spec) {
            break;
        }
    }
    Ok(stages)
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
