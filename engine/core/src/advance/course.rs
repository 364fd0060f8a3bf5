//! The expected course of a run: how long its stages take, when each is ready, and when it must
//! end.

use crate::estimate;
use crate::ids::{StageId, Timestamp};
use crate::margin;
use crate::place::Timing;
use crate::plan::PlannedStage;
use crate::state::agenda::waits;
use crate::state::placed::Asking;
use crate::state::stage::{Phase, StageState};
use crate::state::{RunState, State};

/// The expected course of a run. Each list is indexed by stage.
pub(super) struct Course {
    /// The duration of one task, and the margin of the stage by itself.
    pub(super) timings: Vec<Timing>,
    /// The duration of the stage's remaining tasks if it can use its full width, in milliseconds.
    pub(super) left_ms: Vec<u64>,
    /// The expected end if the stage does not wait for a placement.
    expected_end: Vec<Timestamp>,
    /// The latest end that still meets all deadlines downstream; `None` without a deadline.
    pub(super) latest_end: Vec<Option<Latest>>,
}

/// The latest end of a stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latest {
    /// The latest end, if all takes as long as expected.
    pub(super) end: Timestamp,
    /// What should be left before it, because this stage and those after it may take longer.
    pub(super) margin_ms: u64,
}

impl Course {
    /// Computes the course in a forward and a backward pass over the stages. Costs time in
    /// proportion to the graph.
    pub(super) fn of(state: &State, run: &RunState, now: Timestamp) -> Self {
        let timings: Vec<Timing> = run.ids().map(|id| margin::timing(state, run, id)).collect();
        let left_ms: Vec<u64> = run
            .ids()
            .map(|id| estimate::left_ms(state, run, id))
            .collect();
        let expected_end = expected_ends(run, now, &left_ms);
        let latest_end = latest_ends(run, &left_ms, &timings);
        Self {
            timings,
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
/// stages downstream. Margins of stages that follow each other add as independent spreads do, by
/// their squares.
fn latest_ends(run: &RunState, left_ms: &[u64], timings: &[Timing]) -> Vec<Option<Latest>> {
    let of_run = run.spec.workflow.place.deadline_ms;
    let stages = run.spec.plan.stages.iter();
    // For each stage the limits of its end, each with the squared margins of the stages after it.
    let mut limits: Vec<Vec<(Timestamp, u128)>> = stages
        .map(|planned| {
            let own = planned.stage.place.deadline_ms;
            let first = own.into_iter().chain(of_run).min();
            let due = first.map(|ms| (run.submitted_at.after_ms(ms), 0));
            due.into_iter().collect()
        })
        .collect();
    let mut latest: Vec<Option<Latest>> = vec![None; limits.len()];
    for (at, planned) in run.spec.plan.stages.iter().enumerate().rev() {
        let margin_ms = timings.get(at).map_or(0, |timing| timing.margin.ms);
        let square = u128::from(margin_ms).saturating_mul(u128::from(margin_ms));
        let ends = limits.get(at).into_iter().flatten();
        let ends = ends.map(|(end, after)| {
            let squares = after.saturating_add(square);
            let safe_ms = u128::from(end.0).saturating_sub(squares.isqrt());
            (*end, u64::try_from(safe_ms).unwrap_or(0), squares)
        });
        let ends: Vec<(Timestamp, u64, u128)> = ends.collect();
        let Some(end) = ends.iter().map(|(end, _, _)| *end).min() else {
            continue;
        };
        let Some((_, safe_ms, squares)) = ends.into_iter().min_by_key(|(_, safe, _)| *safe) else {
            continue;
        };
        if let Some(slot) = latest.get_mut(at) {
            *slot = Some(Latest {
                end,
                margin_ms: end.0.saturating_sub(safe_ms),
            });
        }
        let left_ms = left_ms.get(at).copied().unwrap_or(0);
        for upstream in &planned.upstream {
            if let Some(limits) = limits.get_mut(upstream.place()) {
                limits.push((Timestamp(end.0.saturating_sub(left_ms)), squares));
            }
        }
    }
    latest
}

/// The latest start (`max_delay` after it became ready) and the latest end of a stage, with the
/// margin to leave before it. Both are `None` for a stage that may not wait.
pub(super) fn limits(
    run: &RunState,
    id: StageId,
    planned: &PlannedStage,
    course: &Course,
    ready_at: Timestamp,
) -> (Option<Timestamp>, Option<Latest>) {
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
    let by_start = start_by.map(|start| Latest {
        end: start.after_ms(left_ms),
        margin_ms: 0,
    });
    (start_by, latest.or(by_start))
}
