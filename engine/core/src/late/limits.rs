//! The limits of time that a run misses.

use super::Limit;
use super::breakdown::Breakdown;
use crate::fact::RunStatus;
use crate::ids::{StageId, Timestamp};
use crate::plan::PlannedStage;
use crate::state::RunState;
use crate::state::stage::{Phase, StageEnd, StageState};

/// A limit that is missed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missed {
    pub(super) limit: Limit,
    /// The stage whose own limit it is.
    pub(super) of: Option<StageId>,
    /// The stage at whose end, or start, it is missed.
    pub(super) stage: StageId,
    pub(super) due: Timestamp,
    pub(super) end: Timestamp,
    pub(super) is_over: bool,
}

/// The limit that is told: the run's deadline if that is missed, else the one that is missed by
/// most.
pub(super) fn missed(run: &RunState, whole: &Breakdown<'_>, now: Timestamp) -> Option<Missed> {
    let of_run = deadline(run, whole).filter(|missed| is_missed(missed, now));
    of_run.or_else(|| {
        let own = run.ids().flat_map(|id| own(run, whole, now, id));
        let own = own.filter(|missed| is_missed(missed, now));
        own.min_by_key(|missed| std::cmp::Reverse(missed.end.since_ms(missed.due)))
    })
}

/// Whether a limit is missed: it was, or its moment has passed and nothing has ended yet.
fn is_missed(missed: &Missed, now: Timestamp) -> bool {
    missed.end > missed.due && (missed.is_over || now > missed.due)
}

/// The deadline of a run.
fn deadline(run: &RunState, whole: &Breakdown<'_>) -> Option<Missed> {
    let within_ms = run.spec.workflow.place.deadline_ms?;
    let stage = whole.last()?;
    let ended = match run.status {
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => run.ended_at,
        RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => None,
    };
    Some(Missed {
        limit: Limit::Deadline,
        of: None,
        stage,
        due: run.submitted_at.after_ms(within_ms),
        end: ended.unwrap_or_else(|| whole.end(stage)),
        is_over: ended.is_some(),
    })
}

/// The limits of one stage: its own deadline, and the longest wait.
fn own(
    run: &RunState,
    whole: &Breakdown<'_>,
    now: Timestamp,
    id: StageId,
) -> impl Iterator<Item = Missed> {
    let found = run.get(id).filter(|(planned, stage)| {
        let skipped = matches!(stage.phase, Phase::Ended(StageEnd::Skipped(_)));
        planned.selected && !skipped
    });
    let ends = found.and_then(|(planned, stage)| {
        let within_ms = planned.stage.place.deadline_ms?;
        Some(Missed {
            limit: Limit::Deadline,
            of: Some(id),
            stage: id,
            due: run.submitted_at.after_ms(within_ms),
            end: whole.end(id),
            is_over: matches!(stage.phase, Phase::Ended(_)),
        })
    });
    let begins = found.and_then(|(planned, stage)| wait(run, planned, stage, now, id));
    ends.into_iter().chain(begins)
}

/// The longest wait of a stage that is ready.
fn wait(
    run: &RunState,
    planned: &PlannedStage,
    stage: &StageState,
    now: Timestamp,
    id: StageId,
) -> Option<Missed> {
    let own = planned.stage.place.max_delay_ms;
    let longest_ms = own.or(run.spec.workflow.place.max_delay_ms)?;
    let begun = stage.course.leased_at;
    // Results from the cache begin nothing.
    if begun.is_none() && (stage.phase != Phase::Open || stage.not_begun(planned) == 0) {
        return None;
    }
    Some(Missed {
        limit: Limit::MaxDelay,
        of: Some(id),
        stage: id,
        due: stage.ready_at.after_ms(longest_ms),
        end: begun.unwrap_or(now),
        is_over: begun.is_some(),
    })
}
