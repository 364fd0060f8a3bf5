//! The remote store: a bucket in which each part is one object. A part is written with one PUT and
//! fetched by parallel range requests.

mod answer;
pub(crate) mod client;
mod environment;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
};
use sunward_core::{Digest, PartRef};
use sunward_workflows::quoted;
use tokio::runtime::Runtime;

use crate::error::DataError;
use crate::file_bytes::digest_of;
use crate::halt::Halt;
use crate::part::map_bytes;
use crate::patience::{Patience, Tell};
use client::{LOCAL, is_passing, remote_error};

/// The bytes of one range request.
pub(crate) const RANGE_BYTES: u64 = 8 << 20;
/// The most parallel requests of one operation.
pub(crate) const PARALLEL: usize = 8;
/// The most bytes of one PUT, which is S3's limit. Parts of tables are far smaller, but blobs may
/// come close.
const PUT_BYTES: usize = 5 << 30;
/// The time during which the transfer of a part is retried. After that its task fails, and is
/// itself retried for some minutes in total.
pub(crate) const MOVE_FOR: Duration = Duration::from_secs(30);
/// The time during which a lookup is retried. It is shorter, because the whole run waits for a
/// lookup.
pub(crate) const ASK_FOR: Duration = Duration::from_secs(3);

/// A bucket and a prefix in it.
#[derive(Debug)]
pub(crate) struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    place: String,
    runtime: Runtime,
    patience: Patience,
    /// Parts whose objects were found to be damaged. They are overwritten by the next upload.
    damaged: Mutex<BTreeSet<Digest>>,
}

impl Remote {
    /// Connects, and checks access by listing a prefix that may be empty.
    pub(crate) fn open(url: &str, project: &str, tell: Tell) -> Result<Self, DataError> {
        let remote = Self::connect(url, project, Patience::new(tell))?;
        remote.probe()?;
        Ok(remote)
    }

    /// Connects without a request.
    pub(crate) fn connect(url: &str, project: &str, patience: Patience) -> Result<Self, DataError> {
        let address = url.strip_prefix("s3://").ok_or_else(|| {
            DataError::Unsupported(format!(
                "{} is not a supported store; write s3://bucket/prefix",
                quoted(url)
            ))
        })?;
        let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
        let store = client::of_bucket(url, bucket)?;
        let runtime = client::threads(url)?;
        let prefix = Path::from(format!("{}/{project}", prefix.trim_matches('/')));
        Ok(Self::over(store, prefix, url.to_owned(), runtime, patience))
    }

    /// Creates a remote over any object store.
    pub(crate) fn over(
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        place: String,
        runtime: Runtime,
        patience: Patience,
    ) -> Self {
        Self {
            store,
            prefix,
            place,
            runtime,
            patience,
            damaged: Mutex::default(),
        }
    }

    /// Sends a request, and retries it while the error may be temporary. Long waits are reported.
    fn ask<T, F>(
        &self,
        what: &'static str,
        give_up_after: Duration,
        ask: impl Fn() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let asking = self
            .patience
            .ask(what, &self.place, give_up_after, ask, is_passing);
        self.runtime.block_on(asking)
    }

    fn probe(&self) -> Result<(), DataError> {
        const WHAT: &str = "look into the store";
        let probe = self.prefix.clone().join("cas").join("00");
        let look = || async { self.store.list(Some(&probe)).next().await.transpose() };
        let found = self.ask(WHAT, ASK_FOR, look);
        found.map_or_else(|e| Err(remote_error(WHAT, &self.place, &e)), |_| Ok(()))
    }

    /// The address of an object. Its key begins with the prefix that the place ends with.
    fn address(&self, key: &Path) -> String {
        let bucket = self.place.strip_prefix("s3://").map_or_else(
            || self.place.clone(),
            |rest| format!("s3://{}", rest.split('/').next().unwrap_or(rest)),
        );
        format!("{bucket}/{key}")
    }

