//! One version of a file in one run: what was read first is what all its stages read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sunward_core::{Dataset, Digest, RunId};
use sunward_data::{DataError, FileStamp, Store};

/// A run and a path as the run names it.
type Place = (RunId, String);

/// What runs of this engine have read of users' files.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    /// By run and path. Each file has a lock of its own: who comes second waits for what the first
    /// one reads.
    read: Mutex<BTreeMap<Place, Arc<Mutex<Version>>>>,
}

/// What was read of one file.
#[derive(Debug, Default)]
struct Version {
    stamp: Option<FileStamp>,
    /// By how it was read.
    datasets: BTreeMap<String, Dataset>,
}

impl Versions {
    /// What a run has of a file under a reading, else what `read` gives now. A file that has changed
    /// since the run read it in another way is refused.
    pub(crate) fn once(
        &self,
        run: RunId,
        path: &str,
        reading: &str,
        store: &Store,
        read: impl FnOnce() -> Result<Dataset, DataError>,
    ) -> Result<Dataset, DataError> {
        let version = {
            let mut all = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry((run, path.to_owned())).or_default())
        };
        let mut version = version.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = version.datasets.get(reading)
            && store.is_available(known)?
        {
            return Ok(known.clone());
        }
        // Of a folder or an address there is no stamp that tells a change.
        let local = Path::new(path);
        let stamp = local
            .is_file()
            .then(|| FileStamp::of(local, Digest::default()))
            .transpose()?;
        if let (Some(before), Some(now)) = (&version.stamp, &stamp)
            && before != now
        {
            return Err(DataError::NoSuch(format!(
                "{path} has changed since this run read it first, and one run reads one version of a \
                 file; run again, and it is read anew"
            )));
        }
        let dataset = read()?;
        version.stamp = version.stamp.or(stamp);
        version.datasets.insert(reading.to_owned(), dataset.clone());
        Ok(dataset)
    }
}
