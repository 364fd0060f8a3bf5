//! Reads WfCommons instances (JSON, format 1.5): real executed workflows, one stage for each task.
//!
//! `workflow.execution.tasks` holds what ran: `id` and `runtimeInSeconds`. `workflow.specification`
//! holds dependencies and files: `tasks` with `id`, `parents`, `inputFiles` and `outputFiles`, and
//! `files` with `id` and `sizeInBytes`. Instances say nothing about devices. So tasks above the
//! 90th percentile of run time count as GPU stages of 350 W that take a tenth of the time; the
//! others draw 10 W per core.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value;
use sunward_grid::whole;
use sunward_workflows::{Cycles, quoted, topological_order};

use super::Mistakes;
use crate::draft::{RunDraft, StageDraft};

const GPU_MILLIWATTS: u64 = 350_000;

const CORE_MILLIWATTS: u64 = 10_000;

/// How many times faster a device does a task.
const GPU_SPEEDUP: u64 = 10;

/// The longest task: ten years, in seconds.
const MOST_SECONDS: f64 = 3.2e8;

/// A task, collected from both halves of an instance.
#[derive(Default)]
struct Told {
    run_ms: u64,
    cores: u32,
    parents: Vec<String>,
    reads: Vec<String>,
    gives: Vec<String>,
}

/// Reads an instance. Each run time is multiplied by `stretch`, because instances take minutes and
/// grids change by the hour. The caller sets home and deadline.
///
/// # Errors
///
/// Returns all mistakes, each with its place.
pub fn read_wfcommons(text: &str, stretch: u32) -> Result<RunDraft, Mistakes> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        Mistakes(vec![format!(
            "this is not JSON: {error}; expected a WfCommons instance"
        )])
    })?;
    let mut mistakes = Vec::new();
    let version = value.get("schemaVersion").and_then(Value::as_str);
    if version != Some("1.5") {
        let found =
            version.map_or_else(|| "none".to_owned(), |version| quoted(version).to_string());
        mistakes.push(format!(
            "schemaVersion: expected `1.5`, found {found}; convert it with wfcommons first"
        ));
    }
    let tasks = tasks(&value, stretch, &mut mistakes);
    let sizes = sizes(&value, &mut mistakes);
    let order = order(&tasks, &mut mistakes);
    Mistakes::check(mistakes)?;
    let name = value.get("name").and_then(Value::as_str);
    Ok(RunDraft {
        name: name.unwrap_or("workflow").to_owned(),
        stages: stages(&tasks, &sizes, &order),
        ..RunDraft::default()
    })
}

fn list<'a>(value: &'a Value, path: &str, mistakes: &mut Vec<String>) -> &'a [Value] {
    let pointer = format!("/{}", path.replace('.', "/"));
    let found = value.pointer(&pointer).and_then(Value::as_array);
    if found.is_none() {
        mistakes.push(format!("{path}: expected a list; is this WfFormat 1.5?"));
    }
    found.map_or(&[], Vec::as_slice)
}

