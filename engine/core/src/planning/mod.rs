//! Expands a checked workflow to a plan: the stages in order, their meanings, and their tasks if
//! they are known.

mod error;
mod graph;
mod meaning;
mod named;
mod resources;
mod same;
mod scatter;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sunward_workflows::{Scope, Stage, Value, Workflow, enclosing, params_of};

pub use error::PlanError;
use graph::Graph;
pub use named::path_texts;
pub(crate) use resources::gpus;

use crate::digest::Digest;
use crate::ids::{StageId, index_of};
use crate::names;
use crate::plan::{Plan, PlannedStage, Reads};
use crate::staged::StagedFiles;

/// What a plan depends on besides the workflow. It is plain data that the caller fills in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surroundings {
    /// Digests of staged files, by their path from the workflow's folder ([`Stage::path`]).
    pub file_digests: BTreeMap<String, Digest>,
    /// Digests of files and folders that values name, by their path from the
    /// workflow's folder; see [`path_texts`].
    pub named: BTreeMap<String, Digest>,
    /// Values of the variables that stages inherit, by name.
    pub environment: BTreeMap<String, String>,
    /// Digests of what the environment of each stage resolves to, by stage and by the name that
    /// keys use, for example `python lock`.
    pub locks: BTreeMap<String, BTreeMap<String, Digest>>,
    /// Processor cores of the pool.
    pub cpus: u32,
    /// Memory of the pool, in bytes.
    pub memory_bytes: u64,
    /// Size of the disk that tasks work on, in bytes; `None` if it is unknown.
    pub disk_bytes: Option<u64>,
    /// GPUs of the pool.
    pub gpus: u32,
}

/// The stages that the caller selected, by name. If `until` and `only` are empty, all stages are
/// selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Stages to run together with all stages that they wait for.
    pub until: Vec<String>,
    /// Stages to run alone. The results that they read must be in the cache.
    pub only: Vec<String>,
    /// Stages to run although their results are known.
    pub force: Vec<String>,
}

/// Expands a checked workflow. Costs time in proportion to its stages and their edges; a scatter of
/// any size counts as one.
///
/// # Errors
/// Fails if a stage cannot run on this pool, a scatter cannot be expanded, or the selection names
/// a stage that does not exist.
pub fn plan(
    workflow: &Workflow,
    params: &BTreeMap<String, Value>,
    around: &Surroundings,
    selection: &Selection,
) -> Result<Plan, PlanError> {
    let graph = Graph::of(workflow)?;
    let (selected, forced) = select(workflow, &graph, selection)?;
    let chosen = selected.iter();
    let needed = graph.with_ancestors(chosen.filter_map(|n| workflow.stages.get_index_of(*n)));
    let mut scopes: BTreeMap<Option<&str>, Scope> = BTreeMap::new();
    let mut stages = Vec::with_capacity(graph.order.len());
    for &written in &graph.order {
        let Some((_, stage)) = workflow.stages.get_index(written) else {
            continue;
        };
        let scope = scopes
            .entry(enclosing(&stage.name))
            .or_insert_with(|| scope_of(&stage.name, params));
        let chosen = selected.contains(stage.name.as_str());
        if chosen {
            resources::fits(stage, around)?;
            decided(stage, params)?;
        }
        let upstream = graph.upstream(written).map(StageId).collect();
        let force = forced.contains(stage.name.as_str());
        let mut planned = match expand(workflow, stage, scope, around) {
            Ok(planned) => planned,
            Err(error) if needed.contains(&written) => return Err(error),
            // Nothing reads this stage, so its mistakes do not matter yet.
            Err(_) => skipped(stage),
        };
        planned.upstream = upstream;
        planned.selected = chosen;
        planned.force = force;
        stages.push(planned);
    }
    Ok(Plan { stages })
}

/// The names that the templates of a stage read before a run.
fn scope_of(stage: &str, params: &BTreeMap<String, Value>) -> Scope {
    Scope {
        params: Arc::new(params_of(stage, params).into_owned()),
        ..Scope::default()
    }
}

