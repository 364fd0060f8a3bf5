//! Looks again for room for stages that should have begun by now, but whose pool has none.

use std::collections::BTreeSet;

use crate::fact::Fact;
use crate::ids::{RunId, StageId, Timestamp};
use crate::order::Step;
use crate::state::State;

/// The most stages handled in one step.
const BATCH: usize = 4096;

/// Drops the placements of stages whose start and last start have come, and which got no room in
/// this step: what runs there takes longer than expected. Another pool may have room, and until its
/// last start a stage had no reason to leave its own.
pub(super) fn lapse(state: &State, now: Timestamp, step: &mut Step) {
    let leased = step.facts.iter().filter_map(|fact| match fact {
        Fact::Leased { lease, .. } => Some((lease.run, lease.stage)),
        _ => None,
    });
    let leased: BTreeSet<(RunId, StageId)> = leased.collect();
    let due = state.agenda.starts.iter();
    for (_, ask) in due.take_while(|(at, _)| *at <= now).take(BATCH) {
        let (run, stage) = (ask.run, ask.stage);
        let of_run = state.runs.get(&run);
        let is_open = of_run
            .and_then(|run| run.get(stage))
            .is_some_and(|(_, stage)| {
                let placed = stage.placed.as_deref();
                placed.is_some_and(|placed| placed.next_start().is_none())
            });
        if is_open && !leased.contains(&(run, stage)) {
            step.facts.push(Fact::PlacementLapsed {
                run,
                stage,
                at: now,
            });
        }
    }
}
