//! Answers to orders: inputs resolved, results looked up.

use sunward_workflows::params_of;

use crate::dataset::{Dataset, TaskResult};
use crate::fact::Fact;
use crate::failure::{Failure, FailureKind};
use crate::ids::{RunId, StageId, Timestamp, index_of};
use crate::names;
use crate::order::Step;
use crate::plan::Tasks;
use crate::state::State;
use crate::state::stage::Phase;

/// A stage's inputs and tasks were resolved, or could not be.
pub(super) fn resolved(
    state: &State,
    now: Timestamp,
    run: RunId,
    id: StageId,
    answer: Result<(Vec<Dataset>, Tasks), Failure>,
) -> Step {
    let Some((planned, stage)) = state.runs.get(&run).and_then(|one| one.get(id)) else {
        return Step::default();
    };
    if stage.phase != Phase::Resolving {
        return Step::default();
    }
    let ports = planned.stage.inputs.len();
    // The resolver knows the tasks of a scatter, and the plan how often each is repeated.
    let answer = answer.map(|(inputs, tasks)| (inputs, tasks.repeated(planned.repeat)));
    let params = state.runs.get(&run).map(|run| &run.spec.params);
    let params = params.map(|all| params_of(&planned.stage.name, all));
    let unusable = |inputs: &[Dataset], tasks: &Tasks| {
        names::unusable(&planned.stage, params.as_deref()?, inputs, tasks)
    };
    let wrong =
        |inputs: &[Dataset], tasks: &Tasks| tasks.too_many().or_else(|| unusable(inputs, tasks));
    let answer = answer.and_then(|(inputs, tasks)| match wrong(&inputs, &tasks) {
        Some(message) => Err(Failure {
            kind: FailureKind::Input,
            message: format!("stage {}: {message}", planned.stage.name),
            log_tail: String::new(),
            ran_on: None,
        }),
        None => Ok((inputs, tasks)),
    });
    let fact = match answer {
        Ok((inputs, tasks)) if inputs.len() == ports => Fact::Resolved {
            run,
            stage: id,
            inputs,
            tasks,
            at: now,
        },
        Ok((inputs, _)) => Fact::Unresolvable {
            run,
            stage: id,
            failure: Failure {
                kind: FailureKind::Infrastructure,
                message: format!(
                    "stage {} has {ports} inputs, but {} were resolved; this is a bug in Sunward, \
                     please report it",
                    planned.stage.name,
                    inputs.len()
                ),
                log_tail: String::new(),
                ran_on: None,
            },
        },
        Err(failure) => Fact::Unresolvable {
            run,
            stage: id,
            failure,
        },
    };
    Step {
        facts: vec![fact],
        orders: Vec::new(),
    }
}

/// The results under some keys were looked up.
pub(super) fn looked_up(
    state: &State,
    run: RunId,
    id: StageId,
    first: u32,
    count: u32,
    mut hits: Vec<(u32, TaskResult)>,
) -> Step {
    let Some((planned, stage)) = state.runs.get(&run).and_then(|one| one.get(id)) else {
        return Step::default();
    };
    let end = first.saturating_add(count);
    if !stage.asked.contains(first, end) {
        return Step::default();
    }
    hits.retain(|(index, _)| (first..end).contains(index));
    hits.sort_by_key(|(index, _)| *index);
    hits.dedup_by_key(|(index, _)| *index);
    let fact = if stage.from_cache && index_of(hits.len()) < count {
        Fact::Unresolvable {
            run,
            stage: id,
            failure: left_out(&planned.stage.name),
        }
    } else {
        Fact::LookedUp {
            run,
            stage: id,
            first,
            count,
            hits,
        }
    };
    Step {
        facts: vec![fact],
        orders: Vec::new(),
    }
}

/// The failure of a stage that `--only` left out although a selected stage needs its results, and
/// the cache lacks them.
pub(crate) fn left_out(stage: &str) -> Failure {
    Failure {
        kind: FailureKind::Input,
        message: format!(
            "--only left out stage {stage}, and its results are not all in the cache; run it once, \
             with --until {stage} or without --only"
        ),
        log_tail: String::new(),
        ran_on: None,
    }
}