fn expand(
    workflow: &Workflow,
    stage: &Stage,
    scope: &Scope,
    around: &Surroundings,
) -> Result<PlannedStage, PlanError> {
    let tasks = scatter::tasks(stage, scope)?;
    let repeat = scatter::repeat(stage, scope)?;
    let known = |text: String| {
        let digest = *around.named.get(&stage.path(&text))?;
        Some((text, digest))
    };
    let texts = named::texts(workflow, stage, &scope.params, tasks.as_ref());
    let named: BTreeMap<String, Digest> = texts.into_iter().filter_map(known).collect();
    let files = stage.files.iter();
    let digest = |file: &String| Some((file.clone(), *around.file_digests.get(&stage.path(file))?));
    let staged = StagedFiles {
        files: files.filter_map(digest).collect(),
        named,
        locks: around.locks.get(&stage.name).cloned().unwrap_or_default(),
    };
    let (ingredients, reads) = meaning::ingredients(stage, scope, around, &staged)?;
    let planned = PlannedStage {
        stage: stage.clone(),
        upstream: Vec::new(),
        meaning: meaning::digest(&ingredients),
        ingredients,
        staged,
        reads,
        selected: true,
        force: false,
        repeat,
        tasks,
    };
    let unusable = planned
        .tasks
        .as_ref()
        .and_then(|tasks| names::unusable(&planned.stage, &scope.params, &[], tasks));
    match unusable {
        Some(message) => Err(PlanError::Scatter {
            stage: planned.stage.name,
            message,
        }),
        None => Ok(planned),
    }
}

/// Evaluates conditions that depend on nothing but parameters, so that a value which is no condition is
/// reported before anything runs.
fn decided(stage: &Stage, params: &BTreeMap<String, Value>) -> Result<(), PlanError> {
    for (reader, condition) in stage.conditions() {
        let uses = condition.uses();
        if uses.run || !uses.statuses.is_empty() {
            continue;
        }
        if let Err(error) = condition.condition(&scope_of(reader, params)) {
            return Err(PlanError::Condition {
                stage: reader.to_owned(),
                message: error.to_string(),
            });
        }
    }
    Ok(())
}

/// A stage that is left out and cannot be expanded.
fn skipped(stage: &Stage) -> PlannedStage {
    PlannedStage {
        stage: stage.clone(),
        upstream: Vec::new(),
        meaning: Digest::default(),
        ingredients: Vec::new(),
        staged: StagedFiles::default(),
        reads: Reads::default(),
        selected: false,
        force: false,
        repeat: None,
        tasks: None,
    }
}

/// The names of the selected stages, and of the forced ones.
fn select<'a>(
    workflow: &'a Workflow,
    graph: &Graph,
    selection: &'a Selection,
) -> Result<(BTreeSet<&'a str>, BTreeSet<&'a str>), PlanError> {
    for (flag, names) in [
        ("--until", &selection.until),
        ("--only", &selection.only),
        ("--force", &selection.force),
    ] {
        if let Some(name) = names.iter().find(|name| members(workflow, name).is_empty()) {
            return Err(PlanError::NoSuchStage {
                flag,
                name: name.clone(),
                stages: workflow.stages.keys().cloned().collect(),
            });
        }
    }
    let named = |names: &'a [String]| names.iter().flat_map(|name| members(workflow, name));
    let forced = named(&selection.force).collect();
    if selection.until.is_empty() && selection.only.is_empty() {
        return Ok((workflow.stages.keys().map(String::as_str).collect(), forced));
    }
    let mut selected: BTreeSet<&str> = named(&selection.only).collect();
    let until = named(&selection.until).filter_map(|name| workflow.stages.get_index_of(name));
    for written in graph.with_ancestors(until) {
        if let Some((name, _)) = workflow.stages.get_index(written) {
            selected.insert(name);
        }
    }
    Ok((selected, forced))
}

/// The stages that a name means: itself, or all of the file that a stage of that name uses.
fn members<'a>(workflow: &'a Workflow, name: &str) -> Vec<&'a str> {
    if let Some((own, _)) = workflow.stages.get_key_value(name) {
        return vec![own];
    }
    workflow.stages_in(name)
}

impl Plan {
    /// Finds a stage by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StageId> {
        self.stages
            .iter()
            .position(|planned| planned.stage.name == name)
            .map(|at| StageId(index_of(at)))
    }

    /// A stage by its place in the plan.
    #[must_use]
    pub fn stage(&self, id: StageId) -> Option<&PlannedStage> {
        self.stages.get(id.place())
    }
}