    fn key(&self, digest: &Digest) -> Path {
        let hex = digest.to_hex();
        let shard = hex[..2].to_owned();
        self.prefix.clone().join("cas").join(shard).join(hex)
    }

    /// Whether the remote has a part with the right size that was not found to be damaged.
    pub(crate) fn has(&self, part: &PartRef) -> Result<bool, DataError> {
        if self.damaged().contains(&part.digest) {
            return Ok(false);
        }
        let key = self.key(&part.digest);
        match self.ask("look for a part", ASK_FOR, || self.store.head(&key)) {
            Ok(found) => Ok(found.size == part.bytes),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(remote_error("look for a part", &self.place, &error)),
        }
    }

    /// Reports that a result in the shared index is not used.
    pub(crate) fn refuse_result(&self, why: &str) {
        self.patience.say(&format!(
            "a result in {} is not used, because {why}; it is computed again",
            self.place
        ));
    }

    fn result_key(&self, key: &Digest) -> Path {
        self.prefix.clone().join("results").join(key.to_hex())
    }

    /// The entries of the shared index for these keys, in the same order.
    pub(crate) fn results(&self, keys: &[Digest]) -> Result<Vec<Option<Bytes>>, DataError> {
        const WHAT: &str = "look up results";
        let read = || {
            futures::stream::iter(keys.iter().map(|key| self.result_key(key)))
                .map(|key| async move {
                    match self.store.get(&key).await {
                        Ok(found) => found.bytes().await.map(Some),
                        Err(StoreError::NotFound { .. }) => Ok(None),
                        Err(error) => Err(error),
                    }
                })
                .buffered(PARALLEL)
                .try_collect()
        };
        self.ask(WHAT, ASK_FOR, read)
            .map_err(|error| remote_error(WHAT, &self.place, &error))
    }

    /// Writes entries to the shared index.
    pub(crate) fn put_results(&self, results: &[(Digest, Bytes)]) -> Result<(), DataError> {
        const WHAT: &str = "note results";
        let write = || {
            futures::stream::iter(results.iter().cloned())
                .map(|(key, text)| async move {
                    let key = self.result_key(&key);
                    self.store.put(&key, PutPayload::from(text)).await
                })
                .buffer_unordered(PARALLEL)
                .try_for_each(|_| async { Ok(()) })
        };
        self.ask(WHAT, MOVE_FOR, write)
            .map_err(|error| remote_error(WHAT, &self.place, &error))
    }

    /// Uploads a part from a file. An existing object of that name is the same part, so it is
    /// overwritten only if it is damaged.
    pub(crate) fn put(&self, digest: &Digest, path: &FilePath) -> Result<(), DataError> {
        let bytes = map_bytes(path)?;
        if bytes.len() > PUT_BYTES {
            return Err(DataError::Unsupported(format!(
                "{} has {} GiB, but one object holds at most 5; write it as several files or a folder",
                sunward_files::shown(path),
                bytes.len() >> 30
            )));
        }
        let part = PartRef {
            digest: *digest,
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            rows: 0,
        };
        let known_bad = self.damaged().contains(digest);
        let created = !known_bad && self.put_as(&part, bytes.clone(), PutMode::Create)?;
        if !created && self.is_broken(&part)? {
            self.put_as(&part, bytes, PutMode::Overwrite)?;
            self.damaged().remove(digest);
        }
        Ok(())
    }

    /// Uploads an object. Returns false if an object of that name exists and was not replaced.
    fn put_as(&self, part: &PartRef, bytes: Bytes, mode: PutMode) -> Result<bool, DataError> {
        let key = self.key(&part.digest);
        let put = || {
            let options = PutOptions::from(mode.clone());
            let payload = PutPayload::from(bytes.clone());
            self.store.put_opts(&key, payload, options)
        };
        match self.ask("put a part", MOVE_FOR, put) {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(remote_error("put a part", &self.place, &error)),
        }
    }

