//! Inputs about pools and grids, and answers of the placer.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::at_home::Course;
use crate::curtailment::Curtailments;
use crate::estimate;
use crate::fact::Fact;
use crate::ids::{StageId, Timestamp};
use crate::ledger::{Actuals, Quarter, Signal};
use crate::margin;
use crate::order::Step;
use crate::place::{AskId, Likely, Outlook, Placement, Segment, Solution};
use crate::pool::Fleet;
use crate::state::placed::Asking;
use crate::state::stage::Phase;
use crate::state::{RunState, State, Times};

/// The fleet is known. The same fleet again gives no fact.
pub(super) fn fleet(state: &State, fleet: Arc<Fleet>) -> Step {
    if state.agenda.fleet.as_ref() == Some(&fleet) {
        return Step::default();
    }
    Step {
        facts: vec![Fact::FleetKnown { fleet }],
        orders: Vec::new(),
    }
}

/// The times of archived runs. The same times again give no fact.
pub(super) fn times(state: &State, times: Arc<Times>) -> Step {
    if state.agenda.archived_paces == *times {
        return Step::default();
    }
    Step {
        facts: vec![Fact::TimesKnown { times }],
        orders: Vec::new(),
    }
}

/// A new outlook. The same outlook again gives no fact.
pub(super) fn outlook(state: &State, outlook: Arc<Outlook>) -> Step {
    if state.agenda.outlook.as_ref() == Some(&outlook) {
        return Step::default();
    }
    Step {
        facts: vec![Fact::OutlookKnown { outlook }],
        orders: Vec::new(),
    }
}

/// What grid operators ask of pools. The same again gives no fact, but each engine is told once, so
/// that the facts of a run contain it.
pub(super) fn curtailments(state: &State, now: Timestamp, curtailments: Arc<Curtailments>) -> Step {
    let curtailed = &state.agenda.curtailed;
    let is_settled = curtailed.is_confirmed || curtailments.is_empty();
    if curtailed.known == curtailments && is_settled {
        return Step::default();
    }
    Step {
        facts: vec![Fact::CurtailmentsKnown {
            at: now,
            curtailments,
        }],
        orders: Vec::new(),
    }
}

/// What was read of zones. Measurements are repeated by their feeds and give a fact only if they
/// change a figure. The signals are a fact if they change, or if such measurements come with them:
/// those are known since the moment that is written with the signals.
pub(super) fn figures(
    state: &State,
    now: Timestamp,
    signals: Vec<Signal>,
    measured: &[Actuals],
) -> Step {
    let told: BTreeMap<&str, &Signal> = if signals.is_empty() {
        let known = state.signals.1.iter();
        known.map(|(zone, one)| (zone.as_str(), one)).collect()
    } else {
        let now = signals.iter();
        now.map(|one| (one.zone.as_str(), one)).collect()
    };
    let known = &state.signals.1;
    let changed = told.len() != known.len() || !told.values().copied().eq(known.values());
    let from = state.oldest_active().map(Quarter::of).unwrap_or_default();
    let news = measured.iter().filter_map(|one| {
        let signal = told.get(one.zone.as_str()).copied();
        state.intensities.news(one, signal, from)
    });
    let news: Vec<Actuals> = news.collect();
    let mut facts = Vec::new();
    if !signals.is_empty() && (changed || !news.is_empty()) {
        facts.push(Fact::SignalsKnown { at: now, signals });
    }
    let news = news.into_iter();
    facts.extend(news.map(|actuals| Fact::ActualsKnown { actuals }));
    Step {
        facts,
        orders: Vec::new(),
    }
}

