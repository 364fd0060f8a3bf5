//! Tasks whose wait for another try is over.

use std::collections::BTreeMap;

use crate::fact::Fact;
use crate::ids::{StageId, Timestamp};
use crate::order::Step;
use crate::state::RunState;

/// Tasks woken in one step.
const BATCH: usize = 4096;

/// Makes those ready whose moment has come.
pub(super) fn wake(run: &RunState, now: Timestamp, step: &mut Step) {
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
