//! Builds the placement problem: one ask for each stage that needs a placement.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::course::{Course, limits};
use crate::estimate;
use crate::fact::Fact;
use crate::failure::{Failure, FailureKind};
use crate::ids::{StageId, Timestamp, index_of, place};
use crate::order::{Order, Step};
use crate::place::{Ask, AskId, DAY_MS, Outlook, Placement, Prefer, Problem, Reserved, Work};
use crate::plan::PlannedStage;
use crate::pool::Fleet;
use crate::state::agenda::add;
use crate::state::stage::StageState;
use crate::state::{RunState, State};
use crate::task::TaskStatus;

/// A stage that runs longer than expected is assumed to hold its pool for this many more slots: the
/// current one and the next.
const OVERRUN_SLOTS: u64 = 2;

/// Asks the placer about all stages that need a placement. Asks are in the order of the stages'
/// ids, so that each comes after its upstream stages. Nothing is asked while an answer is
/// outstanding, or while this step makes more stages need a placement.
pub(super) fn ask(state: &State, now: Timestamp, step: &mut Step) {
    let agenda = &state.agenda;
    let (Some(fleet), Some(outlook)) = (&agenda.fleet, &agenda.outlook) else {
        return;
    };
    let more_to_come = || {
        let lapsed = |fact: &Fact| matches!(fact, Fact::PlacementLapsed { .. });
        step.facts.iter().any(lapsed)
    };
    if agenda.wanted.is_empty() || !agenda.solving.is_empty() || more_to_come() {
        return;
    }
    let mut asking = Asking::new(state, fleet, outlook, now);
    let mut run: Option<(&RunState, Course)> = None;
    for ask in &agenda.wanted {
        if run.as_ref().is_none_or(|(run, _)| run.id != ask.run) {
            run = state
                .runs
                .get(&ask.run)
                .map(|run| (run, Course::of(state, run, now)));
        }
        if let Some((run, course)) = &run {
            asking.add(run, ask.stage, course);
        }
    }
    asking.finish(step);
}

/// A problem under construction.
struct Asking<'a> {
    state: &'a State,
    fleet: &'a Arc<Fleet>,
    outlook: &'a Arc<Outlook>,
    now: Timestamp,
    asks: Vec<Ask>,
    /// The index of each stage in `asks`.
    places: BTreeMap<AskId, u32>,
    /// A failure for each stage that no pool may run.
    nowhere: Vec<Fact>,
    transfer: u64,
}

impl<'a> Asking<'a> {
    const fn new(
        state: &'a State,
        fleet: &'a Arc<Fleet>,
        outlook: &'a Arc<Outlook>,
        now: Timestamp,
    ) -> Self {
        Self {
            state,
            fleet,
            outlook,
            now,
            asks: Vec::new(),
            places: BTreeMap::new(),
            nowhere: Vec::new(),
            transfer: 0,
        }
    }

    fn add(&mut self, run: &RunState, id: StageId, course: &Course) {
        let Some((planned, stage)) = run.get(id) else {
            return;
        };
        let allowed = estimate::allowed(&self.state.agenda, &run.spec, planned);
        if allowed.is_empty() {
            self.nowhere.push(Fact::Unresolvable {
                run: run.id,
                stage: id,
                failure: nowhere(self.state, run, planned),
            });
            return;
        }
        let id = AskId {
            run: run.id,
            stage: id,
        };
        let home = estimate::home(self.fleet, &run.spec, planned);
        let each = estimate::each(&self.state.agenda, planned, &allowed);
        let tasks = stage.not_begun(planned);
        let width = planned.stage.max_parallel.unwrap_or(tasks).clamp(1, tasks);
        let ready_at = course.ready_at(run, planned, self.now);
        let ready_at = ready_at.max(next_round(planned, stage));
        let upstream = planned.upstream.iter().map(|stage| AskId {
            run: run.id,
            stage: *stage,
        });
        let after: Vec<u32> = upstream
            .filter_map(|id| self.places.get(&id).copied())
            .collect();
        let ready_by = after.iter().filter_map(|one| {
            let before = self.asks.get(place(*one))?;
            let soonest = before.ready_at.after_ms(before.length_ms(before.width));
            Some(before.finish_by.unwrap_or(soonest))
        });
        // What waits for others may begin so long after the latest of their ends.
        let ready_by = ready_by.max().map_or(ready_at, |by| by.max(ready_at));
        let (start_by, finish_by) = limits(run, id.stage, planned, course, ready_by);
        let max_delay_ms = start_by
            .filter(|_| !after.is_empty())
            .map(|by| by.since_ms(ready_by));
        let timings = course.timings.get(id.stage.place());
        let timing = timings.copied().unwrap_or_default();
        self.transfer = self
            .transfer
            .max(run.spec.placing.transfer_milliwatt_hours_per_gb);
        self.places.insert(id, index_of(self.asks.len()));
        self.asks.push(Ask {
            id,
            after,
            project: run.spec.placing.project.clone(),
            priority: run.spec.placing.priority,
            since: run.submitted_at,
            tasks,
            width,
            gpus: each.gpus,
            cpus: each.cpus,
            task_ms: timing.task_ms,
            timing,
            task_milliwatts: each.milliwatts,
            ready_at,
            finish_by: finish_by.map(|latest| latest.end),
            margin_ms: finish_by.map_or(0, |latest| latest.margin_ms),
            start_by,
            max_delay_ms,
            data: estimate::inputs(run, planned, stage, home),
            allowed,
            home,
            prefer: prefer(run, planned),
            previous: previous(stage),
        });
    }

