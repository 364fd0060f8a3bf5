//! Finds the files that values of a workflow name: parameters of type path, and paths in lists,
//! items and matrices.

use std::collections::BTreeMap;
use std::path::Path;

use sunward_core::{Digest, path_texts};
use sunward_data::{FileMemory, NamedFile};
use sunward_workflows::{Value, Workflow};

use crate::exit::wrong_input;
use crate::render;

/// The digests of files and folders that commands read through values, by the text of the value.
///
/// # Errors
/// Fails if one exists and cannot be read.
pub(crate) fn digests(
    workflow: &Workflow,
    params: &BTreeMap<String, Value>,
    folder: &Path,
    home: &Path,
    memory: &dyn FileMemory,
) -> anyhow::Result<BTreeMap<String, Digest>> {
    let mut found = BTreeMap::new();
    for text in path_texts(workflow, params) {
        let named = NamedFile::at(&folder.join(&text), &[folder, home], memory)
            .map_err(|error| wrong_input(format!("{text} cannot be read: {error}")))?;
        match named {
            NamedFile::Nothing => {}
            NamedFile::HoldsTheRun => render::say(&format!(
                "{text} contains the workflow itself: commands get its path, and changes in it are not noticed"
            )),
            NamedFile::Digest(digest) => {
                found.insert(text, digest);
            }
        }
    }
    Ok(found)
}
