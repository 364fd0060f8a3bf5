//! Files that values of a workflow name, and what is in them: params of type path, and paths in
//! lists, items and matrices.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sunward_core::{Digest, path_texts};
use sunward_worker::staged_digest;
use sunward_workflows::{Value, Workflow};

use crate::exit::wrong_input;
use crate::render;

/// Folders of the system: what lies there comes with the machine, and is passed on by its path.
const SYSTEM: &[&str] = &[
    "/bin", "/dev", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr",
];

/// Digests of the files and folders that commands read through values, by the values' texts.
///
/// A folder that holds the workflow itself or its state is left out: it changes with every run.
///
/// # Errors
/// When one is there and cannot be read.
pub(crate) fn digests(
    workflow: &Workflow,
    params: &BTreeMap<String, Value>,
    folder: &Path,
    home: &Path,
) -> anyhow::Result<BTreeMap<String, Digest>> {
    let mut found = BTreeMap::new();
    for text in path_texts(workflow, params) {
        let path = folder.join(&text);
        let Ok(meta) = fs::metadata(&path) else {
            continue;
        };
        if is_of_the_system(&path) {
            continue;
        }
        if meta.is_dir() && (holds(&path, folder) || holds(&path, home)) {
            render::say(&format!(
                "{text} holds the workflow itself: commands get its path, and what changes in it is not noticed"
            ));
            continue;
        }
        let digest = staged_digest(&path)
            .map_err(|error| wrong_input(format!("{text} cannot be read: {error}")))?;
        found.insert(text, digest);
    }
    Ok(found)
}

/// Whether a path lies in a folder of the system.
pub(crate) fn is_of_the_system(path: &Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

/// Whether `inner` is `outer` or lies in it.
fn holds(outer: &Path, inner: &Path) -> bool {
    let full = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    full(inner).starts_with(full(outer))
}