    fn finish(mut self, step: &mut Step) {
        step.facts.append(&mut self.nowhere);
        if self.asks.is_empty() {
            return;
        }
        let agenda = &self.state.agenda;
        step.facts.push(Fact::SolveRequested {
            at: self.now,
            asks: self.asks.iter().map(|ask| ask.id).collect(),
        });
        let runs = self.asks.iter().map(|ask| ask.id.run);
        let mut demand = agenda.arrivals.demand(self.now, runs);
        if demand.all != Work::default() {
            demand.all = demand.all.less(self.promised());
        }
        let problem = Problem {
            now: self.now,
            fleet: Arc::clone(self.fleet),
            outlook: Arc::clone(self.outlook),
            reserved: reserved(self.state, self.outlook, self.now),
            curtailments: Arc::clone(&agenda.curtailed.known),
            shares: shares(self.state, &self.asks),
            demand,
            asks: self.asks,
            transfer_milliwatt_hours_per_gb: self.transfer,
        };
        step.orders.push(Order::Solve {
            problem: Arc::new(problem),
        });
    }
}

impl Asking<'_> {
    /// The work of a day that waits for its start outside of this problem. What it needs is reserved
    /// and no longer free, so it is no part of the demand for what is.
    fn promised(&self) -> Work {
        let state = self.state;
        let day = self.now..self.now.after_ms(DAY_MS);
        let others = state.agenda.movable.iter();
        let others = others.filter(|ask| !self.places.contains_key(ask));
        let placed = others.filter_map(|ask| {
            let (_, stage) = state.runs.get(&ask.run)?.get(ask.stage)?;
            stage.placed.as_deref()
        });
        let work = placed.map(|placed| placed.waiting(&day));
        work.fold(Work::default(), Work::and)
    }
}

/// The capacity that placed stages have reserved. Tasks that run longer than expected keep their
/// pools for some more slots; what was to end just now has ended, or ends now. The reservations are
/// copied only when there are such tasks.
fn reserved(state: &State, outlook: &Outlook, now: Timestamp) -> Arc<Reserved> {
    let agenda = &state.agenda;
    let late = agenda.ends.iter().take_while(|(end, _)| *end < now);
    let mut reserved = Arc::clone(&agenda.reserved);
    let first = now.0.checked_div(outlook.slot_ms).unwrap_or(0);
    for (_, id) in late {
        let stage = state.runs.get(&id.run).and_then(|run| run.get(id.stage));
        let placed = stage.and_then(|(_, stage)| {
            let active = stage.counts.of(TaskStatus::Active);
            Some((stage.placed.as_deref()?, active))
        });
        let Some((placed, active)) = placed else {
            continue;
        };
        for segment in placed.begun(active) {
            let pools = &mut Arc::make_mut(&mut reserved).pools;
            let place = segment.pool.place();
            if pools.len() <= place {
                pools.resize(place + 1, BTreeMap::new());
            }
            if let Some(pool) = pools.get_mut(place) {
                for slot in first..first.saturating_add(OVERRUN_SLOTS) {
                    add(pool.entry(slot).or_default(), placed.each, segment.at_once);
                }
            }
        }
    }
    reserved
}

/// When the next tasks of a stage may begin, if as many run now as may: when those are expected to
/// end. The default if others may begin now.
fn next_round(planned: &PlannedStage, stage: &StageState) -> Timestamp {
    let active = stage.counts.of(TaskStatus::Active);
    if active == 0 || stage.slack(planned) > 0 {
        return Timestamp::default();
    }
    let running = stage.placed.iter().flat_map(|placed| placed.begun(active));
    running.map(|one| one.end).max().unwrap_or_default()
}

/// For each project, its weight from its newest run and its usage so far.
fn shares(state: &State, asks: &[Ask]) -> BTreeMap<String, (u32, u64)> {
    let agenda = &state.agenda;
    let mut shares: BTreeMap<String, (u32, u64)> = BTreeMap::new();
    // Asks are sorted by run, so the weight of the newest run is kept.
    for ask in asks {
        let run = state.runs.get(&ask.id.run);
        let weight = run.map_or(1000, |run| run.spec.placing.weight_permille);
        if let Some(share) = shares.get_mut(&ask.project) {
            share.0 = weight;
        } else {
            let used = agenda.used.get(&ask.project).copied().unwrap_or(0);
            shares.insert(ask.project.clone(), (weight, used));
        }
    }
    shares
}

/// The stage's current placement, unless some of it has begun.
fn previous(stage: &StageState) -> Option<Placement> {
    let placed = stage.placed.as_deref()?;
    let untouched = placed.used.iter().all(|used| *used == 0);
    untouched.then(|| placed.placement.clone())
}

fn prefer(run: &RunState, planned: &PlannedStage) -> Vec<Prefer> {
    let said = [&planned.stage.place.prefer, &run.spec.workflow.place.prefer];
    let words = said.into_iter().find(|words| !words.is_empty());
    let known: Vec<Prefer> = words
        .into_iter()
        .flatten()
        .filter_map(|word| match word.as_str() {
            "carbon" => Some(Prefer::Carbon),
            "surplus" => Some(Prefer::Surplus),
            "idle" => Some(Prefer::Idle),
            "time" => Some(Prefer::Time),
            "cost" => Some(Prefer::Cost),
            _ => None,
        })
        .collect();
    if known.is_empty() {
        vec![Prefer::Carbon]
    } else {
        known
    }
}

/// The failure of a stage that no pool may run.
fn nowhere(state: &State, run: &RunState, planned: &PlannedStage) -> Failure {
    Failure {
        kind: FailureKind::Input,
        message: estimate::why_nowhere(&state.agenda, &run.spec, planned),
        log_tail: String::new(),
        ran_on: None,
    }
}
