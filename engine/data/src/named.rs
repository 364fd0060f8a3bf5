//! Files named by values. They are stored under the digest that counts in task keys, and tasks see
//! them through views, like their inputs.

use std::fs;
use std::path::Path;

use sunward_core::{Dataset, DatasetKind, Digest, Hasher};

use crate::blob::file_dataset;
use crate::error::DataError;
use crate::incoming::fresh_path;
use crate::staged::{copy_tree, digest_of_file, staged_digest};
use crate::store::{Durable, Store};
use crate::view::View;

impl Store {
    /// A task's view of the file or folder with the digest `expected` (see [`staged_digest`]). It
    /// comes from the store, or else from `source`. Returns `None` if the content of `source`
    /// differs. The copy stays on this host.
    ///
    /// # Errors
    ///
    /// Fails if the file or folder cannot be read or stored.
    pub fn view_of_named(
        &self,
        expected: &Digest,
        source: &Path,
    ) -> Result<Option<View>, DataError> {
        let key = Hasher::new("named file")
            .field("digest", &expected.0)
            .finish();
        let store = self.on_this_host();
        if let Some(known) = store.recall(&key)
            && let Some(view) = view(expected, &known)
        {
            return Ok(Some(view));
        }
        let found = fs::metadata(source).map_err(DataError::io("read", source))?;
        let dataset = if found.is_dir() {
            store.named_folder(expected, source)?
        } else {
            Some(file_dataset(store.copy_in(source, Durable::Now)?))
        };
        let Some(dataset) = dataset else {
            return Ok(None);
        };
        let view = view(expected, &dataset);
        if view.is_some() {
            store.remember(&key, &dataset);
        }
        Ok(view)
    }

    /// Stores a folder. Symbolic links in it are followed, because a task must not depend on their
    /// later targets.
    fn named_folder(&self, expected: &Digest, source: &Path) -> Result<Option<Dataset>, DataError> {
        let copy = fresh_path(&self.incoming_folder(), "-named");
        let kept = copy_tree(source, &copy)
            .and_then(|()| staged_digest(&copy))
            .map_err(DataError::io("copy", source))
            .and_then(|found| match found == *expected {
                // The user knows the source, not the copy.
                true => match self.adopt_folder(&copy) {
                    Ok(folder) => Ok(Some(folder)),
                    Err(error) => Err(error.told_of(&copy, source)),
                },
                false => Ok(None),
            });
        let _ = fs::remove_dir_all(&copy);
        kept
    }
}

/// The view of a dataset whose digest is `expected`. The digest of a file covers its executable
/// bit, but its part does not.
fn view(expected: &Digest, dataset: &Dataset) -> Option<View> {
    let [part] = dataset.parts.as_slice() else {
        return None;
    };
    if dataset.kind == DatasetKind::Dir {
        return Some(View::of_folder(*part));
    }
    let is = |executable: &bool| digest_of_file(&part.digest, *executable) == *expected;
    let executable = [false, true].into_iter().find(is)?;
    Some(View::of_file(*part, executable))
}