/// The placer answered. An answer to an outdated problem is dropped. Stages that the answer leaves
/// out, and stages that have ended since, do not change.
pub(super) fn solved(state: &State, now: Timestamp, asks: &[AskId], solution: Solution) -> Step {
    if asks.is_empty() || !asks.iter().eq(state.agenda.solving.keys()) {
        return Step::default();
    }
    let late = solution.late;
    let mut answers = solution.placements.into_iter();
    let mut facts = Vec::new();
    let mut course: Option<Course> = None;
    for ask in asks {
        let answer = answers.next().flatten();
        let Some(run) = state.runs.get(&ask.run) else {
            continue;
        };
        let mut fact = placed(state, run, now, ask.stage, answer);
        if let Some(Fact::Placed { placement, .. }) = &mut fact {
            // Asks are sorted by run.
            let course = match course.take().filter(|course| course.run == run.id) {
                Some(known) => course.insert(known),
                None => course.insert(Course::of(state, run)),
            };
            placement.timing = margin::timing(state, run, ask.stage);
            let tasks = state.agenda.solving.get(ask).copied().unwrap_or(1);
            placement.at_home_now_micrograms = course.expected(state, run, ask.stage, tasks);
            if let (Some(outlook), Some(fleet)) = (&state.agenda.outlook, &state.agenda.fleet) {
                placement.likely = Likely::of(placement, outlook, fleet);
            }
        }
        facts.extend(fact);
    }
    facts.push(Fact::Solved {
        again: late && may_give_way(state),
    });
    Step {
        facts,
        orders: Vec::new(),
    }
}

/// Whether stages that were not part of the problem hold reservations that have not begun. Once all
/// of them are part of the problem there are none, so a stage that stays late does not cause
/// requests without end.
fn may_give_way(state: &State) -> bool {
    let others = state.agenda.movable.iter();
    let mut others = others.filter(|ask| !state.agenda.solving.contains_key(ask));
    others.any(|ask| {
        let stage = state.runs.get(&ask.run).and_then(|run| run.get(ask.stage));
        stage.is_some_and(|(planned, stage)| {
            stage.placed.is_some() && stage.asking == Asking::No && stage.not_begun(planned) > 0
        })
    })
}

/// The new placement of a stage, if it differs from the current one.
fn placed(
    state: &State,
    run: &RunState,
    now: Timestamp,
    id: StageId,
    answer: Option<Placement>,
) -> Option<Fact> {
    let ask = AskId {
        run: run.id,
        stage: id,
    };
    let (planned, stage) = run.get(id)?;
    // The stage has ended, or was resumed with another spec; then a new request is made.
    if stage.asking != Asking::Asked || matches!(stage.phase, Phase::Ended(_)) {
        return None;
    }
    let asked = state.agenda.solving.get(&ask).copied().unwrap_or(1);
    let before = stage.placed.as_deref();
    let look_at = run.next_look(id, &state.agenda);
    let is_overdue = look_at.is_some_and(|at| at <= now);
    let mut placement = match (answer, before) {
        (Some(answer), _) => answer,
        (None, Some(before)) if is_overdue => before.placement.clone(),
        (None, Some(_)) => return None,
        (None, None) => estimate::at_once(state, run, ask.stage, now, asked)?,
    };
    if is_overdue {
        // Room was looked for. The next look is a slot later, even if nothing changes.
        placement.decided_at = now;
    }
    fit(&mut placement, asked);
    // A placement that was made before the stage was ready is confirmed once it is, even if nothing
    // changes. Otherwise it would lapse again at once, and the stage be asked about without end.
    let confirms = before.is_some_and(|before| before.early) && stage.phase == Phase::Open;
    let stands = before.is_some_and(|before| {
        let unused = before.used.iter().all(|used| *used == 0);
        before.placement.segments == placement.segments && unused && !confirms && !is_overdue
    });
    (!stands).then(|| Fact::Placed {
        run: ask.run,
        stage: ask.stage,
        each: estimate::each(
            &state.agenda,
            planned,
            &estimate::allowed(&state.agenda, &run.spec, planned),
        ),
        placement,
    })
}

/// Makes the segments hold exactly the tasks that were asked for, so that no task is without a
/// segment and none is in two.
fn fit(placement: &mut Placement, asked: u32) {
    let mut left = asked;
    for segment in &mut placement.segments {
        segment.tasks = segment.tasks.min(left);
        left -= segment.tasks;
    }
    if let Some(last) = placement.segments.last_mut() {
        last.tasks += left;
    }
    placement.segments.retain(|segment| segment.tasks > 0);
    placement
        .segments
        .sort_by_key(|segment: &Segment| (segment.start, segment.pool));
}
