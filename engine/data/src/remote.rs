//! The bucket behind the store: parts as objects, one PUT each, fetched by ranges in parallel.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
    RetryConfig,
};
use sunward_core::{Digest, PartRef};
use tokio::runtime::Runtime;

use crate::error::DataError;
use crate::part::{map, map_bytes};

/// Bytes of one ranged read.
const RANGE_BYTES: u64 = 8 << 20;
/// Ranged reads of one part at a time.
const PARALLEL: usize = 8;
/// What one PUT may hold (S3's own limit); parts stay far below it, blobs may come near.
const PUT_BYTES: usize = 5 << 30;
/// How long a request is tried again before the remote counts as away.
const RETRY: std::time::Duration = std::time::Duration::from_secs(30);

static PROVIDER: Once = Once::new();

/// One bucket and prefix.
#[derive(Debug)]
pub(crate) struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    place: String,
    runtime: Runtime,
    /// Parts whose bytes there are not what their name says: they are written over.
    damaged: Mutex<BTreeSet<Digest>>,
}

impl Remote {
    /// Connects, and asks for one object that need not exist.
    pub(crate) fn open(url: &str, project: &str) -> Result<Self, DataError> {
        let address = url.strip_prefix("s3://").ok_or_else(|| {
            DataError::Unsupported(format!(
                "'{url}' is no store that can be used; write s3://bucket/prefix"
            ))
        })?;
        let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
        if bucket.is_empty() {
            return Err(DataError::Unsupported(format!(
                "'{url}' names no bucket; write s3://bucket/prefix"
            )));
        }
        PROVIDER.call_once(|| {
            // Somebody may have installed one before; theirs serves as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sunward-store")
            .enable_all()
            .build()
            .map_err(DataError::io("start threads for", FilePath::new(url)))?;
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_retry(RetryConfig {
                max_retries: 5,
                retry_timeout: RETRY,
                ..RetryConfig::default()
            })
            .build()
            .map_err(|error| remote_error("use the store", url, &error))?;
        let prefix = Path::from(format!("{}/{project}", prefix.trim_matches('/')));
        let remote = Self::over(Arc::new(store), prefix, url.to_owned(), runtime);
        remote.probe()?;
        Ok(remote)
    }

    /// Over any object store.
    pub(crate) fn over(
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        place: String,
        runtime: Runtime,
    ) -> Self {
        Self {
            store,
            prefix,
            place,
            runtime,
            damaged: Mutex::default(),
        }
    }

    fn probe(&self) -> Result<(), DataError> {
        let probe = self.prefix.clone().join("cas").join("00");
        let mut listing = self.store.list(Some(&probe));
        match self.runtime.block_on(listing.next()) {
            Some(Err(error)) => Err(remote_error("look into the store", &self.place, &error)),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    fn key(&self, digest: &Digest) -> Path {
        let hex = digest.to_hex();
        let shard = hex[..2].to_owned();
        self.prefix.clone().join("cas").join(shard).join(hex)
    }

    /// Whether a part is there with its size, and was not found to be damaged.
    pub(crate) fn has(&self, part: &PartRef) -> Result<bool, DataError> {
        if self.damaged().contains(&part.digest) {
            return Ok(false);
        }
        let key = self.key(&part.digest);
        match self.runtime.block_on(self.store.head(&key)) {
            Ok(found) => Ok(found.size == part.bytes),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(remote_error("look for a part", &self.place, &error)),
        }
    }

    fn result_key(&self, key: &Digest) -> Path {
        self.prefix.clone().join("results").join(key.to_hex())
    }

    /// What the shared index holds for these keys.
    pub(crate) fn results(&self, keys: &[Digest]) -> Result<Vec<Option<Bytes>>, DataError> {
        let reads = futures::stream::iter(keys.iter().map(|key| self.result_key(key)))
            .map(|key| async move {
                match self.store.get(&key).await {
                    Ok(found) => found.bytes().await.map(Some),
                    Err(StoreError::NotFound { .. }) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .buffered(PARALLEL)
            .try_collect();
        self.runtime
            .block_on(reads)
            .map_err(|error| remote_error("look up results", &self.place, &error))
    }

    /// Writes into the shared index.
    pub(crate) fn put_results(&self, results: Vec<(Digest, Vec<u8>)>) -> Result<(), DataError> {
        let writes = futures::stream::iter(results)
            .map(|(key, text)| async move {
                let key = self.result_key(&key);
                self.store.put(&key, PutPayload::from(text)).await
            })
            .buffer_unordered(PARALLEL)
            .try_for_each(|_| async { Ok(()) });
        self.runtime
            .block_on(writes)
            .map_err(|error| remote_error("note results", &self.place, &error))
    }

    /// Puts a part that lies in a file. One that is there already is the same.
    pub(crate) fn put(&self, digest: &Digest, path: &FilePath) -> Result<(), DataError> {
        let bytes = map_bytes(path)?;
        if bytes.len() > PUT_BYTES {
            return Err(DataError::Unsupported(format!(
                "{} has {} GiB, but one object holds at most 5; write it as several files or a folder",
                path.display(),
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

    /// False when something was there already and stays.
    fn put_as(&self, part: &PartRef, bytes: Bytes, mode: PutMode) -> Result<bool, DataError> {
        let key = self.key(&part.digest);
        let options = PutOptions::from(mode);
        let put = self.store.put_opts(&key, PutPayload::from(bytes), options);
        match self.runtime.block_on(put) {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(remote_error("put a part", &self.place, &error)),
        }
    }

    fn damaged(&self) -> MutexGuard<'_, BTreeSet<Digest>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something is there under a part's name that cannot be it.
    fn is_broken(&self, part: &PartRef) -> Result<bool, DataError> {
        if self.damaged().contains(&part.digest) {
            return Ok(true);
        }
        let key = self.key(&part.digest);
        match self.runtime.block_on(self.store.head(&key)) {
            Ok(found) => Ok(found.size != part.bytes),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(remote_error("look for a part", &self.place, &error)),
        }
    }

    fn call_damaged(&self, part: &PartRef, why: &str) -> DataError {
        self.damaged().insert(part.digest);
        let key = self.key(&part.digest);
        tracing::warn!(place = %self.place, %key, why, "a part is damaged; it is made again");
        DataError::Damaged {
            path: format!("{}/{key}", self.place).into(),
            why: why.to_owned(),
        }
    }

    /// Brings a part into a file and checks that it is what its name says.
    pub(crate) fn fetch(
        &self,
        part: &PartRef,
        file: &File,
        path: &FilePath,
    ) -> Result<(), DataError> {
        let key = self.key(&part.digest);
        let reads = futures::stream::iter(ranges(part.bytes)).map(|range| {
            let (store, key) = (&self.store, &key);
            async move {
                let bytes = store.get_range(key, range.clone()).await?;
                Ok::<(u64, Bytes), StoreError>((range.start, bytes))
            }
        });
        let write = |error: io::Error| StoreError::Generic {
            store: "local",
            source: Box::new(error),
        };
        let fetched =
            self.runtime
                .block_on(reads.buffer_unordered(PARALLEL).try_for_each(
                    |(at, bytes)| async move { file.write_all_at(&bytes, at).map_err(write) },
                ));
        match fetched {
            Ok(()) => {}
            Err(StoreError::NotFound { .. }) => {
                return Err(DataError::MissingPart {
                    digest: part.digest,
                    store: self.place.clone().into(),
                });
            }
            // A range beyond the end is refused in many ways.
            Err(_) if self.is_broken(part)? => {
                return Err(self.call_damaged(part, "it has another size than it should have"));
            }
            Err(error) => return Err(remote_error("fetch a part", &self.place, &error)),
        }
        file.sync_all().map_err(DataError::io("sync", path))?;
        let found = map(path)?;
        if Digest::of(&found) != part.digest {
            let why = "its bytes do not have the digest that it is named by";
            return Err(self.call_damaged(part, why));
        }
        Ok(())
    }
}

fn ranges(bytes: u64) -> impl Iterator<Item = Range<u64>> {
    (0..bytes.div_ceil(RANGE_BYTES))
        .map(move |i| i * RANGE_BYTES..((i + 1) * RANGE_BYTES).min(bytes))
}

fn remote_error(what: &'static str, place: &str, error: &StoreError) -> DataError {
    const DENIED: &str = "access was refused: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do in this bucket";
    let why = chain(error);
    let marks = [
        "403",
        "401",
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
        "AccessDenied",
    ];
    let denied = marks.iter().any(|mark| why.contains(mark));
    let (hint, refused) = match error {
        _ if why.contains("NoSuchBucket") => (
            "there is no such bucket: create it, or check the name and AWS_ENDPOINT_URL",
            true,
        ),
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => (DENIED, true),
        _ if denied => (DENIED, true),
        StoreError::NotFound { .. } => (
            "there is no such bucket or object: check the name and AWS_ENDPOINT_URL",
            true,
        ),
        _ => (
            "check the network and AWS_ENDPOINT_URL (and AWS_ALLOW_HTTP=true for a plain http endpoint)",
            false,
        ),
    };
    DataError::Remote {
        what,
        place: place.to_owned(),
        why,
        hint,
        refused,
    }
}

/// An error with its causes, each once, on one line.
fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let line = next.to_string();
        if !text.contains(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        cause = next.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    fn remote() -> Remote {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let store = Arc::new(InMemory::new());
        Remote::over(store, Path::from("p/default"), "memory".into(), runtime)
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