    fn damaged(&self) -> MutexGuard<'_, BTreeSet<Digest>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the object under a part's name is damaged: its size is wrong, or its bytes were
    /// found to be.
    fn is_broken(&self, part: &PartRef) -> Result<bool, DataError> {
        if self.damaged().contains(&part.digest) {
            return Ok(true);
        }
        let key = self.key(&part.digest);
        match self.ask("look for a part", ASK_FOR, || self.store.head(&key)) {
            Ok(found) => Ok(found.size != part.bytes),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(remote_error("look for a part", &self.place, &error)),
        }
    }

    fn call_damaged(&self, part: &PartRef, why: &str) -> DataError {
        self.damaged().insert(part.digest);
        let key = self.key(&part.digest);
        self.patience.say(&format!(
            "a part in {} is damaged: {why}; it is made again",
            self.place
        ));
        DataError::Damaged {
            path: self.address(&key).into(),
            why: why.to_owned(),
        }
    }

    /// Downloads a part to a file and verifies it.
    pub(crate) fn fetch(
        &self,
        part: &PartRef,
        file: &File,
        path: &FilePath,
    ) -> Result<(), DataError> {
        let key = self.key(&part.digest);
        let write = |error: io::Error| StoreError::Generic {
            store: LOCAL,
            source: Box::new(error),
        };
        let fetch = || {
            let reads = futures::stream::iter(ranges(part.bytes)).map(|range| {
                let (store, key) = (&self.store, &key);
                async move {
                    let bytes = store.get_range(key, range.clone()).await?;
                    Ok::<(u64, Bytes), StoreError>((range.start, bytes))
                }
            });
            let reads = reads.buffer_unordered(PARALLEL);
            reads.try_for_each(
                |(at, bytes)| async move { file.write_all_at(&bytes, at).map_err(write) },
            )
        };
        match self.ask("fetch a part", MOVE_FOR, fetch) {
            Ok(()) => {}
            Err(StoreError::NotFound { .. }) => {
                return Err(DataError::MissingPart {
                    digest: part.digest,
                    store: self.place.clone().into(),
                });
            }
            // Stores report a range beyond the end in different ways, so the size is checked
            // instead.
            Err(_) if self.is_broken(part)? => {
                return Err(self.call_damaged(part, "it has another size than it should have"));
            }
            Err(error) => return Err(remote_error("fetch a part", &self.place, &error)),
        }
        file.sync_all().map_err(DataError::io("sync", path))?;
        let (found, _) = digest_of(path, &Halt::default())?;
        if found != part.digest {
            let why = "its bytes do not have the digest that it is named by";
            return Err(self.call_damaged(part, why));
        }
        Ok(())
    }
}

