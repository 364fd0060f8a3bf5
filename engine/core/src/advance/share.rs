//! Gives results to the tasks that waited for them because they have the same key.

use crate::fact::Fact;
use crate::order::Step;
use crate::state::RunState;

/// The most results shared in one step. A fact holds each of them in full.
const BATCH: usize = 4096;

/// Gives followers the results of their leaders.
pub(super) fn share(run: &RunState, step: &mut Step) {
    let mut room = BATCH;
    for leader in &run.sharing.done {
        let Some(result) = run.stage(leader.0).and_then(|stage| stage.result(leader.1)) else {
            continue;
        };
        let followers = run.sharing.followers.get(leader);
        for (stage, ranges) in followers.into_iter().flatten() {
            let hits: Vec<_> = ranges
                .spans()
                .flat_map(|(first, end)| first..end)
                .take(room)
                .map(|index| (index, result.clone()))
                .collect();
            room -= hits.len();
            step.facts.push(Fact::Shared {
                run: run.id,
                stage: *stage,
                hits,
            });
            if room == 0 {
                return;
            }
        }
    }
}
