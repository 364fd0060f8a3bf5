//! Cached results of work on datasets: digests of joined rows, selected columns. Losing them costs
//! only time.

use std::fs;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sunward_core::{Dataset, Digest, Hasher};
use sunward_files::private;

use crate::incoming::fresh_path;
use crate::materialise::Recipe;
use crate::record;
use crate::slices::SliceDigests;
use crate::store::Store;

impl Store {
    /// The dataset that was derived under this key, if it is cached and whole.
    pub(crate) fn recall(&self, key: &Digest) -> Option<Dataset> {
        let text = fs::read(self.folder("derived").join(key.to_hex())).ok()?;
        let dataset: Dataset = record::read(key, &text)
            .inspect_err(|why| tracing::warn!(%key, why, "a note on a derived dataset is ignored"))
            .ok()?;
        self.is_local(&dataset).then_some(dataset)
    }

    /// Caches a derived dataset. A failure is ignored.
    pub(crate) fn remember(&self, key: &Digest, dataset: &Dataset) {
        self.note(key, dataset);
    }

    /// What a joined file or folder is made of, if that is noted.
    pub(crate) fn recipe(&self, name: &str) -> Option<Recipe> {
        self.noted(&recipe_key(name))
    }

    /// Notes what a joined file or folder is made of.
    pub(crate) fn note_recipe(&self, name: &str, recipe: &Recipe) {
        self.note(&recipe_key(name), recipe);
    }

    /// The digests of a table's slices, if they are noted.
    pub(crate) fn noted_slices(&self, key: &Digest) -> Option<SliceDigests> {
        self.noted(key)
    }

    /// Notes the digests of a table's slices.
    pub(crate) fn note_slices(&self, key: &Digest, digests: &SliceDigests) {
        self.note(key, digests);
    }

    fn noted<T: DeserializeOwned>(&self, key: &Digest) -> Option<T> {
        let text = fs::read(self.folder("derived").join(key.to_hex())).ok()?;
        record::read(key, &text).ok()
    }

    fn note(&self, key: &Digest, value: &impl Serialize) {
        let Some(text) = record::write(key, value) else {
            return;
        };
        let temporary = fresh_path(&self.incoming_folder(), "");
        let target = self.folder("derived").join(key.to_hex());
        let written =
            private::write(&temporary, text).and_then(|()| fs::rename(&temporary, target));
        if let Err(error) = written {
            tracing::debug!(%error, "a note on a derived dataset could not be written");
            let _ = fs::remove_file(&temporary);
        }
    }
}

fn recipe_key(name: &str) -> Digest {
    Hasher::new("recipe")
        .field("name", name.as_bytes())
        .finish()
}
