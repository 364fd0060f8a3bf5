//! Where the time of a run went, stage by stage along its critical path.

use std::collections::BTreeMap;

use super::curtailed::{Between, asked_longest, asked_to_yield, held_ms};
use super::stops::{net_ms, overlap_ms};
use super::{Cause, CurtailedBy, TookLonger};
use crate::attempt::AttemptStatus;
use crate::ids::{StageId, Timestamp};
use crate::ledger::AttemptRecord;
use crate::place::{TimeSource, Why};
use crate::plan::PlannedStage;
use crate::state::RunState;
use crate::state::course::StoodFor;
use crate::state::stage::{Phase, StageEnd, StageState};

/// When the stages of a run were ready and ended, or are expected to.
pub(super) struct Breakdown<'a> {
    run: &'a RunState,
    now: Timestamp,
    /// For each stage, when the stages before it ended, and its own end.
    spans: Vec<(Timestamp, Timestamp)>,
}

/// What took time that was not expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) cause: Cause,
    pub(super) stage: Option<StageId>,
    pub(super) ms: u64,
}

impl<'a> Breakdown<'a> {
    pub(super) fn of(run: &'a RunState, now: Timestamp) -> Self {
        let mut spans: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(run.stages.len());
        for (planned, stage) in run.spec.plan.stages.iter().zip(&run.stages) {
            let ends = planned
                .upstream
                .iter()
                .filter_map(|id| spans.get(id.place()));
            let from = ends.fold(run.submitted_at, |from, (_, end)| from.max(*end));
            spans.push((from, end_of(planned, stage, from, now)));
        }
        Self { run, now, spans }
    }

    /// The stage that ends last; `None` for a run without stages.
    pub(super) fn last(&self) -> Option<StageId> {
        self.run.ids().max_by_key(|id| self.end(*id))
    }

    /// The end of a stage, or its expected end.
    pub(super) fn end(&self, id: StageId) -> Timestamp {
        self.span(id).1
    }

    fn span(&self, id: StageId) -> (Timestamp, Timestamp) {
        self.spans.get(id.place()).copied().unwrap_or_default()
    }

    /// The stages of the critical path that ends with this one, from its end.
    fn path(&self, last: StageId) -> Vec<StageId> {
        let before = |id: &StageId| {
            let planned = self.run.spec.plan.stage(*id)?;
            let upstream = planned.upstream.iter().copied();
            upstream.max_by_key(|id| self.end(*id))
        };
        std::iter::successors(Some(last), before).collect()
    }

    /// The largest part of the time that was not expected, up to the end of a stage that was due
    /// earlier. Times of one cause count together.
    pub(super) fn cause(&self, last: StageId, due: Timestamp) -> Part {
        let path = self.path(last);
        let mut parts: Vec<Part> = path.iter().flat_map(|id| self.parts(*id)).collect();
        let fastest = path.iter().rev().fold(self.run.submitted_at, |at, id| {
            at.after_ms(self.work_ms(*id).unwrap_or(0))
        });
        parts.push(Part {
            cause: Cause::TooShort,
            stage: None,
            ms: fastest.since_ms(due),
        });
        largest(&parts)
    }

    /// The largest part of the time that a stage waited after it was ready.
    pub(super) fn cause_of_wait(&self, id: StageId) -> Part {
        let parts = self.parts(id);
        let waits = parts.into_iter().filter(|part| match part.cause {
            Cause::NoSlot
            | Cause::Curtailed
            | Cause::FailedAttempts
            | Cause::EngineStopped
            | Cause::OverBudget
            | Cause::RetriedLater => true,
            Cause::TookLonger | Cause::TooShort | Cause::LateInputs | Cause::Unknown => false,
        });
        largest(&waits.collect::<Vec<_>>())
    }

    /// How long one task of a stage took, and was expected to take.
    pub(super) fn took(&self, id: StageId) -> Option<TookLonger> {
        let (planned, stage) = self.run.get(id)?;
        let expected = expected(planned, stage);
        Some(TookLonger {
            took_ms: self.pace_ms(id),
            expected_ms: expected.map(|(ms, _)| ms),
            source: expected.map(|(_, source)| source),
        })
    }

    /// What a grid operator asked of a stage's pools for the longest time; `None` if none did.
    pub(super) fn curtailed_by(&self, id: StageId) -> Option<CurtailedBy> {
        let (_, stage) = self.run.get(id)?;
        let (from, to) = self.span(id);
        asked_longest(stage, &self.run.course.stops, from, to)
            .or_else(|| asked_to_yield(self.run, id))
    }

