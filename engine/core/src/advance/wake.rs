//! Readies tasks whose wait for another attempt is over.

use std::collections::BTreeMap;

use crate::fact::Fact;
use crate::ids::{StageId, Timestamp};
use crate::order::Step;
use crate::state::{RunState, State};

/// The most tasks of one run that become ready in one step.
const BATCH: usize = 4096;

/// Readies the tasks whose moment has come.
pub(super) fn wake(state: &State, now: Timestamp, step: &mut Step) {
    let due = state.wakes.iter().take_while(|(due, _)| *due <= now);
    for run in due.filter_map(|(_, id)| state.runs.get(id)) {
        wake_run(run, now, step);
    }
}

fn wake_run(run: &RunState, now: Timestamp, step: &mut Step) {
    let mut stages: BTreeMap<StageId, Vec<u32>> = BTreeMap::new();
    for &(_, stage, index) in run
        .backoffs
        .iter()
        .take_while(|(due, _, _)| *due <= now)
        .take(BATCH)
    {
        stages.entry(stage).or_default().push(index);
    }
    step.facts
        .extend(stages.into_iter().map(|(stage, indices)| Fact::Readied {
            run: run.id,
            stage,
            indices,
        }));
}
