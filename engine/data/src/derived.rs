//! What is remembered of work on datasets: digests of joined rows, selected columns. A hint that
//! saves a pass over the data; losing it costs time only.

use std::fs;

use sunward_core::{Dataset, Digest};

use crate::incoming::fresh_path;
use crate::record;
use crate::store::Store;

impl Store {
    /// The dataset that was derived under this key, if it is remembered and whole.
    pub(crate) fn recall(&self, key: &Digest) -> Option<Dataset> {
        let text = fs::read(self.folder("derived").join(key.to_hex())).ok()?;
        let dataset: Dataset = record::read(key, &text)
            .inspect_err(|why| tracing::warn!(%key, why, "a note on a derived dataset is ignored"))
            .ok()?;
        self.is_local(&dataset).then_some(dataset)
    }

    /// Remembers a derived dataset. Failing to is no failure.
    pub(crate) fn remember(&self, key: &Digest, dataset: &Dataset) {
        let Some(text) = record::write(key, dataset) else {
            return;
        };
        let temporary = fresh_path(&self.incoming_folder(), "");
        let target = self.folder("derived").join(key.to_hex());
        let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, target));
        if let Err(error) = written {
            tracing::debug!(%error, "a derived dataset is not remembered");
            let _ = fs::remove_file(&temporary);
        }
    }
}