    /// The parts of a stage's time that were not expected.
    fn parts(&self, id: StageId) -> Vec<Part> {
        let Some((planned, stage)) = self.run.get(id) else {
            return Vec::new();
        };
        let (from, to) = self.span(id);
        let marks = Marks::of(planned, stage, (from, to), self.now);
        let stops = &self.run.course.stops;
        let net = |from: Timestamp, to: Timestamp| net_ms(stops, from, to);
        let work_ms = net(marks.last_try, to);
        let longer_ms = longer_ms(work_ms, self.pace_ms(id), expected(planned, stage));
        let planned_ms = self.work_ms(id).map(|ms| ms.max(paused_ms(stage)));
        let queued_ms = planned_ms.map_or(0, |planned_ms| {
            work_ms.saturating_sub(longer_ms.saturating_add(planned_ms))
        });
        let held = |from, to| held_ms(stage, stops, from, to);
        let held_first_ms = held(marks.chosen, marks.begun);
        let held_later_ms = held(marks.last_try, to).min(queued_ms);
        let between = Between::of(stage, net(marks.begun, marks.last_try), || {
            (
                held(marks.begun, marks.last_try),
                planned_ms.unwrap_or(0),
                work_ms,
            )
        });
        let own = [
            (Cause::LateInputs, net(from, marks.ready)),
            (
                Cause::NoSlot,
                net(marks.chosen, marks.begun).saturating_sub(held_first_ms),
            ),
            (Cause::FailedAttempts, between.failed_ms),
            (Cause::TookLonger, longer_ms),
            (Cause::NoSlot, queued_ms.saturating_sub(held_later_ms)),
            (
                Cause::Curtailed,
                held_first_ms
                    .saturating_add(between.curtailed_ms)
                    .saturating_add(held_later_ms),
            ),
        ];
        let own = own.into_iter().map(|(cause, ms)| Part {
            cause,
            stage: Some(id),
            ms,
        });
        let stood = stops.iter().map(|stop| Part {
            cause: match stop.why {
                StoodFor::Engine => Cause::EngineStopped,
                StoodFor::Budget => Cause::OverBudget,
                StoodFor::Retry => Cause::RetriedLater,
            },
            stage: None,
            ms: overlap_ms(stop, from, to),
        });
        own.chain(stood).collect()
    }

    /// The wall time of one task of a stage: the mean of its successful attempts, else the time
    /// since its last attempt began.
    fn pace_ms(&self, id: StageId) -> u64 {
        let Some((planned, stage)) = self.run.get(id) else {
            return 0;
        };
        let done = || {
            let attempts = stage.attempts.iter();
            attempts.filter(|one| one.status == AttemptStatus::Succeeded)
        };
        let wall_us = done().fold(0_u64, |sum, one| sum.saturating_add(one.wall_us));
        let count = u64::try_from(done().count()).unwrap_or(u64::MAX);
        wall_us
            .checked_div(count.saturating_mul(1000))
            .unwrap_or_else(|| {
                let span = self.span(id);
                let marks = Marks::of(planned, stage, span, self.now);
                net_ms(&self.run.course.stops, marks.last_try, span.1)
            })
    }

    /// The expected time of a stage's tasks that ran or run, if as many run at the same time as the
    /// stage allows; `None` if nothing is expected of them.
    fn work_ms(&self, id: StageId) -> Option<u64> {
        let (planned, stage) = self.run.get(id)?;
        let (each_ms, _) = expected(planned, stage)?;
        let ran = stage
            .counts
            .total()
            .saturating_sub(stage.counts.of(crate::task::TaskStatus::Cached));
        let tasks = match stage.phase {
            Phase::Waiting | Phase::Resolving => self.run.open_tasks(id),
            Phase::Open | Phase::Ended(_) => ran,
        };
        let width = planned.stage.max_parallel.unwrap_or(tasks).max(1);
        Some(u64::from(tasks.div_ceil(width)).saturating_mul(each_ms))
    }
}

/// The largest of these parts; those of one cause count together.
fn largest(parts: &[Part]) -> Part {
    let mut sums: BTreeMap<Cause, Part> = BTreeMap::new();
    for part in parts.iter().filter(|part| part.ms > 0) {
        match sums.get_mut(&part.cause) {
            None => {
                sums.insert(part.cause, *part);
            }
            Some(sum) => {
                let of_cause = parts.iter().filter(|one| one.cause == part.cause);
                let most = of_cause.min_by_key(|one| std::cmp::Reverse(one.ms));
                sum.stage = most.and_then(|most| most.stage);
                sum.ms = sum.ms.saturating_add(part.ms);
            }
        }
    }
    let most = sums
        .into_values()
        .min_by_key(|part| std::cmp::Reverse(part.ms));
    most.unwrap_or(Part {
        cause: Cause::Unknown,
        stage: None,
        ms: 0,
    })
}

/// The moments between which a stage's time is divided, each no earlier than the one before.
struct Marks {
    /// Its inputs were bound.
    ready: Timestamp,
    /// Until then it waited by choice, for cleaner power.
    chosen: Timestamp,
    /// Its first task was leased.
    begun: Timestamp,
    /// The last attempt of the task that ended last began.
    last_try: Timestamp,
}

