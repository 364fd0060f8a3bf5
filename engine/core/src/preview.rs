//! Previews a run: which stages would run, and which come from the cache.
//!
//! This is pure. The caller reads files and looks up results, through [`Known`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use sunward_workflows::{Input, Reference, Scope, Value, params_of};

use crate::dataset::{Dataset, DatasetKind, PartRef, TaskResult};
use crate::digest::Digest;
use crate::earlier::EarlierStages;
use crate::explain::{WhyRan, why_ran};
use crate::follow::{Feed, feeds, foretold};
use crate::from_tasks::{FromTasks, carried_item};
use crate::ids::{StageId, index_of, place};
use crate::ingredient::{Ingredient, diff_ingredients};
use crate::key::TaskKeys;
use crate::key::ingredients;
use crate::plan::{PlannedStage, RunSpec, Tasks};
use crate::state::awaited::Awaited;
use crate::state::run::needed;
use crate::state::stage::looks_up;
use crate::statuses::{condition_asks, is_left_out, statuses_for};

/// The number of keys that are looked up at once.
const CHUNK: u32 = 4096;

/// What is expected of upstream stages.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Their outputs, by stage and port, in task order.
    pub written: BTreeMap<(String, String), FromTasks>,
    /// Stages that will be skipped.
    pub skipped: BTreeSet<String>,
    /// Stages that others follow: what is known of their files before they are written tells which tasks
    /// of those run.
    pub followed: BTreeSet<String>,
}

/// The lookups that the caller provides.
pub trait Known {
    /// The inputs of a stage by port, and its tasks, from its files and the outputs of upstream
    /// stages. `None` if they are not known yet.
    fn inputs(
        &mut self,
        stage: &PlannedStage,
        upstream: &Gathered,
    ) -> Option<(Vec<Dataset>, Tasks)>;

    /// The known results of these keys, in the same order.
    fn results(&mut self, keys: &[Digest]) -> Vec<Option<TaskResult>>;
}

/// The preview of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StagePreview {
    /// Its name.
    pub stage: String,
    /// The number of its tasks, if known.
    pub tasks: Option<u32>,
    /// The number of tasks that come from the cache.
    pub cached: u32,
    /// Whether it would run, and why.
    pub outlook: Outlook,
    /// The ingredients of its keys, as far as they are known.
    pub ingredients: Vec<Ingredient>,
    /// The differences of the ingredients from those of the newest run of the same file. Empty if
    /// there is no such run.
    pub changes: Vec<String>,
    /// The bytes of each input that is files from outside of the run, in the order of the inputs.
    /// `None` for any other input. Empty if the stage's inputs were not looked up.
    #[serde(skip)]
    pub file_bytes: Vec<Option<u64>>,
}

/// Whether a stage would run, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// All its tasks come from the cache.
    Cached,
    /// Its tasks run, or those that are not in the cache.
    Runs(WhyRan),
    /// It depends on the outputs of this stage, which runs.
    After(String),
    /// It depends on inputs that cannot be read now.
    Unknown,
    /// Its condition is false.
    ConditionFalse,
    /// A stage that it waits for would be skipped.
    UpstreamSkipped(String),
    /// `--until` or `--only` left it out.
    LeftOut,
    /// It reads from this stage, which was left out, and whose results are not all in the cache.
    Lacks(String),
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cached => f.write_str("from the cache"),
            Self::Runs(why) => write!(f, "runs: {why}"),
            Self::After(stage) => write!(f, "runs if {stage} has a new result"),
            Self::Unknown => {
                f.write_str("runs, unless its result is in the cache once its inputs are known")
            }
            Self::ConditionFalse => f.write_str("skipped: its condition is false"),
            Self::UpstreamSkipped(stage) => write!(f, "skipped: {stage} is"),
            Self::LeftOut => f.write_str("left out by --until or --only"),
            Self::Lacks(stage) => write!(
                f,
                "cannot run: {stage} is left out, and its results are not all in the cache"
            ),
        }
    }
}

