//! Previews a run: which stages would run, and which come from the cache.
//!
//! This is pure. The caller reads files and looks up results, through [`Known`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use sunward_workflows::{Input, Reference, Scope, Value, params_of};

use crate::dataset::{Dataset, DatasetKind, TaskResult};
use crate::digest::Digest;
use crate::earlier::EarlierStages;
use crate::explain::{WhyRan, why_ran};
use crate::from_tasks::{FromTasks, carried_item};
use crate::ids::index_of;
use crate::ingredient::{Ingredient, diff_ingredients};
use crate::key::TaskKeys;
use crate::key::ingredients;
use crate::plan::{PlannedStage, RunSpec, Tasks};
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
    let mut gathered = Gathered::default();
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
        match early(spec, planned, &previews, (&gathered.skipped, &lacking)) {
            // Its results are looked up, and its tasks never run.
            Some(Outlook::LeftOut) if needed.contains(&at) => {
                look(planned, known, &mut gathered, &mut one);
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
            None => look(planned, known, &mut gathered, &mut one),
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
    spec: &RunSpec,
    planned: &PlannedStage,
    done: &[StagePreview],
    (skipped, lacking): (&BTreeSet<String>, &BTreeSet<String>),
) -> Option<Outlook> {
    if !planned.selected {
        return Some(Outlook::LeftOut);
    }
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
    upstream
        .filter(depends)
        .filter(|before| !matches!(before.outlook, Outlook::Cached | Outlook::LeftOut))
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

/// Looks up a stage's keys.
fn look(
    planned: &PlannedStage,
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
    if !looks_up(planned) {
        one.outlook = Outlook::Runs(why_ran(planned));
        return;
    }
    let keys = TaskKeys::new(planned, &inputs, &tasks);
    let mut ports: Vec<Vec<Dataset>> = vec![Vec::new(); planned.stage.outputs.len()];
    let mut first = 0;
    while first < count {
        let chunk = keys.range(first, CHUNK.min(count - first));
        first += index_of(chunk.len());
        for result in known.results(&chunk).into_iter().flatten() {
            one.cached += 1;
            for (port, dataset) in ports.iter_mut().zip(result.ports) {
                port.push(dataset);
            }
        }
    }
    if one.cached < count {
        one.outlook = Outlook::Runs(WhyRan::NotInCache);
        return;
    }
    one.outlook = Outlook::Cached;
    let items: Vec<Value> = (0..count)
        .map_while(|index| carried_item(planned, &inputs, &tasks, index))
        .collect();
    for (name, datasets) in planned.stage.outputs.keys().zip(ports) {
        let items = match datasets
            .first()
            .is_some_and(|one| one.kind != DatasetKind::Table)
        {
            true => items.clone(),
            false => Vec::new(),
        };
        let from_tasks = FromTasks {
            datasets,
            items,
            failed: 0,
        };
        gathered
            .written
            .insert((one.stage.clone(), name.clone()), from_tasks);
    }
}
