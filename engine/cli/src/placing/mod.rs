//! Where and when a run's stages would go, before it runs: the brain is asked as it would be asked
//! by the run itself.

mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_core::place::{Ask, Outlook, Placement, Placer, Problem, Sunward};
use sunward_core::{
    Fleet, Input, Order, Overrun, RunId, RunSpec, StagePreview, State, Timestamp, advance, apply,
    decide,
};
use sunward_workflows::Budget;

pub(crate) use view::{PlacingView, grams, reason};

/// The stages that would run, each with what it asks for and where it would go.
pub(crate) struct Placing {
    /// The pools.
    pub(crate) fleet: Arc<Fleet>,
    /// What was known.
    pub(crate) outlook: Arc<Outlook>,
    /// Stage by stage, in the plan's order.
    pub(crate) stages: Vec<PlacedStage>,
}

/// One stage of it.
pub(crate) struct PlacedStage {
    /// Its name.
    pub(crate) stage: String,
    /// What it asks for.
    pub(crate) ask: Ask,
    /// Where it would go.
    pub(crate) placement: Placement,
}

/// More questions than a run has stages are never asked.
const ROUNDS: usize = 10_000;

impl Placing {
    /// Places what would run of a spec at this moment. What comes from the cache, as `previews`
    /// foresee it, asks for nothing.
    ///
    /// # Errors
    /// When the brain refuses what it is told, which is a mistake in it.
    pub(crate) fn ahead(
        spec: &Arc<RunSpec>,
        previews: &[StagePreview],
        fleet: Arc<Fleet>,
        outlook: Arc<Outlook>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let mut stages = Vec::new();
        if let Some(problem) = question(spec, &fleet, &outlook, now)? {
            let problem = without_cached(&problem, previews);
            let solution = Sunward::default().solve(&problem);
            for (ask, placement) in problem.asks.iter().zip(solution.placements) {
                let name = spec.plan.stage(ask.id.stage);
                stages.push(PlacedStage {
                    stage: name.map_or_else(String::new, |one| one.stage.name.clone()),
                    ask: ask.clone(),
                    placement,
                });
            }
        }
        Ok(Self {
            fleet,
            outlook,
            stages,
        })
    }

    /// Each placement with its stage's name, for pictures.
    pub(crate) fn named(&self) -> Vec<(String, Placement)> {
        self.stages
            .iter()
            .map(|one| (one.stage.clone(), one.placement.clone()))
            .collect()
    }

    /// What all of it is expected to emit, in micrograms CO2e.
    pub(crate) fn micrograms(&self) -> u64 {
        self.stages
            .iter()
            .map(|one| one.placement.expected_micrograms)
            .sum()
    }

    /// The budget that it would exceed.
    pub(crate) fn overrun(&self, budget: &Budget) -> Option<Overrun> {
        Overrun::of(budget, Some(self.micrograms()), self.millijoules())
    }

    /// IT energy that all of it is expected to use, in millijoules.
    pub(crate) fn millijoules(&self) -> u64 {
        self.stages.iter().map(|one| energy(&one.ask)).sum()
    }
}

/// IT energy of what a stage asks for, in millijoules.
pub(crate) fn energy(ask: &Ask) -> u64 {
    let one = u128::from(ask.task_milliwatts) * u128::from(ask.task_ms) / 1000;
    u64::try_from(one.saturating_mul(u128::from(ask.tasks))).unwrap_or(u64::MAX)
}

/// What the brain would ask of whoever places, if the run were submitted now.
fn question(
    spec: &Arc<RunSpec>,
    fleet: &Arc<Fleet>,
    outlook: &Arc<Outlook>,
    now: Timestamp,
) -> anyhow::Result<Option<Arc<Problem>>> {
    let mut state = State::default();
    let inputs = [
        Input::Start,
        Input::Fleet {
            fleet: Arc::clone(fleet),
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
        apply(state, fact).map_err(|why| anyhow::anyhow!("{why}"))?;
    }
    for order in step.orders {
        if let Order::Solve { problem } = order {
            asked.get_or_insert(problem);
        }
    }
    Ok(())
}

/// The same problem without what the cache holds; who waited for that waits for what it waited for.
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