/// Previews a run of this spec. `earlier` has the stages of earlier runs, to find what has changed.
pub fn preview(
    spec: &RunSpec,
    known: &mut dyn Known,
    earlier: &EarlierStages,
) -> Vec<StagePreview> {
    let all_feeds = spec.plan.stages.iter();
    let followed = all_feeds.flat_map(|planned| feeds(&spec.plan, planned));
    let name = |id: StageId| Some(spec.plan.stage(id)?.stage.name.clone());
    let mut gathered = Gathered {
        followed: followed.filter_map(|feed| name(feed.from)).collect(),
        ..Gathered::default()
    };
    let mut previews: Vec<StagePreview> = Vec::with_capacity(spec.plan.stages.len());
    let needed = needed(&spec.plan);
    let mut lacking = BTreeSet::new();
    for (at, planned) in spec.plan.stages.iter().enumerate() {
        let mut one = StagePreview {
            stage: planned.stage.name.clone(),
            tasks: planned.tasks.as_ref().map(Tasks::count),
            cached: 0,
            outlook: Outlook::Unknown,
            ingredients: ingredients(planned, &[], None, None),
            changes: Vec::new(),
            file_bytes: Vec::new(),
        };
        match early((spec, planned), &previews, &gathered, &lacking) {
            // Its results are looked up, and its tasks never run.
            Some(Outlook::LeftOut) if needed.contains(&at) => {
                look((spec, planned), known, &mut gathered, &mut one);
                if one.outlook != Outlook::Cached {
                    lacking.insert(one.stage.clone());
                }
                one.cached = 0;
                one.outlook = Outlook::LeftOut;
            }
            Some(outlook) => {
                if let Outlook::ConditionFalse | Outlook::UpstreamSkipped(_) = outlook {
                    gathered.skipped.insert(one.stage.clone());
                }
                one.outlook = outlook;
            }
            None => look((spec, planned), known, &mut gathered, &mut one),
        }
        let has_inputs = one.ingredients.len() > planned.ingredients.len();
        if let Some(before) = earlier.ingredients(&one.stage, has_inputs) {
            one.changes = diff_ingredients(&before, &one.ingredients);
        }
        previews.push(one);
    }
    previews
}

/// The outlook of a stage, if its upstream, its condition and the selection determine it.
fn early(
    (spec, planned): (&RunSpec, &PlannedStage),
    done: &[StagePreview],
    gathered: &Gathered,
    lacking: &BTreeSet<String>,
) -> Option<Outlook> {
    if !planned.selected {
        return Some(Outlook::LeftOut);
    }
    let skipped = &gathered.skipped;
    let is_skipped = |stage: &str| skipped.contains(stage);
    let upstream = planned.upstream.iter();
    let upstream = upstream.filter_map(|id| done.get(id.place()));
    let names = upstream.clone().map(|before| before.stage.as_str());
    let asks = condition_asks(&planned.stage, names);
    // Where the condition reads a status, the condition decides.
    let depends = |before: &&StagePreview| {
        planned.stage.depends_on(&before.stage, is_skipped)
            && (!asks.contains(&before.stage) || planned.stage.reads_from(&before.stage))
    };
    let all = || {
        let names = upstream.clone().map(|before| before.stage.as_str());
        names.map(|name| (name, is_skipped(name)))
    };
    for before in upstream.clone().filter(depends) {
        match before.outlook {
            Outlook::ConditionFalse | Outlook::UpstreamSkipped(_)
                if !is_left_out(&planned.stage, &before.stage, all()) => {}
            Outlook::ConditionFalse | Outlook::UpstreamSkipped(_) => {
                return Some(Outlook::UpstreamSkipped(before.stage.clone()));
            }
            Outlook::LeftOut if lacking.contains(&before.stage) => {
                return Some(Outlook::Lacks(before.stage.clone()));
            }
            Outlook::Cached
            | Outlook::Runs(_)
            | Outlook::After(_)
            | Outlook::Unknown
            | Outlook::Lacks(_)
            | Outlook::LeftOut => {}
        }
    }
    let asked = upstream
        .clone()
        .filter(|before| asks.contains(&before.stage));
    if is_false(spec, planned, asked) {
        return Some(Outlook::ConditionFalse);
    }
    // Of a stage that it follows, the files whose contents are known tell the most.
    let feeds = feeds(&spec.plan, planned);
    let is_followed = |before: &StagePreview| {
        let of = |feed: &Feed| {
            let writer = spec.plan.stage(feed.from).map(|one| &one.stage)?;
            let (port, _) = writer.outputs.get_index(feed.port)?;
            let name = (writer.name.clone(), port.clone());
            (writer.name == before.stage).then(|| gathered.written.contains_key(&name))
        };
        feeds.iter().find_map(of).unwrap_or(false)
    };
    upstream
        .filter(depends)
        .filter(|before| !matches!(before.outlook, Outlook::Cached | Outlook::LeftOut))
        .filter(|before| !is_followed(before))
        .find(|before| planned.stage.reads_from(&before.stage))
        .map(|before| Outlook::After(before.stage.clone()))
}

/// Whether a condition of a stage is false, whatever runs. `asked` has the stages whose status it reads.
fn is_false<'p>(
    spec: &RunSpec,
    planned: &PlannedStage,
    asked: impl Iterator<Item = &'p StagePreview>,
) -> bool {
    let status = |before: &'p StagePreview| match before.outlook {
        Outlook::ConditionFalse | Outlook::UpstreamSkipped(_) => Some("skipped"),
        Outlook::Cached => Some("succeeded"),
        Outlook::Runs(_)
        | Outlook::After(_)
        | Outlook::Unknown
        | Outlook::Lacks(_)
        | Outlook::LeftOut => None,
    };
    let known = asked.map(|before| Some((before.stage.as_str(), status(before)?)));
    let known: Option<Vec<(&str, &str)>> = known.collect();
    planned.stage.conditions().any(|(reader, condition)| {
        let stages = match (&known, condition.uses().statuses.is_empty()) {
            (_, true) => BTreeMap::new(),
            (Some(known), false) => statuses_for(reader, known.iter().copied()),
            (None, false) => return false,
        };
        let scope = Scope {
            params: Arc::new(params_of(reader, &spec.params).into_owned()),
            stages,
            ..Scope::default()
        };
        matches!(condition.condition(&scope), Ok(false))
    })
}

