//! The expected course of a run: how long its stages take, when each is ready, and when it must
//! end.

use crate::estimate;
use crate::ids::{StageId, Timestamp};
use crate::plan::PlannedStage;
use crate::state::agenda::waits;
use crate::state::placed::Asking;
use crate::state::stage::{Phase, StageState};
use crate::state::{RunState, State};

/// The expected course of a run. Each list is indexed by stage.
pub(super) struct Course {
    /// The duration of one task, in milliseconds.
    pub(super) task_ms: Vec<u64>,
    /// The duration of the stage's remaining tasks if it can use its full width, in milliseconds.
    pub(super) left_ms: Vec<u64>,
    /// The expected end if the stage does not wait for a placement.
    expected_end: Vec<Timestamp>,
    /// The latest end that still meets all deadlines downstream; `None` without a deadline.
    pub(super) latest_end: Vec<Option<Timestamp>>,
}

impl Course {
    /// Computes the course in a forward and a backward pass over the stages. Costs time in
    /// proportion to the graph.
    pub(super) fn of(state: &State, run: &RunState, now: Timestamp) -> Self {
        let stages = || run.spec.plan.stages.iter().zip(&run.stages);
        let task_ms: Vec<u64> = stages()
            .map(|(planned, stage)| estimate::task_ms(state, planned, stage))
            .collect();
        let left_ms: Vec<u64> = run
            .ids()
            .map(|id| estimate::left_ms(state, run, id))
            .collect();
        let expected_end = expected_ends(run, now, &left_ms);
        let latest_end = latest_ends(run, &left_ms);
        Self {
            task_ms,
            left_ms,
            expected_end,
            latest_end,
        }
    }

    /// The moment at which a stage is ready. Upstream stages that are part of the same problem do
    /// not count: the placer decides when those end.
    pub(super) fn ready_at(
        &self,
        run: &RunState,
        planned: &PlannedStage,
        now: Timestamp,
    ) -> Timestamp {
        planned
            .upstream
            .iter()
            .filter(|id| run.get(**id).is_some_and(|(_, stage)| !is_asked(stage)))
            .filter_map(|id| self.expected_end.get(id.place()))
            .fold(now, |ready, end| ready.max(*end))
    }
}

/// Whether a stage is an ask of the next problem, or would be if it had tasks.
fn is_asked(stage: &StageState) -> bool {
    stage.asking == Asking::Wanted && !matches!(stage.phase, Phase::Ended(_))
}

fn expected_ends(run: &RunState, now: Timestamp, left_ms: &[u64]) -> Vec<Timestamp> {
    let mut ends: Vec<Timestamp> = Vec::with_capacity(left_ms.len());
    let stages = run.spec.plan.stages.iter().zip(&run.stages);
    for ((planned, stage), left_ms) in stages.zip(left_ms) {
        let placed = stage.placed.as_deref().filter(|_| !is_asked(stage));
        let end = match (
            &stage.phase,
            placed.and_then(|placed| placed.placement.end()),
        ) {
            (Phase::Ended(_), _) => now,
            (Phase::Waiting | Phase::Resolving | Phase::Open, Some(end)) => end.max(now),
            (Phase::Waiting | Phase::Resolving | Phase::Open, None) => planned
                .upstream
                .iter()
                .filter_map(|id| ends.get(id.place()))
                .fold(now, |ready, end| ready.max(*end))
                .after_ms(*left_ms),
        };
        ends.push(end);
    }
    ends
}

/// The latest end of each stage: the earlier of its own deadline and of the latest start of the
/// stages downstream.
fn latest_ends(run: &RunState, left_ms: &[u64]) -> Vec<Option<Timestamp>> {
    let of_run = run.spec.workflow.place.deadline_ms;
    let mut latest: Vec<Option<Timestamp>> = run
        .spec
        .plan
        .stages
        .iter()
        .map(|planned| {
            let own = planned.stage.place.deadline_ms;
            let first = own.into_iter().chain(of_run).min();
            first.map(|ms| run.submitted_at.after_ms(ms))
        })
        .collect();
    for (at, planned) in run.spec.plan.stages.iter().enumerate().rev() {
        let Some(Some(end)) = latest.get(at).copied() else {
            continue;
        };
        let begin = Timestamp(end.0.saturating_sub(left_ms.get(at).copied().unwrap_or(0)));
        for upstream in &planned.upstream {
            if let Some(slot) = latest.get_mut(upstream.place()) {
                *slot = Some(slot.map_or(begin, |slot| slot.min(begin)));
            }
        }
    }
    latest
}

/// The latest start (`max_delay` after it became ready) and the latest end of a stage. Both are
/// `None` for a stage that may not wait.
pub(super) fn limits(
    run: &RunState,
    id: StageId,
    planned: &PlannedStage,
    course: &Course,
    ready_at: Timestamp,
) -> (Option<Timestamp>, Option<Timestamp>) {
    if !waits(&run.spec, planned) {
        return (None, None);
    }
    let longest = [&planned.stage.place, &run.spec.workflow.place]
        .into_iter()
        .find_map(|place| place.max_delay_ms);
    // A ready stage counts from when it became ready. Otherwise each new problem would let it wait
    // for another `max_delay`.
    let since = match run.get(id) {
        Some((_, stage)) if stage.phase == Phase::Open => stage.ready_at,
        Some(_) | None => ready_at,
    };
    let start_by = longest.map(|ms| since.after_ms(ms));
    let left_ms = course.left_ms.get(id.place()).copied().unwrap_or(0);
    let latest = course.latest_end.get(id.place()).copied().flatten();
    let finish_by = latest.or_else(|| start_by.map(|start| start.after_ms(left_ms)));
    (start_by, finish_by)
}