impl Marks {
    fn of(
        planned: &PlannedStage,
        stage: &StageState,
        (from, to): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Self {
        let ready = stage.ready_at.clamp(from, to);
        let first_run = stage.attempts.iter().map(|one| one.started_ms).min();
        let leased = stage.course.leased_at.or(first_run.map(Timestamp));
        let begun = match stage.phase {
            // What has not begun waits until now.
            Phase::Waiting | Phase::Resolving | Phase::Open => leased.unwrap_or(now),
            // Without an attempt, its results were known.
            Phase::Ended(_) => leased.unwrap_or(ready),
        };
        let begun = begun.clamp(ready, to);
        let chosen = chosen_start(stage).map_or(ready, |start| start.clamp(ready, begun));
        Self {
            ready,
            chosen,
            begun,
            last_try: last_try(planned, stage, begun).clamp(begun, to),
        }
    }
}

/// The start of a stage's placement, if the stage waits for it by choice.
fn chosen_start(stage: &StageState) -> Option<Timestamp> {
    let placement = &stage.placed.as_deref()?.placement;
    match placement.why {
        Why::Cleanest
        | Why::Surplus
        | Why::Idle
        | Why::Cheapest
        | Why::LastSafeStart
        | Why::WorthWaiting => placement.start(),
        Why::AtOnce | Why::Earliest | Why::Late | Why::NoCapacity => None,
    }
}

/// The length of a placement that pauses by choice.
fn paused_ms(stage: &StageState) -> u64 {
    let placed = stage.placed.as_deref();
    let span = chosen_start(stage).zip(placed.and_then(|placed| placed.placement.end()));
    span.map_or(0, |(start, end)| end.since_ms(start))
}

/// When the last attempt of the task that ended last began. Attempts before it failed or were lost.
fn last_try(planned: &PlannedStage, stage: &StageState, begun: Timestamp) -> Timestamp {
    let ended = |one: &&AttemptRecord| one.started_ms.saturating_add(one.wall_us / 1000);
    let Some(last) = stage.attempts.iter().max_by_key(ended) else {
        return begun;
    };
    let of_task = || stage.attempts.iter().filter(|one| one.index == last.index);
    let first_ms = of_task().map(|one| one.started_ms).min().unwrap_or(0);
    let is_open = !matches!(stage.phase, Phase::Ended(_));
    let failed_yet = is_open && last.status != AttemptStatus::Succeeded;
    let last_ms = match stage.tries.get(&last.index).and_then(|tries| tries.due) {
        // Another attempt follows or runs.
        Some(due) if failed_yet => due.0,
        Some(_) | None => last.started_ms,
    };
    if stage.status.len() == 1 && planned_alone(planned) {
        // Attempts of which no outcome is known were lost.
        let recorded = of_task().count();
        let leases = usize::try_from(last.generation).unwrap_or(usize::MAX);
        if recorded < leases {
            return Timestamp(last_ms);
        }
    }
    Timestamp(begun.0.saturating_add(last_ms.saturating_sub(first_ms)))
}

/// Whether a stage is one task.
fn planned_alone(planned: &PlannedStage) -> bool {
    !planned.stage.is_scattered()
}

/// What was expected of each task of a stage before it began.
fn expected(planned: &PlannedStage, stage: &StageState) -> Option<(u64, TimeSource)> {
    let placed = stage.course.expected.map(|one| (one.task_ms, one.source));
    let stated = planned
        .stage
        .expect
        .time_ms
        .map(|ms| (ms, TimeSource::Stated));
    placed.or(stated)
}

/// The part of some work that is due to tasks that took longer than expected. All of it, if nothing
/// was expected.
fn longer_ms(work_ms: u64, pace_ms: u64, expected: Option<(u64, TimeSource)>) -> u64 {
    let expected_ms = expected.map_or(0, |(ms, _)| ms);
    let over_ms = pace_ms.saturating_sub(expected_ms);
    let part = u128::from(work_ms) * u128::from(over_ms) / u128::from(pace_ms.max(1));
    u64::try_from(part).unwrap_or(work_ms)
}

/// The end of a stage whose predecessors end at `from`, or its expected end.
fn end_of(
    planned: &PlannedStage,
    stage: &StageState,
    from: Timestamp,
    now: Timestamp,
) -> Timestamp {
    let ran_until = Timestamp(stage.ledger.last_ended_ms);
    match &stage.phase {
        Phase::Ended(StageEnd::Skipped(_)) => from,
        Phase::Ended(_) => from.max(stage.ready_at).max(ran_until),
        Phase::Waiting | Phase::Resolving | Phase::Open if !planned.selected => from,
        Phase::Waiting | Phase::Resolving | Phase::Open => {
            let each_ms = expected(planned, stage).map_or(0, |(ms, _)| ms);
            let active = stage.counts.of(crate::task::TaskStatus::Active);
            let left = stage.not_begun(planned);
            let width = planned.stage.max_parallel.unwrap_or(left).max(1);
            let running = stage.course.leased_at.filter(|_| active > 0);
            let running = running.map_or(now, |at| at.after_ms(each_ms));
            let placed = stage.placed.as_deref();
            let placed = placed.filter(|_| left > 0);
            let placed = placed.and_then(|placed| placed.placement.end());
            let begin = from.max(now);
            let rounds = u64::from(left.div_ceil(width));
            let end = placed.unwrap_or_else(|| begin.after_ms(rounds.saturating_mul(each_ms)));
            begin.max(running).max(end)
        }
    }
}