/// The bytes of an input that is files from outside of the run.
fn file_bytes(input: &Input, dataset: &Dataset) -> Option<u64> {
    let is_outside = input.from.iter().all(|source| match source {
        Reference::Pattern(_) | Reference::Path(_) | Reference::Param(_) | Reference::Url(_) => {
            true
        }
        Reference::Port { .. } | Reference::Item(_) => false,
    });
    let are_files = matches!(dataset.kind, DatasetKind::File | DatasetKind::Files);
    (is_outside && are_files).then(|| dataset.bytes())
}

/// Looks up a stage's keys. The keys of tasks whose files are still to come are not known.
fn look(
    (spec, planned): (&RunSpec, &PlannedStage),
    known: &mut dyn Known,
    gathered: &mut Gathered,
    one: &mut StagePreview,
) {
    let Some((inputs, tasks)) = known.inputs(planned, gathered) else {
        return;
    };
    let tasks = tasks.repeated(planned.repeat);
    if tasks.too_many().is_some() {
        return;
    }
    let count = tasks.count();
    one.tasks = Some(count);
    one.file_bytes = planned
        .stage
        .inputs
        .values()
        .zip(&inputs)
        .map(|(input, dataset)| file_bytes(input, dataset))
        .collect();
    one.ingredients = ingredients(planned, &inputs, None, None);
    let mut results = Vec::new();
    if looks_up(planned) {
        let keys = TaskKeys::new(planned, &inputs, &tasks);
        while results.len() < place(count) {
            let first = index_of(results.len());
            results.extend(known.results(&keys.range(first, CHUNK.min(count - first))));
        }
    }
    one.cached = index_of(results.iter().flatten().count());
    one.outlook = match one.cached == count && looks_up(planned) {
        true => Outlook::Cached,
        false => runs(spec, planned, (&inputs, &tasks), &results),
    };
    give(spec, planned, (&inputs, &tasks), results, gathered);
}

/// Why a stage runs of which not all results are known: it waits for files that other tasks are still to
/// write, or its results are not in the cache.
fn runs(
    spec: &RunSpec,
    planned: &PlannedStage,
    (inputs, tasks): (&[Dataset], &Tasks),
    results: &[Option<TaskResult>],
) -> Outlook {
    if !looks_up(planned) {
        return Outlook::Runs(why_ran(planned));
    }
    let feeds = feeds(&spec.plan, planned);
    let awaited = Awaited::of(planned, &feeds, (inputs, tasks));
    let awaits = |task: u32| awaited.as_ref().is_some_and(|one| one.holds_back(task));
    let mut unknown = (0..).zip(results).filter(|(_, result)| result.is_none());
    let waits_for = feeds.iter().find(|feed| {
        let parts = inputs.get(feed.input).map(|input| input.parts.iter());
        parts.is_some_and(|mut parts| parts.any(PartRef::is_awaited))
    });
    let waits_for = waits_for.and_then(|feed| spec.plan.stage(feed.from));
    match waits_for {
        Some(stage) if unknown.all(|(task, _)| awaits(task)) => {
            Outlook::After(stage.stage.name.clone())
        }
        Some(_) | None => Outlook::Runs(WhyRan::NotInCache),
    }
}

/// Adds what a stage gives: all of its results, or what is known of its files before they are written.
fn give(
    spec: &RunSpec,
    planned: &PlannedStage,
    (inputs, tasks): (&[Dataset], &Tasks),
    results: Vec<Option<TaskResult>>,
    gathered: &mut Gathered,
) {
    let count = tasks.count();
    let all_known = results.iter().flatten().count() == place(count);
    if !all_known && !gathered.followed.contains(&planned.stage.name) {
        return;
    }
    let items = || -> Vec<Value> {
        let all = 0..count;
        all.map_while(|index| carried_item(planned, inputs, tasks, index))
            .collect()
    };
    let params = params_of(&planned.stage.name, &spec.params);
    for (at, port) in planned.stage.outputs.keys().enumerate() {
        let known = |index: u32| {
            let result = results.get(place(index))?.as_ref()?;
            result.ports.get(at).cloned()
        };
        let datasets: Vec<Dataset> = if all_known {
            (0..count).filter_map(known).collect()
        } else {
            let Some(foretold) = foretold(planned, (port, &params), (inputs, tasks)) else {
                continue;
            };
            let all = 0..count;
            all.map(|index| known(index).unwrap_or_else(|| foretold(index)))
                .collect()
        };
        let are_files = datasets
            .first()
            .is_some_and(|one| one.kind != DatasetKind::Table);
        let items = match are_files {
            true => items(),
            false => Vec::new(),
        };
        let from_tasks = FromTasks {
            datasets,
            items,
            failed: 0,
        };
        let name = (planned.stage.name.clone(), port.clone());
        gathered.written.insert(name, from_tasks);
    }
}