/// The ranges of the requests that together fetch an object.
pub(crate) fn ranges(bytes: u64) -> impl Iterator<Item = Range<u64>> {
    (0..bytes.div_ceil(RANGE_BYTES))
        .map(move |i| i * RANGE_BYTES..((i + 1) * RANGE_BYTES).min(bytes))
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    fn remote() -> Remote {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let store = Arc::new(InMemory::new());
        let patience = Patience::new(Tell::default());
        Remote::over(
            store,
            Path::from("p/default"),
            "memory".into(),
            runtime,
            patience,
        )
    }

    fn part(bytes: &[u8]) -> PartRef {
        PartRef {
            digest: Digest::of(bytes),
            bytes: u64::try_from(bytes.len()).unwrap(),
            rows: 0,
        }
    }

    fn put(remote: &Remote, part: &PartRef, bytes: &'static [u8]) {
        let key = remote.key(&part.digest);
        let put = remote.store.put(&key, PutPayload::from_static(bytes));
        remote.runtime.block_on(put).unwrap();
    }

    fn fetched(remote: &Remote, part: &PartRef) -> Result<Vec<u8>, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        remote.fetch(part, &File::create_new(&path).unwrap(), &path)?;
        Ok(std::fs::read(path).unwrap())
    }

    /// Digests have any digits, and prefixes any name.
    #[test]
    fn only_an_answer_says_that_access_is_refused_or_a_bucket_missing() {
        let refused = |said: &str| {
            let error = StoreError::Generic {
                store: "S3",
                source: said.into(),
            };
            match remote_error("put a part", "s3://b/p", &error) {
                DataError::Remote { refused, .. } => refused,
                other => panic!("{other}"),
            }
        };
        for url in [
            "http://s3/b/cas/40/403f401e",
            "http://s3/AccessDenied/NoSuchBucket",
            "http://127.0.0.1:40301/b",
        ] {
            let said = |answer: &str| {
                format!("Error performing PUT {url} in 401.403ms - Server returned {answer}")
            };
            assert!(!refused(&said("non-2xx status code: 503 Slow Down: busy")));
            assert!(!refused(&said("non-2xx status code: 500: 403")));
            assert!(refused(&said("non-2xx status code: 403 Forbidden: ")));
            assert!(refused(&said("non-2xx status code: 401 Unauthorized: ")));
            for code in ["AccessDenied", "NoSuchBucket", "SignatureDoesNotMatch"] {
                let answer = format!("error response: <Error><Code>{code}</Code></Error>");
                assert!(refused(&said(&answer)), "{code}");
            }
        }
    }

    #[test]
    fn a_part_comes_back_in_ranges_as_it_was() {
        let remote = remote();
        let bytes: Vec<u8> = (0..20_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        std::fs::write(&path, &bytes).unwrap();
        let part = part(&bytes);
        assert!(!remote.has(&part).unwrap());
        remote.put(&part.digest, &path).unwrap();
        remote.put(&part.digest, &path).unwrap();
        assert!(remote.has(&part).unwrap());
        assert!(fetched(&remote, &part).unwrap() == bytes);
    }

    #[test]
    fn a_part_that_was_changed_on_its_way_is_refused() {
        let remote = remote();
        let part = part(b"what it should be");
        put(&remote, &part, b"what it should b3");
        let error = fetched(&remote, &part).unwrap_err();
        assert!(matches!(error, DataError::Damaged { .. }), "{error}");
    }

    #[test]
    fn a_damaged_part_counts_as_absent_and_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        std::fs::write(&path, b"what it should be").unwrap();
        for bad in [&b"what it should b3"[..], b"what", b""] {
            let remote = remote();
            let part = part(b"what it should be");
            put(&remote, &part, bad);
            let error = fetched(&remote, &part).unwrap_err();
            assert!(matches!(error, DataError::Damaged { .. }), "{error}");
            assert!(!remote.has(&part).unwrap());
            remote.put(&part.digest, &path).unwrap();
            assert_eq!(fetched(&remote, &part).unwrap(), b"what it should be");
        }
    }

    #[test]
    fn a_part_that_is_cut_short_or_absent_is_refused() {
        let remote = remote();
        let part = part(b"whole");
        let error = fetched(&remote, &part).unwrap_err();
        assert!(matches!(error, DataError::MissingPart { .. }), "{error}");
        put(&remote, &part, b"who");
        assert!(fetched(&remote, &part).is_err());
    }

    #[test]
    fn the_address_of_a_part_holds_its_prefix_once() {
        for place in ["s3://test/p", "s3://test/p/", "s3://test"] {
            let remote = Remote {
                place: place.to_owned(),
                ..remote()
            };
            let address = remote.address(&Path::from("p/default/cas/00/00ff"));
            assert_eq!(address, "s3://test/p/default/cas/00/00ff");
        }
    }

    #[test]
    fn ranges_cover_every_byte_once() {
        for bytes in [
            0,
            1,
            RANGE_BYTES - 1,
            RANGE_BYTES,
            RANGE_BYTES + 1,
            3 * RANGE_BYTES,
        ] {
            let mut next = 0;
            for range in ranges(bytes) {
                assert_eq!(range.start, next);
                assert!(range.end > range.start && range.end - range.start <= RANGE_BYTES);
                next = range.end;
            }
            assert_eq!(next, bytes);
        }
    }
}
