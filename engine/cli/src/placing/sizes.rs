//! The sizes of the files that stages read, which are known before a run.

use std::fs;
use std::path::{Path, PathBuf};

use sunward_core::RunSpec;
use sunward_files::pattern::expand;
use sunward_workflows::{Input, Reference, Value, is_pattern};

/// The most entries of a folder that are weighed. A run takes in no folder with more.
const ENTRIES: usize = 4_000_000;

/// The bytes of the files in a folder. Links in it are kept as links and weigh nothing. What cannot
/// be read weighs nothing here; the run says why.
fn folder_bytes(folder: PathBuf) -> u64 {
    let mut folders = vec![folder];
    let (mut sum, mut left) = (0_u64, ENTRIES);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries.take(left) {
            left -= 1;
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                Ok(meta) if meta.is_file() => sum = sum.saturating_add(meta.len()),
                Ok(_) | Err(_) => {}
            }
        }
    }
    sum
}

/// The bytes of the files and folders of one input, with paths relative to `folder`. The sizes of other stages'
/// outputs, and of what a URL names, are not known.
pub(crate) fn input_bytes(spec: &RunSpec, folder: &Path, input: &Input) -> u64 {
    let size = |path: &str| {
        let path = folder.join(path);
        match fs::metadata(&path) {
            Ok(meta) if meta.is_file() => meta.len(),
            Ok(meta) if meta.is_dir() => folder_bytes(path),
            Ok(_) | Err(_) => 0,
        }
    };
    let of_pattern = |pattern: &str| -> u64 {
        let found = expand(folder, pattern).unwrap_or_default();
        found
            .iter()
            .map(|path| size(path))
            .fold(0, u64::saturating_add)
    };
    let of_value = |value: &Value| match value {
        Value::String(path) if is_pattern(path) => of_pattern(path),
        Value::String(path) => size(path),
        _ => 0,
    };
    let sizes = input.from.iter().map(|reference| match reference {
        Reference::Path(path) => size(path),
        Reference::Pattern(pattern) => of_pattern(pattern),
        Reference::Param(name) => match spec.params.get(name) {
            Some(Value::List(list)) => list.iter().map(of_value).sum(),
            Some(value) => of_value(value),
            None => 0,
        },
        Reference::Port { .. } | Reference::Url(_) | Reference::Item(_) => 0,
    });
    sizes.fold(0, u64::saturating_add)
}

/// The bytes of the files of all inputs of a stage, with paths relative to the workflow's file. Inputs
/// whose size is `known` are not looked at again.
pub(super) fn stage_bytes(
    spec: &RunSpec,
    stage: &sunward_workflows::Stage,
    known: &[Option<u64>],
) -> u64 {
    let folder = Path::new(&spec.path).parent().unwrap_or(Path::new(""));
    let known = known.iter().copied().chain(std::iter::repeat(None));
    let inputs = stage.inputs.values().zip(known);
    let sizes =
        inputs.map(|(input, known)| known.unwrap_or_else(|| input_bytes(spec, folder, input)));
    sizes.fold(0, u64::saturating_add)
}
