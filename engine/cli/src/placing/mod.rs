//! Predicts where and when a run's stages would be placed. It asks the core in the same way as the
//! run itself.

pub(crate) mod margin;
pub(crate) mod refused;
pub(crate) mod sizes;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_core::place::{
    Ask, Likely, Outlook, Placement, Placer, PoolOutlook, Problem, Sunward, TimeSource, ZoneOutlook,
};
use sunward_core::{
    Curtailments, Fact, Fleet, Input, Late, Order, Overrun, Pool, RunId, RunSpec, StagePreview,
    State, Times, Timestamp, advance, apply, at_home, decide, late::foreseen,
};
use sunward_workflows::Budget;

use crate::machine::HERE;
use crate::view::LateView;
pub(crate) use view::{PlacingView, expected, grams, reason};

/// The predicted placements of the stages that would run.
pub(crate) struct Placing {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) outlook: Arc<Outlook>,
    /// The stages in the plan's order.
    pub(crate) stages: Vec<PlacedStage>,
    /// The deadline that is expected to be missed by most, if any is.
    late: Option<Late>,
    /// Whether intensities are known.
    has_grid: bool,
}

/// What is known of a run before it begins.
#[derive(Clone, Debug)]
pub(crate) struct Foreknown<'a> {
    /// The previews of its stages.
    pub(crate) previews: &'a [StagePreview],
    /// How long its commands took in earlier runs.
    pub(crate) history: &'a Arc<Times>,
    /// What grid operators have announced for its pools.
    pub(crate) curtailments: Arc<Curtailments>,
}

/// The predicted placement of one stage.
pub(crate) struct PlacedStage {
    pub(crate) stage: String,
    pub(crate) ask: Ask,
    /// Whether its duration is a guess, because neither the workflow nor an earlier run gives one.
    /// No budget is checked with a guess.
    pub(crate) is_guess: bool,
    pub(crate) placement: Placement,
}

/// The length of a slot in milliseconds and the number of slots without a grid: quarters of an hour
/// for a week.
const BLIND: (u64, u64) = (900_000, 672);

/// The most steps of the core. A run needs no more than it has stages.
const ROUNDS: usize = 10_000;

impl Placing {
    /// Places the stages of a spec that would run now. Tasks that come from the cache according to
    /// `previews` need no placement.
    ///
    /// # Errors
    /// Fails if no pool may run a stage, or if the core refuses a fact, which is a bug in it.
    pub(crate) fn ahead(
        spec: &Arc<RunSpec>,
        foreknown: Foreknown<'_>,
        fleet: Arc<Fleet>,
        outlook: Arc<Outlook>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let mut stages = Vec::new();
        let mut late = None;
        let previews = foreknown.previews;
        if let Some(problem) = question(spec, &foreknown, (&fleet, &outlook), now)? {
            let problem = with_files(without_cached(&problem, previews), spec, previews);
            let solution = Sunward::default().solve(&problem);
            late = foreseen(spec, &problem.asks, &solution.placements, now);
            let at_home = at_home::of_problem(&problem);
            let answers = solution.placements.into_iter().zip(at_home);
            for (ask, (placement, at_home_now_micrograms)) in problem.asks.iter().zip(answers) {
                let Some(placement) = placement else {
                    continue;
                };
                let placement = Placement {
                    likely: Likely::of(&placement, &outlook, &fleet),
                    at_home_now_micrograms,
                    timing: ask.timing,
                    ..placement
                };
                let planned = spec.plan.stage(ask.id.stage);
                stages.push(PlacedStage {
                    stage: planned.map_or_else(String::new, |one| one.stage.name.clone()),
                    is_guess: ask.timing.source == TimeSource::Assumed,
                    ask: ask.clone(),
                    placement,
                });
            }
        }
        Ok(Self {
            fleet,
            outlook,
            late,
            stages,
            has_grid: true,
        })
    }

    /// As [`Placing::ahead`], for one machine without a grid. The result has energy and times only.
    ///
    /// # Errors
    /// As [`Placing::ahead`].
    pub(crate) fn without_grid(
        spec: &Arc<RunSpec>,
        foreknown: Foreknown<'_>,
        (gpus, cpus): (u32, u32),
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let here = Pool {
            name: HERE.to_owned(),
            ..Pool::default()
        };
        let (slot_ms, slots) = BLIND;
        let slots = usize::try_from(slots).unwrap_or(0);
        let outlook = Outlook {
            issued_at: now,
            slot_ms,
            first_slot: now.0 / slot_ms,
            zones: vec![ZoneOutlook {
                intensity_mg_per_kwh: vec![0; slots],
                error_permille: vec![0; slots],
                surplus: vec![false; slots],
                ..ZoneOutlook::default()
            }],
            pools: vec![PoolOutlook {
                gpus: vec![gpus; slots],
                cpus: vec![cpus; slots],
            }],
        };
        let fleet = Arc::new(Fleet { pools: vec![here] });
        let placing = Self::ahead(spec, foreknown, fleet, Arc::new(outlook), now)?;
        Ok(Self {
            has_grid: false,
            ..placing
        })
    }

    /// The deadline that is expected to be missed, by how much, and why.
    pub(crate) fn late(&self) -> Option<LateView> {
        self.late.as_ref().map(LateView::foreseen)
    }

    /// Whether every stage has a place.
    pub(crate) fn is_whole(&self) -> bool {
        let mut stages = self.stages.iter();
        stages.all(|one| !one.placement.segments.is_empty())
    }

