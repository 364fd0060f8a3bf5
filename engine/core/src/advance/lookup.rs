//! Requests results by key, in chunks; the number of requests in flight is bounded.

use crate::fact::Fact;
use crate::key::TaskKeys;
use crate::order::{Order, Step};
use crate::state::RunState;
use crate::state::stage::LOOKUP_WINDOW;

/// The number of keys in one order. It is large enough that the order costs little beside its keys.
const CHUNK: u32 = 4096;

/// The most stages whose keys are looked up in one step.
const BATCH: usize = 1024;

/// Requests the results of tasks whose keys were not looked up yet.
pub(super) fn look_up(run: &RunState, step: &mut Step) {
    for &id in run.askable.iter().take(BATCH) {
        let Some((planned, stage)) = run.get(id) else {
            continue;
        };
        let Some(tasks) = stage.tasks(planned) else {
            continue;
        };
        let keys = TaskKeys::new(planned, &stage.inputs, tasks);
        let mut room = LOOKUP_WINDOW.saturating_sub(stage.asked.len());
        for (mut first, end) in stage.unasked.spans() {
            while first < end && room > 0 {
                let count = (end - first).min(CHUNK).min(room);
                step.facts.push(Fact::LookupRequested {
                    run: run.id,
                    stage: id,
                    first,
                    count,
                });
                step.orders.push(Order::Lookup {
                    run: run.id,
                    stage: id,
                    first,
                    keys: keys.range(first, count),
                });
                first += count;
                room -= count;
            }
            if room == 0 {
                break;
            }
        }
    }
}
