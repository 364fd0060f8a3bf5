//! Derives from the state what the loop needs: the first input, jobs, requests and keys of results.

use std::path::Path;

use sunward_core::{
    Dataset, Fact, Input, Lease, PlannedStage, RunId, StageId, State, TaskKeys, statuses_for,
};
use sunward_protocol::{ArrivedFile, Job};
use sunward_state::{Group, Reader, StateError};
use sunward_workflows::{Reference, Stage, params_of};
use tracing::Span;

use crate::resolver::{ResolveRequest, Source};
use crate::setup::Start;

/// The run that is driven, its initial state, and the first input for the core. Other runs are not
/// folded, because they do not affect this one.
pub(crate) fn beginning(
    journal: &dyn Reader,
    start: Start,
) -> Result<(RunId, State, Input), StateError> {
    match start {
        Start::Submit(spec) => {
            let run = journal.next_run_id()?;
            Ok((run, State::default(), Input::Submit { run, spec }))
        }
        Start::Resume { run, spec } => {
            let state = load(journal, run)?;
            Ok((run, state, Input::Resume { run, spec }))
        }
        Start::Retry { run, spec } => {
            let state = load(journal, run)?;
            Ok((run, state, Input::Retry { run, spec }))
        }
    }
}

fn load(journal: &dyn Reader, run: RunId) -> Result<State, StateError> {
    let state = journal.load_run(run)?;
    if state.run(run).is_none() {
        return Err(StateError::NoRun {
            run,
            path: journal.place().to_path_buf(),
        });
    }
    Ok(state)
}

/// The tracing span of a run.
pub(crate) fn run_span(state: &State, run: RunId, begin: &Input) -> Span {
    let spec = match begin {
        Input::Submit { spec, .. } | Input::Resume { spec, .. } => Some(spec),
        _ => state.run(run).map(|run| &run.spec),
    };
    let workflow = spec.map_or("", |spec| spec.workflow.name.as_str());
    tracing::info_span!("run", %run, workflow)
}

/// Adds the results in a fact to those that other runs may use.
pub(crate) fn remember_results(state: &State, fact: &Fact, group: &mut Group) {
    let Fact::Finished {
        run,
        stage,
        successes,
    } = fact
    else {
        return;
    };
    let Some(stage) = state.run(*run).and_then(|run| run.stage(*stage)) else {
        return;
    };
    let Some(tasks) = stage.tasks().filter(|_| is_shared(stage.planned)) else {
        return;
    };
    let keys = TaskKeys::new(stage.planned, stage.inputs(), tasks);
    group.results.extend(
        successes
            .iter()
            .map(|success| (keys.key(success.index), success.result.clone())),
    );
}

/// Whether a stage gives an output of the workflow.
pub(crate) fn gives_output(state: &State, run: RunId, stage: StageId) -> bool {
    state
        .run(run)
        .is_some_and(|run| run.outputs().any(|(_, of, _)| of == stage))
}

/// Whether other runs may use a stage's results.
fn is_shared(stage: &PlannedStage) -> bool {
    stage.stage.cache.enabled && !stage.reads.run
}

/// The question about a stage; `None` if there is no such stage.
pub(crate) fn resolve_request(
    state: &State,
    run_id: RunId,
    stage_id: StageId,
) -> Option<ResolveRequest> {
    let run = state.run(run_id)?;
    let stage = run.stage(stage_id)?;
    let written = |reference: &Reference| {
        let (stage, port) = reference.port()?;
        run.given(run.spec.plan.find(stage)?, port)
    };
    let source = |reference: &Reference| Source {
        reference: reference.clone(),
        written: written(reference),
    };
    let inputs = stage.planned.stage.inputs.values();
    let sources = inputs.map(|input| run.sources(input).iter().map(source).collect());
    Some(ResolveRequest {
        run: run_id,
        stage: stage_id,
        sources: sources.collect(),
        spec: std::sync::Arc::clone(&run.spec),
    })
}

/// The datasets that a stage reads: its resolved inputs, or else what its upstream stages have
/// written.
pub(crate) fn read_by(state: &State, run: RunId, stage: StageId) -> Vec<Dataset> {
    let bound = state.run(run).and_then(|run| run.stage(stage));
    let mut datasets: Vec<Dataset> = bound.map_or_else(Vec::new, |view| view.inputs().to_vec());
    let request = resolve_request(state, run, stage);
    let sources = request.into_iter().flat_map(|request| request.sources);
    let written = sources.flatten().filter_map(|source| source.written);
    datasets.extend(written.flat_map(|one| one.datasets));
    datasets
}

/// The message to the user when stages are restarted.
pub(crate) fn loss_notice(
    state: &State,
    run: RunId,
    missed_by: StageId,
    stages: &[StageId],
) -> String {
    let name = |id: StageId| {
        let view = state.run(run).and_then(|run| run.stage(id));
        view.map_or("?", |view| view.name())
    };
    let names: Vec<&str> = stages.iter().map(|id| name(*id)).collect();
    format!(
        "an input of stage {} is missing or damaged in the store; the damaged results of {} are computed again",
        name(missed_by),
        names.join(", ")
    )
}

/// The job of a stage for a worker; `None` if the stage is not resolved.
pub(crate) fn job(state: &State, run_id: RunId, stage_id: StageId) -> Option<Job> {
    let run = state.run(run_id)?;
    let view = run.stage(stage_id)?;
    let stage = &view.planned.stage;
    Some(Job {
        run: run_id,
        workflow: run.spec.workflow.name.clone(),
        stage_id,
        params: params_of(&stage.name, &run.spec.params).into_owned(),
        inputs: stage
            .inputs
            .keys()
            .cloned()
            .zip(view.inputs().iter().cloned())
            .collect(),
        tasks: view.tasks()?.clone(),
        // Reading `stages.x.status` makes x upstream, so a template can read no other status.
        statuses: statuses_for(
            &stage.name,
            view.planned
                .upstream
                .iter()
                .filter_map(|id| run.stage(*id))
                .map(|stage| (stage.name(), stage.status_word())),
        ),
        folder: folder_of(&run.spec.path, stage),
        staged: view.planned.staged.clone(),
        stage: stage.clone(),
    })
}

/// The files that the tasks of a lease get one by one. A job that was sent before they came lacks them.
pub(crate) fn files_of(state: &State, lease: &Lease) -> Vec<ArrivedFile> {
    let stage = state.run(lease.run).and_then(|run| run.stage(lease.stage));
    let stage = stage.filter(|stage| stage.takes_files_one_by_one());
    let tasks = lease.first..lease.first.saturating_add(lease.count);
    let files = stage.into_iter().flat_map(|stage| {
        let of_tasks = tasks.clone().flat_map(move |index| stage.files_of(index));
        of_tasks.map(|(port, row, part)| ArrivedFile {
            port: port.to_owned(),
            row,
            part,
        })
    });
    files.collect()
}

/// The folder of the file in which a stage is written.
pub(crate) fn folder_of(path: &str, stage: &Stage) -> String {
    let folder = folder(path);
    match stage.folder.is_empty() {
        true => folder,
        false => sunward_files::as_value(&Path::new(&folder).join(&stage.folder)),
    }
}

/// The folder of a workflow's file.
pub(crate) fn folder(path: &str) -> String {
    Path::new(path)
        .parent()
        .map_or_else(|| ".".to_owned(), sunward_files::as_value)
}
