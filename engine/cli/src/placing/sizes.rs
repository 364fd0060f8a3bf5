//! The sizes of the files that stages read, which are known before a run.

use std::fs;
use std::path::Path;

use sunward_core::RunSpec;
use sunward_workflows::{Input, Reference, Value};

/// The bytes of the files of one input, with paths relative to `folder`. The sizes of other stages'
/// outputs, and of what a URL names, are not known.
pub(crate) fn input_bytes(spec: &RunSpec, folder: &Path, input: &Input) -> u64 {
    let size = |path: &str| {
        let meta = fs::metadata(folder.join(path)).ok();
        meta.filter(fs::Metadata::is_file)
            .map_or(0, |meta| meta.len())
    };
    let of_value = |value: &Value| match value {
        Value::String(path) => size(path),
        _ => 0,
    };
    let sizes = input.from.iter().map(|reference| match reference {
        Reference::Path(path) => size(path),
        Reference::Param(name) => match spec.params.get(name) {
            Some(Value::List(list)) => list.iter().map(of_value).sum(),
            Some(value) => of_value(value),
            None => 0,
        },
        Reference::Port { .. } | Reference::Url(_) => 0,
    });
    sizes.fold(0, u64::saturating_add)
}

/// The bytes of the files of all inputs of a stage, with paths relative to the workflow's file.
pub(super) fn stage_bytes(spec: &RunSpec, stage: &sunward_workflows::Stage) -> u64 {
    let folder = Path::new(&spec.path).parent().unwrap_or(Path::new(""));
    let inputs = stage.inputs.values();
    let sizes = inputs.map(|input| input_bytes(spec, folder, input));
    sizes.fold(0, u64::saturating_add)
}
