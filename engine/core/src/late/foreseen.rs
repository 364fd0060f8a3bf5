//! Limits that a plan does not meet, before anything has run.

use super::{Cause, LEAST_MS, Late, Limit};
use crate::at_home;
use crate::ids::{self, StageId, Timestamp};
use crate::place::{Ask, Placement};
use crate::plan::RunSpec;

/// Whether a run that is submitted now would be late, if its stages are placed so. `placements`
/// has one entry for each ask. The cause is that the limit is too short for these stages even if
/// each has all the room it can use, or else that there is no slot for them in time.
#[must_use]
pub fn foreseen(
    spec: &RunSpec,
    asks: &[Ask],
    placements: &[Option<Placement>],
    now: Timestamp,
) -> Option<Late> {
    let fastest = fastest(asks);
    let of_run = spec.workflow.place.deadline_ms;
    let ends = asks.iter().zip(placements).zip(fastest);
    let late = ends.filter_map(|((ask, placement), fastest)| {
        let planned = spec.plan.stage(ask.id.stage)?;
        let own = planned.stage.place.deadline_ms;
        let within_ms = own.into_iter().chain(of_run).min()?;
        let is_own = own.is_some_and(|own| of_run.is_none_or(|of_run| own < of_run));
        let due = now.after_ms(within_ms);
        let end = placement.as_ref()?.end()?;
        let too_short = fastest > due;
        Some(Late {
            limit: Limit::Deadline,
            limit_of: is_own.then(|| planned.stage.name.clone()),
            due,
            end,
            is_over: false,
            by_ms: end.since_ms(due),
            cause: if too_short {
                Cause::TooShort
            } else {
                Cause::NoSlot
            },
            stage: (!too_short).then(|| name(spec, ask.id.stage)),
            cause_ms: if too_short {
                fastest.since_ms(due)
            } else {
                end.since_ms(fastest)
            },
            task: None,
            curtailed: None,
        })
    });
    late.filter(|late| late.by_ms >= LEAST_MS)
        .min_by_key(|late| std::cmp::Reverse(late.by_ms))
}

fn name(spec: &RunSpec, id: StageId) -> String {
    let planned = spec.plan.stage(id);
    planned.map_or_else(String::new, |planned| planned.stage.name.clone())
}

/// The end of each ask if none of them waits.
fn fastest(asks: &[Ask]) -> Vec<Timestamp> {
    let stages = asks.iter().map(|ask| {
        let before = ask.after.iter().map(|index| ids::place(*index));
        let at_once = ask.width.min(ask.tasks).max(1);
        (ask.ready_at, before, ask.length_ms(at_once))
    });
    let course = at_home::course(stages);
    course.into_iter().map(|(_, end)| end).collect()
}
