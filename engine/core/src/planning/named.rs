//! Texts of values that may name files. A command can read such a file through a param, an item or
//! a matrix.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sunward_workflows::{Action, ParamType, Scope, Stage, Value, Workflow, is_path, params_of};

use super::scatter;
use crate::plan::Tasks;

/// Every text that may name a file which a command reads: values of parameters of type path and table,
/// and texts that look like a path in choices, lists, items and matrices; as they are from the workflow's
/// folder. The caller looks up which of them
/// are files, and gives their digests to [`super::plan`].
#[must_use]
pub fn path_texts(workflow: &Workflow, params: &BTreeMap<String, Value>) -> BTreeSet<String> {
    let stages = workflow.stages.values();
    stages
        .flat_map(|stage| {
            let scope = Scope {
                params: Arc::new(params_of(&stage.name, params).into_owned()),
                ..Scope::default()
            };
            // `plan` reports a scatter that cannot be expanded.
            let tasks = scatter::tasks(stage, &scope).ok().flatten();
            let texts = texts(workflow, stage, &scope.params, tasks.as_ref());
            texts.into_iter().map(|text| stage.path(&text))
        })
        .collect()
}

/// Every text that may name a file which the command of one stage reads.
pub(super) fn texts(
    workflow: &Workflow,
    stage: &Stage,
    params: &BTreeMap<String, Value>,
    tasks: Option<&Tasks>,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if !matches!(stage.action, Action::Run(_)) {
        return found;
    }
    let uses = stage.uses();
    for name in &uses.params {
        let Some(value) = params.get(name) else {
            continue;
        };
        match workflow
            .params_of(&stage.name)
            .get(name)
            .map(|param| param.kind)
        {
            Some(ParamType::Path | ParamType::Table) => collect(value, &|_| true, &mut found),
            Some(ParamType::List | ParamType::Choice) => collect(value, &is_path, &mut found),
            _ => {}
        }
    }
    match tasks.map(Tasks::each) {
        Some(Tasks::Items(items)) if uses.item.is_read() => {
            for item in items {
                collect(item, &is_path, &mut found);
            }
        }
        Some(Tasks::Matrix(axes)) if uses.matrix => {
            for value in axes.iter().flat_map(|(_, values)| values) {
                collect(value, &is_path, &mut found);
            }
        }
        _ => {}
    }
    found
}

fn collect(value: &Value, wanted: &dyn Fn(&str) -> bool, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if wanted(text) => {
            found.insert(text.clone());
        }
        Value::List(list) => list.iter().for_each(|one| collect(one, wanted, found)),
        Value::Map(map) => map.iter().for_each(|(_, one)| collect(one, wanted, found)),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Written(_) => {}
    }
}