    /// Each placement with its stage's name, for pictures.
    pub(crate) fn named(&self) -> Vec<(String, Placement)> {
        self.stages
            .iter()
            .map(|one| (one.stage.clone(), one.placement.clone()))
            .collect()
    }

    /// The part of the budget that the run would exceed. Only stages of known duration count: the
    /// guess of an hour would refuse runs that take a second.
    pub(crate) fn overrun(&self, budget: &Budget) -> Option<Overrun> {
        let known = || self.stages.iter().filter(|one| !one.is_guess);
        let micrograms = known().map(|one| one.placement.expected_micrograms).sum();
        let millijoules = known().map(|one| energy(&one.ask)).sum();
        Overrun::of(budget, self.has_grid.then_some(micrograms), millijoules)
    }

    /// The IT energy that all stages are expected to use, in millijoules.
    pub(crate) fn millijoules(&self) -> u64 {
        self.stages.iter().map(|one| energy(&one.ask)).sum()
    }
}

/// The IT energy of a stage, in millijoules.
pub(crate) fn energy(ask: &Ask) -> u64 {
    let one = u128::from(ask.task_milliwatts) * u128::from(ask.task_ms) / 1000;
    u64::try_from(one.saturating_mul(u128::from(ask.tasks))).unwrap_or(u64::MAX)
}

/// The problem that the core would give to the solver if the run were submitted now.
fn question(
    spec: &Arc<RunSpec>,
    foreknown: &Foreknown<'_>,
    (fleet, outlook): (&Arc<Fleet>, &Arc<Outlook>),
    now: Timestamp,
) -> anyhow::Result<Option<Arc<Problem>>> {
    let mut state = State::looking_ahead();
    let inputs = [
        Input::Start,
        Input::Fleet {
            fleet: Arc::clone(fleet),
        },
        Input::Times {
            times: Arc::clone(foreknown.history),
        },
        Input::Curtailments {
            curtailments: Arc::clone(&foreknown.curtailments),
        },
        Input::Outlook {
            outlook: Arc::clone(outlook),
        },
        Input::Submit {
            run: RunId(1),
            spec: Arc::clone(spec),
        },
    ];
    let mut asked = None;
    for input in inputs {
        let step = decide(&state, now, input);
        take(&mut state, step, &mut asked)?;
    }
    for _ in 0..ROUNDS {
        let step = advance(&state, now);
        if asked.is_some() || (step.facts.is_empty() && step.orders.is_empty()) {
            break;
        }
        take(&mut state, step, &mut asked)?;
    }
    Ok(asked)
}

fn take(
    state: &mut State,
    step: sunward_core::Step,
    asked: &mut Option<Arc<Problem>>,
) -> anyhow::Result<()> {
    for fact in &step.facts {
        if let Fact::Unresolvable { failure, .. } = fact {
            anyhow::bail!("{}", failure.message);
        }
        apply(state, fact).map_err(|why| anyhow::anyhow!("{why}"))?;
    }
    for order in step.orders {
        if let Order::Solve { problem } = order {
            asked.get_or_insert(problem);
        }
    }
    Ok(())
}

/// The problem with the files that stages read. They are at home. A run knows them once a stage's
/// inputs are bound.
fn with_files(mut problem: Problem, spec: &RunSpec, previews: &[StagePreview]) -> Problem {
    for ask in &mut problem.asks {
        let planned = spec.plan.stage(ask.id.stage);
        let preview = previews.get(ask.id.stage.place());
        let known = preview.map_or(&[][..], |preview| &preview.file_bytes);
        let bytes = planned.map_or(0, |planned| sizes::stage_bytes(spec, &planned.stage, known));
        if ask.data.is_empty() && bytes > 0 {
            ask.data.push((ask.home, bytes));
        }
    }
    problem
}

/// The problem without cached tasks. A stage that would wait for a stage without tasks waits for
/// the predecessors of that stage.
fn without_cached(problem: &Problem, previews: &[StagePreview]) -> Problem {
    let left: BTreeMap<u32, u32> = previews
        .iter()
        .enumerate()
        .filter_map(|(at, preview)| {
            let at = u32::try_from(at).ok()?;
            Some((at, preview.tasks?.saturating_sub(preview.cached)))
        })
        .collect();
    let mut kept: Vec<Option<u32>> = Vec::with_capacity(problem.asks.len());
    let mut asks: Vec<Ask> = Vec::with_capacity(problem.asks.len());
    let mut behind: Vec<Vec<u32>> = Vec::with_capacity(problem.asks.len());
    for ask in &problem.asks {
        let mut after: Vec<u32> = Vec::new();
        for before in &ask.after {
            let before = usize::try_from(*before).unwrap_or(usize::MAX);
            match kept.get(before).copied().flatten() {
                Some(at) => after.push(at),
                None => after.extend(behind.get(before).into_iter().flatten()),
            }
        }
        after.sort_unstable();
        after.dedup();
        let tasks = left.get(&ask.id.stage.0).copied().unwrap_or(ask.tasks);
        if tasks == 0 {
            kept.push(None);
        } else {
            kept.push(u32::try_from(asks.len()).ok());
            asks.push(Ask {
                tasks,
                after: after.clone(),
                ..ask.clone()
            });
        }
        behind.push(after);
    }
    Problem {
        asks,
        ..problem.clone()
    }
}
