//! Settles how a command gets what a parameter names, once the parameter has its value.

use std::collections::BTreeMap;
use std::path::Path;

use sunward_data::probe_input;
use sunward_workflows::{Action, FileFact, Form, Input, ParamType, Reference, Value, Workflow};

/// Sets the form of every command's input that states none and reads a parameter of type path: a table is
/// read as one, and any other file or folder is passed on unchanged, as if its path were written in the
/// workflow. `folder` is the workflow's.
pub(crate) fn settle(workflow: &mut Workflow, params: &BTreeMap<String, Value>, folder: &Path) {
    let kinds: BTreeMap<String, ParamType> = workflow
        .all_params()
        .map(|(name, param)| (name, param.kind))
        .collect();
    for stage in workflow.stages.values_mut() {
        if !matches!(stage.action, Action::Run(_)) {
            continue;
        }
        for input in stage.inputs.values_mut() {
            if input.form_is_stated || !matches!(input.form, Form::Arrow | Form::File) {
                continue;
            }
            if let Some(are_blobs) = are_blobs(input, (&kinds, params), folder) {
                input.form = match are_blobs {
                    true => Form::File,
                    false => Form::Arrow,
                };
            }
        }
    }
}

/// Whether all sources of an input are files or folders that are no tables. `None` if no source is a
/// parameter of type path, or one is neither that nor a path.
fn are_blobs(
    input: &Input,
    (kinds, params): (&BTreeMap<String, ParamType>, &BTreeMap<String, Value>),
    folder: &Path,
) -> Option<bool> {
    let is_param = |source: &Reference| matches!(source, Reference::Param(_));
    if !input.from.iter().any(is_param) {
        return None;
    }
    let as_table = Input {
        form: Form::Arrow,
        ..input.clone()
    };
    let mut all = true;
    for source in &input.from {
        let path = match source {
            Reference::Path(path) => path,
            Reference::Param(name) if kinds.get(name) == Some(&ParamType::Path) => {
                match params.get(name) {
                    Some(Value::String(path)) => path,
                    _ => return None,
                }
            }
            _ => return None,
        };
        let whole = sunward_files::as_value(&folder.join(path));
        let fact = probe_input(&whole, &as_table);
        all &= matches!(fact, FileFact::File | FileFact::Folder);
    }
    Some(all)
}
