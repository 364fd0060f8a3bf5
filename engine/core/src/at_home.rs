//! When a run's stages would run at home and at once, and what that would emit: what savings are
//! told against. `state/at_home.rs` has the rules.
//!
//! There is one such course. Plans, placements, the ledger and simulations all take it from here.

use crate::estimate;
use crate::ids::{self, RunId, StageId, Timestamp};
use crate::ledger::{Intensities, Known, QUARTER_MS, Quarter};
use crate::place::{Outlook, Problem, UNKNOWN_MG_PER_KWH};
use crate::pool::Pool;
use crate::state::stage::Phase;
use crate::state::{RunState, State};

/// Converts `mW x ms x mg/kWh x permille of PUE` to micrograms.
const PER_MICROGRAM: u128 = 3_600_000_000_000;

/// When stages would run, as (start, end). Each has the moment from which it may run, the stages
/// before it, and its duration in milliseconds; stages come after those that they wait for.
pub fn course<B: IntoIterator<Item = usize>>(
    stages: impl IntoIterator<Item = (Timestamp, B, u64)>,
) -> Vec<(Timestamp, Timestamp)> {
    let mut course: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, before, length_ms) in stages {
        let ends = before.into_iter().filter_map(|at| course.get(at));
        let start = ends.fold(from, |start, (_, end)| start.max(*end));
        course.push((start, start.after_ms(length_ms)));
    }
    course
}

/// For each ask of a problem, its emissions at home in micrograms, if the run begins with the
/// problem.
#[must_use]
pub fn of_problem(problem: &Problem) -> Vec<u64> {
    let width = |at: usize| {
        let ask = &problem.asks[at];
        ask.width.min(ask.tasks).max(1)
    };
    let asks = problem.asks.iter().enumerate();
    let stages = asks.clone().map(|(at, ask)| {
        let before = ask.after.iter().map(|index| ids::place(*index));
        (ask.ready_at, before, ask.length_ms(width(at)))
    });
    let course = course(stages);
    asks.zip(course)
        .map(|((at, ask), during)| {
            let pool = problem.fleet.get(ask.home);
            let nothing = Intensities::default();
            pool.map_or(0, |pool| {
                emitted(
                    pool,
                    &problem.outlook,
                    &nothing,
                    during,
                    ask.power(width(at)),
                )
            })
        })
        .collect()
}

/// The course of a run at home: what has run took as long as it did, and the rest takes as long as
/// expected.
pub(crate) struct Course {
    pub(crate) run: RunId,
    /// When each stage would run.
    stages: Vec<(Timestamp, Timestamp)>,
}

impl Course {
    /// Computes the course. Costs time in proportion to the graph.
    pub(crate) fn of(state: &State, run: &RunState) -> Self {
        let stages = run.spec.plan.stages.iter().zip(&run.stages).zip(run.ids());
        let stages = stages.map(|((planned, stage), id)| {
            let before = planned.upstream.iter().map(|id| id.place());
            let took_ms = stage.at_home.took_ms();
            let (from, length_ms) = match &stage.phase {
                Phase::Ended(_) => (stage.at_home.ready, took_ms),
                Phase::Open => {
                    let left_ms = estimate::left_ms(state, run, id);
                    (stage.at_home.ready, took_ms.saturating_add(left_ms))
                }
                Phase::Waiting | Phase::Resolving if planned.selected => {
                    (run.home_from, estimate::left_ms(state, run, id))
                }
                Phase::Waiting | Phase::Resolving => (run.home_from, 0),
            };
            (from, before, length_ms)
        });
        Self {
            run: run.id,
            stages: course(stages),
        }
    }

    /// The expected emissions of `tasks` tasks of a stage that have not begun, in micrograms.
    pub(crate) fn expected(&self, state: &State, run: &RunState, id: StageId, tasks: u32) -> u64 {
        let agenda = &state.agenda;
        let known = agenda.fleet.as_deref().zip(agenda.outlook.as_deref());
        let Some(((fleet, outlook), (planned, stage))) = known.zip(run.get(id)) else {
            return 0;
        };
        let pool = fleet.get(estimate::home(fleet, &run.spec, planned));
        let Some((pool, (start, _))) = pool.zip(self.stages.get(id.place())) else {
            return 0;
        };
        // The rest of an array that has begun runs after what has ended.
        let start = stage.at_home.end.max(*start);
        let width = planned.stage.max_parallel.unwrap_or(tasks);
        let rounds = u64::from(tasks.div_ceil(width.clamp(1, tasks.max(1))).max(1));
        let length_ms = estimate::task_ms(state, planned, stage).saturating_mul(rounds);
        let during = (start, start.after_ms(length_ms));
        let allowed = estimate::allowed(agenda, &run.spec, planned);
        let each = estimate::each(agenda, planned, &allowed);
        let power = each.milliwatts.saturating_mul(u64::from(tasks)) / rounds;
        emitted(pool, outlook, &state.intensities, during, power)
    }
}

/// What a constant power emits in a pool between two moments, in micrograms. Where the outlook
/// begins later, past intensities count; after its end, the last one continues.
fn emitted(
    pool: &Pool,
    outlook: &Outlook,
    past: &Intensities,
    (start, end): (Timestamp, Timestamp),
    milliwatts: u64,
) -> u64 {
    let slot_ms = outlook.slot_ms.max(1);
    let begin_ms = outlook.first_slot.saturating_mul(slot_ms);
    let series = outlook
        .zone(&pool.zone)
        .map(|zone| zone.intensity_mg_per_kwh.as_slice());
    let series = series.filter(|series| !series.is_empty());
    let foreseen = |slot: usize| {
        let known = series.and_then(|series| series.get(slot).or(series.last()));
        known.copied().unwrap_or(UNKNOWN_MG_PER_KWH)
    };
    let mut sum = 0_u128;
    let mut add = |mg: u32, from_ms: u64, to_ms: u64| {
        sum += u128::from(mg) * u128::from(to_ms.saturating_sub(from_ms));
    };
    let mut at_ms = start.0;
    while at_ms < end.0.min(begin_ms) {
        let quarter = Quarter::of(Timestamp(at_ms));
        let next_ms = (at_ms / QUARTER_MS + 1).saturating_mul(QUARTER_MS);
        let next_ms = next_ms.min(end.0).min(begin_ms);
        let known = past.get(&pool.zone, quarter);
        let mg = known.and_then(Known::average_mg_per_kwh);
        add(mg.unwrap_or_else(|| foreseen(0)), at_ms, next_ms);
        at_ms = next_ms;
    }
    let last = outlook.slots().saturating_sub(1);
    while at_ms < end.0 {
        let slot = usize::try_from(at_ms / slot_ms - outlook.first_slot).unwrap_or(usize::MAX);
        let next_ms = if slot >= last {
            end.0
        } else {
            (at_ms / slot_ms + 1).saturating_mul(slot_ms).min(end.0)
        };
        add(foreseen(slot), at_ms, next_ms);
        at_ms = next_ms;
    }
    let weighted = sum.saturating_mul(u128::from(pool.pue_permille));
    let micrograms = weighted.saturating_mul(u128::from(milliwatts)) / PER_MICROGRAM;
    u64::try_from(micrograms).unwrap_or(u64::MAX)
}
