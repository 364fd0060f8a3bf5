//! The part of a stage's time that a curtailment took.

use super::CurtailedBy;
use super::stops::net_ms;
use crate::attempt::AttemptStatus;
use crate::ids::{StageId, Timestamp};
use crate::ledger::AttemptRecord;
use crate::state::RunState;
use crate::state::course::{HeldBack, Stop};
use crate::state::stage::StageState;

/// The time between two moments in which a grid operator held back a stage and its run did not
/// stand still, in milliseconds.
pub(super) fn held_ms(stage: &StageState, stops: &[Stop], from: Timestamp, to: Timestamp) -> u64 {
    let held = stage.course.held.iter();
    held.map(|one| within(one, stops, from, to)).sum()
}

fn within(one: &HeldBack, stops: &[Stop], from: Timestamp, to: Timestamp) -> u64 {
    let end = one.to.unwrap_or(to).min(to);
    net_ms(stops, one.from.max(from).min(end), end)
}

/// What a grid operator asked of a stage's pools for the longest time between two moments.
pub(super) fn asked_longest(
    stage: &StageState,
    stops: &[Stop],
    from: Timestamp,
    to: Timestamp,
) -> Option<CurtailedBy> {
    let held = stage.course.held.iter();
    let timed = held.map(|one| (within(one, stops, from, to), one));
    let longest = timed.filter(|(ms, _)| *ms > 0).max_by_key(|(ms, _)| *ms);
    longest.map(|(_, one)| CurtailedBy {
        measure: one.measure,
        told_by: one.told_by.clone(),
    })
}

/// What a stage was asked to make way for last.
pub(super) fn asked_to_yield(run: &RunState, id: StageId) -> Option<CurtailedBy> {
    let asked = run.yields.iter().rev().find(|(_, stage, _)| *stage == id);
    asked.map(|(_, _, yielding)| CurtailedBy {
        measure: yielding.measure,
        told_by: yielding.told_by.clone(),
    })
}

/// The time between the first and the last attempt of the task that ended last.
pub(super) struct Between {
    /// The part that failed or lost attempts took.
    pub(super) failed_ms: u64,
    /// The part that curtailments took.
    pub(super) curtailed_ms: u64,
}

impl Between {
    /// Divides that time. `known` gives the part of it in which the stage was held back, the time that
    /// was expected of all the work, and the time that the last attempt took.
    ///
    /// What an attempt did before it made way is no loss, since its task continues from a
    /// checkpoint. It is one as far as the whole then takes longer than expected.
    pub(super) fn of(
        stage: &StageState,
        between_ms: u64,
        known: impl FnOnce() -> (u64, u64, u64),
    ) -> Self {
        if between_ms == 0 {
            return Self {
                failed_ms: 0,
                curtailed_ms: 0,
            };
        }
        let (held_ms, expected_ms, last_ms) = known();
        let held_ms = held_ms.min(between_ms);
        let left_ms = between_ms - held_ms;
        let yielded_ms = yielded_ms(stage).min(left_ms);
        let whole_ms = yielded_ms.saturating_add(last_ms);
        let again_ms = whole_ms.saturating_sub(expected_ms).min(yielded_ms);
        let again_ms = if expected_ms == 0 { 0 } else { again_ms };
        let rest_ms = left_ms - yielded_ms;
        let lost_ms = held_ms.saturating_add(again_ms);
        if yielded_ms > 0 && only_made_way(stage) {
            return Self {
                failed_ms: 0,
                curtailed_ms: lost_ms.saturating_add(rest_ms),
            };
        }
        Self {
            failed_ms: rest_ms,
            curtailed_ms: lost_ms,
        }
    }
}

/// The attempts of the task that ended last.
fn of_last(stage: &StageState) -> impl Iterator<Item = &AttemptRecord> {
    let ended = |one: &&AttemptRecord| one.started_ms.saturating_add(one.wall_us / 1000);
    let last = stage.attempts.iter().max_by_key(ended).map(|one| one.index);
    let all = stage.attempts.iter();
    all.filter(move |one| Some(one.index) == last)
}

/// How long those attempts of the task that ended last ran that made way.
fn yielded_ms(stage: &StageState) -> u64 {
    let made_way = of_last(stage).filter(|one| one.status == AttemptStatus::Preempted);
    made_way.map(|one| one.wall_us / 1000).sum()
}

/// Whether all attempts of the task that ended last made way, but the last one.
fn only_made_way(stage: &StageState) -> bool {
    of_last(stage).all(|one| {
        matches!(
            one.status,
            AttemptStatus::Preempted | AttemptStatus::Succeeded
        )
    })
}