/// A list of texts; empty if the key is absent.
fn words(value: &Value, place: &str, key: &str, mistakes: &mut Vec<String>) -> Vec<String> {
    let Some(found) = value.get(key) else {
        return Vec::new();
    };
    let texts = found.as_array().map(|list| {
        let texts = list.iter().map(|one| one.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<String>>>()
    });
    texts.flatten().unwrap_or_else(|| {
        mistakes.push(format!("{place}.{key}: expected a list of texts"));
        Vec::new()
    })
}

fn id(value: &Value, place: &str, mistakes: &mut Vec<String>) -> Option<String> {
    let id = value.get("id").and_then(Value::as_str);
    if id.is_none() {
        mistakes.push(format!("{place}.id: expected text"));
    }
    id.map(str::to_owned)
}

fn tasks(value: &Value, stretch: u32, mistakes: &mut Vec<String>) -> BTreeMap<String, Told> {
    let mut tasks: BTreeMap<String, Told> = BTreeMap::new();
    let path = "workflow.specification.tasks";
    for (at, task) in list(value, path, mistakes).iter().enumerate() {
        let place = format!("{path}[{at}]");
        let Some(id) = id(task, &place, mistakes) else {
            continue;
        };
        let told = Told {
            parents: words(task, &place, "parents", mistakes),
            reads: words(task, &place, "inputFiles", mistakes),
            gives: words(task, &place, "outputFiles", mistakes),
            ..Told::default()
        };
        if tasks.insert(id.clone(), told).is_some() {
            mistakes.push(format!("{place}: there is another task {}", quoted(&id)));
        }
    }
    if tasks.is_empty() && mistakes.is_empty() {
        mistakes.push(format!("{path}: the instance has no tasks"));
    }
    time(value, stretch, &mut tasks, mistakes);
    tasks
}

/// Reads how long each task took.
fn time(
    value: &Value,
    stretch: u32,
    tasks: &mut BTreeMap<String, Told>,
    mistakes: &mut Vec<String>,
) {
    let path = "workflow.execution.tasks";
    let mut timed = BTreeSet::new();
    for (at, task) in list(value, path, mistakes).iter().enumerate() {
        let place = format!("{path}[{at}]");
        let Some(id) = id(task, &place, mistakes) else {
            continue;
        };
        let seconds = task.get("runtimeInSeconds").and_then(Value::as_f64);
        let Some(seconds) = seconds.filter(|one| (0.0..=MOST_SECONDS).contains(one)) else {
            mistakes.push(format!(
                "{place}.runtimeInSeconds: expected the run time of {} in seconds, 0 or more",
                quoted(&id)
            ));
            timed.insert(id);
            continue;
        };
        let Some(told) = tasks.get_mut(&id) else {
            mistakes.push(format!(
                "{place}: {} is not in the specification",
                quoted(&id)
            ));
            continue;
        };
        told.run_ms = whole(seconds * 1000.0 * f64::from(stretch)).max(1);
        let cores = task.get("coreCount").and_then(Value::as_f64).unwrap_or(1.0);
        told.cores = u32::try_from(whole(cores.ceil())).unwrap_or(1).max(1);
        timed.insert(id);
    }
    for id in tasks.keys().filter(|id| !timed.contains(*id)) {
        mistakes.push(format!(
            "task {} is in the specification but was never executed",
            quoted(id)
        ));
    }
}

fn sizes(value: &Value, mistakes: &mut Vec<String>) -> BTreeMap<String, u64> {
    let path = "workflow.specification.files";
    let mut sizes = BTreeMap::new();
    for (at, file) in list(value, path, mistakes).iter().enumerate() {
        let place = format!("{path}[{at}]");
        let size = file.get("sizeInBytes").and_then(Value::as_u64);
        if size.is_none() {
            mistakes.push(format!("{place}.sizeInBytes: expected a whole number"));
        }
        if let Some((id, size)) = id(file, &place, mistakes).zip(size) {
            sizes.insert(id, size);
        }
    }
    sizes
}

/// Orders tasks so that each comes after its parents. Unknown parents and cycles are mistakes.
fn order(tasks: &BTreeMap<String, Told>, mistakes: &mut Vec<String>) -> Vec<String> {
    for (id, told) in tasks {
        let unknown = told.parents.iter().filter(|one| !tasks.contains_key(*one));
        mistakes.extend(unknown.map(|one| {
            format!(
                "task {} depends on {}, which does not exist",
                quoted(id),
                quoted(one)
            )
        }));
    }
    let ids: Vec<&String> = tasks.keys().collect();
    let places: BTreeMap<&String, NodeIndex> =
        ids.iter().copied().zip((0..).map(NodeIndex::new)).collect();
    let mut graph = DiGraph::with_capacity(ids.len(), ids.len());
    for _ in &ids {
        graph.add_node(());
    }
    for (told, at) in tasks.values().zip((0..).map(NodeIndex::new)) {
        let known = told.parents.iter().filter_map(|one| places.get(one));
        for parent in known {
            graph.add_edge(*parent, at, ());
        }
    }
    let order = topological_order(&graph).unwrap_or_else(|Cycles { blocked, .. }| {
        if let Some(first) = blocked.first() {
            mistakes.push(format!(
                "{} tasks depend on each other in a cycle, or on such tasks; {} is one of them",
                blocked.len(),
                quoted(ids[*first])
            ));
        }
        Vec::new()
    });
    order.into_iter().map(|at| ids[at].clone()).collect()
}

fn stages(
    tasks: &BTreeMap<String, Told>,
    sizes: &BTreeMap<String, u64>,
    order: &[String],
) -> Vec<StageDraft> {
    let mut times: Vec<u64> = tasks.values().map(|told| told.run_ms).collect();
    times.sort_unstable();
    // Nearest-rank percentile: at least nine of ten tasks take no longer.
    let rank = (times.len() * 9).div_ceil(10).saturating_sub(1);
    let ninetieth = times.get(rank).copied().unwrap_or(0);
    let given: BTreeSet<&String> = tasks.values().flat_map(|told| &told.gives).collect();
    let bytes = |file: &String| sizes.get(file).copied().unwrap_or(0);
    let numbers: BTreeMap<&String, usize> = order.iter().zip(0..).collect();
    // Names of tasks need not be valid names of stages.
    let name = |id: &String| format!("task-{}", numbers.get(id).copied().unwrap_or(0));
    let stage = |id: &String| {
        let told = tasks.get(id)?;
        let is_gpu = told.run_ms > ninetieth;
        let outside = told.reads.iter().filter(|file| !given.contains(file));
        Some(StageDraft {
            name: name(id),
            class: stem(id).to_owned(),
            tasks: 1,
            task_ms: if is_gpu {
                (told.run_ms / GPU_SPEEDUP).max(1)
            } else {
                told.run_ms
            },
            milliwatts: if is_gpu {
                GPU_MILLIWATTS
            } else {
                CORE_MILLIWATTS * u64::from(told.cores)
            },
            gpus: u32::from(is_gpu),
            cpus: told.cores,
            input_bytes: outside.map(bytes).sum(),
            output_bytes: told.gives.iter().map(bytes).sum(),
            reads: told.parents.iter().map(name).collect(),
            ..StageDraft::default()
        })
    };
    order.iter().filter_map(stage).collect()
}

/// What the ids of tasks of one program begin with: `blastall` of `blastall_ID000002`.
fn stem(id: &str) -> &str {
    let without = id.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let without = match without.len() < id.len() {
        true => without.strip_suffix("ID").unwrap_or(without),
        false => without,
    };
    let without = without.trim_end_matches(['_', '-', '.']);
    if without.is_empty() { id } else { without }
}

#[cfg(test)]
mod tests {
    use super::{read_wfcommons, stem};

    const SMALL: &str = r#"{ "name": "small", "schemaVersion": "1.5", "workflow": {
        "specification": {
            "tasks": [
                { "id": "join", "parents": ["left", "right"], "inputFiles": ["l"], "outputFiles": [] },
                { "id": "left", "parents": [], "inputFiles": ["in"], "outputFiles": ["l"] },
                { "id": "right", "parents": [], "inputFiles": [], "outputFiles": [] }
            ],
            "files": [{ "id": "in", "sizeInBytes": 1000 }, { "id": "l", "sizeInBytes": 70 }]
        },
        "execution": { "tasks": [
            { "id": "left", "runtimeInSeconds": 2.5, "coreCount": 2 },
            { "id": "right", "runtimeInSeconds": 4 },
            { "id": "join", "runtimeInSeconds": 1 }
        ] } } }"#;

    #[test]
    fn tasks_are_stages_after_their_parents_with_the_bytes_they_read() {
        let draft = read_wfcommons(SMALL, 60).unwrap();
        let told: Vec<_> = draft
            .stages
            .iter()
            .map(|one| {
                (
                    one.task_ms,
                    one.milliwatts,
                    one.input_bytes,
                    one.reads.len(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (150_000, 20_000, 1000, 0),
                (240_000, 10_000, 0, 0),
                (60_000, 10_000, 0, 2)
            ]
        );
        assert_eq!(draft.stages[0].output_bytes, 70);
        assert_eq!(draft.critical_path_ms(), 300_000);
        draft.spec().expect("a sound plan");
    }

    #[test]
    fn the_longest_tenth_runs_on_devices() {
        let task = |at: u32| format!(r#"{{ "id": "t{at}", "parents": [] }}"#);
        let time = |at: u32| format!(r#"{{ "id": "t{at}", "runtimeInSeconds": {} }}"#, at + 1);
        let all = |one: &dyn Fn(u32) -> String| (0..20).map(one).collect::<Vec<_>>().join(",");
        let text = format!(
            r#"{{ "schemaVersion": "1.5", "workflow": {{
                "specification": {{ "tasks": [{}], "files": [] }},
                "execution": {{ "tasks": [{}] }} }} }}"#,
            all(&task),
            all(&time)
        );
        let draft = read_wfcommons(&text, 1).unwrap();
        let gpus = draft.stages.iter().filter(|one| one.gpus == 1);
        let times: Vec<_> = gpus.map(|one| (one.task_ms, one.milliwatts)).collect();
        assert_eq!(times, [(1900, 350_000), (2000, 350_000)], "two of twenty");
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = SMALL
            .replace("\"1.5\"", "\"1.4\"")
            .replace("\"left\", \"right\"", "\"left\", \"rihgt\"")
            .replace("2.5", "-2.5")
            .replace("70", "\"70\"");
        let mistakes = read_wfcommons(&text, 1).unwrap_err();
        insta::assert_snapshot!(mistakes, @r"
        schemaVersion: expected `1.5`, found `1.4`; convert it with wfcommons first
        workflow.execution.tasks[0].runtimeInSeconds: expected the run time of `left` in seconds, 0 or more
        workflow.specification.files[1].sizeInBytes: expected a whole number
        task `join` depends on `rihgt`, which does not exist
        ");
    }

    #[test]
    fn tasks_of_one_program_have_one_stem() {
        for (id, program) in [
            ("blastall_ID000002", "blastall"),
            ("FASTQC-17", "FASTQC"),
            ("align", "align"),
            ("GRID", "GRID"),
            ("0042", "0042"),
        ] {
            assert_eq!(stem(id), program);
        }
    }

    #[test]
    fn what_has_no_tasks_is_no_workflow() {
        let empty = r#"{ "schemaVersion": "1.5", "workflow": {
            "specification": { "tasks": [], "files": [] }, "execution": { "tasks": [] } } }"#;
        let told = |text: &str| read_wfcommons(text, 1).unwrap_err().to_string();
        assert!(told(empty).contains("the instance has no tasks"));
        assert!(told("{").contains("this is not JSON"), "{}", told("{"));
        let odd = SMALL.replace("[\"left\", \"right\"]", "\"left\"");
        assert!(told(&odd).contains("tasks[0].parents: expected a list of texts"));
    }

    #[test]
    fn a_circle_is_no_workflow() {
        let text = SMALL.replace(
            "\"id\": \"left\", \"parents\": []",
            "\"id\": \"left\", \"parents\": [\"join\"]",
        );
        let mistakes = read_wfcommons(&text, 1).unwrap_err().to_string();
        assert_eq!(
            mistakes,
            "2 tasks depend on each other in a cycle, or on such tasks; `join` is one of them"
        );
    }
}
