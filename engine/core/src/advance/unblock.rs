//! Handles stages whose upstream stages ended, or gave enough to follow them: they start, are skipped, or cannot start.

use std::collections::BTreeSet;
use std::sync::Arc;

use sunward_workflows::{Scope, Template, Value, params_of};

use crate::decide::left_out;
use crate::fact::{Fact, SkipReason};
use crate::failure::{Failure, FailureKind};
use crate::ids::{StageId, Timestamp};
use crate::order::{Order, Step};
use crate::plan::PlannedStage;
use crate::state::stage::{Phase, StageEnd, looks_up};
use crate::state::{RunState, State};
use crate::statuses::{condition_asks, is_left_out, statuses_for};

/// The most stages handled in one step.
const BATCH: usize = 1024;

/// Handles the stages that wait for nothing more.
pub(super) fn unblock(state: &State, run: &RunState, now: Timestamp, step: &mut Step) {
    let ready = run.unblocked.iter().copied();
    let ready = ready.filter(|id| !waits_for_place(state, run, *id));
    for id in ready.take(BATCH) {
        take_up(run, id, now, step);
    }
}

/// Whether a stage that could follow others waits for their ends: a placement puts whole stages one after
/// the other, so where it decides, stages open one after the other.
fn waits_for_place(state: &State, run: &RunState, id: StageId) -> bool {
    let places = |id: StageId| {
        let planned = run.spec.plan.stage(id);
        planned.is_some_and(|planned| state.agenda.governs(&run.spec, planned))
    };
    let mut followed = run.followed(id).peekable();
    followed.peek().is_some() && (places(id) || followed.any(places))
}

fn take_up(run: &RunState, id: StageId, now: Timestamp, step: &mut Step) {
    let Some((planned, stage)) = run.get(id) else {
        return;
    };
    let skip = |reason| Fact::Skipped {
        run: run.id,
        stage: id,
        reason,
    };
    let cannot = |failure| Fact::Unresolvable {
        run: run.id,
        stage: id,
        failure,
    };
    if !planned.selected && !stage.from_cache {
        step.facts.push(skip(SkipReason::NotSelected));
        return;
    }
    let asks = condition_reads(run, planned);
    if let Some(reason) = barred(run, planned, &asks) {
        step.facts.push(skip(reason));
        return;
    }
    match holds(run, planned, &asks) {
        Ok(true) => {}
        Ok(false) => {
            step.facts.push(skip(SkipReason::Condition));
            return;
        }
        Err(failure) => {
            step.facts.push(cannot(failure));
            return;
        }
    }
    if stage.from_cache && !looks_up(planned) {
        step.facts.push(cannot(left_out(&planned.stage.name)));
        return;
    }
    match &planned.tasks {
        Some(tasks) if planned.stage.inputs.is_empty() => step.facts.push(Fact::Resolved {
            run: run.id,
            stage: id,
            inputs: Vec::new(),
            tasks: tasks.clone(),
            at: now,
        }),
        Some(_) | None => {
            step.facts.push(Fact::ResolveRequested {
                run: run.id,
                stage: id,
            });
            step.orders.push(Order::Resolve {
                run: run.id,
                stage: id,
            });
        }
    }
}

/// The stages whose status the stage's conditions read.
fn condition_reads(run: &RunState, planned: &PlannedStage) -> BTreeSet<String> {
    let upstream = planned.upstream.iter().filter_map(|id| run.get(*id));
    let names = upstream.map(|(planned, _)| planned.stage.name.as_str());
    condition_asks(&planned.stage, names)
}

/// The reason to skip a stage because of an upstream stage. An upstream stage that it only `needs`,
/// and whose status its condition reads, is no reason: the condition decides. Neither is one that
/// another source of a `first` replaces.
fn barred(run: &RunState, planned: &PlannedStage, asks: &BTreeSet<String>) -> Option<SkipReason> {
    let all = || {
        let upstream = planned.upstream.iter().filter_map(|id| run.get(*id));
        upstream.map(|(other, state)| {
            let is_skipped = matches!(state.phase, Phase::Ended(StageEnd::Skipped(_)));
            (other.stage.name.as_str(), is_skipped)
        })
    };
    let mut skipped = None;
    for &id in &planned.upstream {
        let (upstream, state) = run.get(id)?;
        let reason = match &state.phase {
            Phase::Ended(StageEnd::Succeeded) | Phase::Waiting | Phase::Resolving | Phase::Open => {
                continue;
            }
            Phase::Ended(StageEnd::Failed | StageEnd::Cancelled) => SkipReason::UpstreamFailed(id),
            // The stage that failed first is told, and not the last of those that wait for it.
            Phase::Ended(StageEnd::Skipped(SkipReason::UpstreamFailed(failed))) => {
                SkipReason::UpstreamFailed(*failed)
            }
            Phase::Ended(StageEnd::Skipped(_)) => SkipReason::UpstreamSkipped(id),
        };
        let name = &upstream.stage.name;
        if !planned
            .stage
            .depends_on(name, |stage| run.was_skipped(stage))
        {
            continue;
        }
        if asks.contains(name) && !planned.stage.reads_from(name) {
            continue;
        }
        if matches!(reason, SkipReason::UpstreamSkipped(_))
            && !is_left_out(&planned.stage, name, all())
        {
            continue;
        }
        match reason {
            SkipReason::UpstreamFailed(_) => return Some(reason),
            SkipReason::UpstreamSkipped(_)
            | SkipReason::Condition
            | SkipReason::NotSelected
            | SkipReason::Cancelled => {
                skipped.get_or_insert(reason);
            }
        }
    }
    skipped
}

/// Whether the stage's conditions hold. A stage without a condition always runs.
fn holds(run: &RunState, planned: &PlannedStage, asks: &BTreeSet<String>) -> Result<bool, Failure> {
    for (reader, condition) in planned.stage.conditions() {
        if !one_holds(run, reader, condition, asks)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether one condition holds, which is written at the stage `reader`.
fn one_holds(
    run: &RunState,
    reader: &str,
    condition: &Template,
    asks: &BTreeSet<String>,
) -> Result<bool, Failure> {
    let status = |name| Some((str::as_ref(name), run.find(name)?.status_word()));
    let stages = statuses_for(reader, asks.iter().map(String::as_str).filter_map(status));
    let scope = Scope {
        params: Arc::new(params_of(reader, &run.spec.params).into_owned()),
        stages,
        run: [
            ("id", run.id.to_string()),
            ("name", run.spec.workflow.name.clone()),
        ]
        .map(|(name, text)| (name.to_owned(), Value::String(text)))
        .into(),
        ..Scope::default()
    };
    condition.condition(&scope).map_err(|error| Failure {
        kind: FailureKind::Input,
        message: format!("stage {reader}: its `if` cannot be evaluated: {error}"),
        log_tail: String::new(),
        ran_on: None,
    })
}
