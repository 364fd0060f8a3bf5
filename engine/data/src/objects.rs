//! Objects of buckets as users' files: `s3://bucket/data/`.
//!
//! One listing says which objects there are. What an object contained when it was read is recorded by
//! its address, its size, its time and the tag that the bucket gives to its bytes, so an unchanged
//! object is neither fetched nor digested again.

mod bucket;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::Error as StoreError;
use object_store::GetOptions;
use sunward_core::{Dataset, Hasher, PartRef};
use sunward_files::pattern::Matcher;

use crate::blob::file_dataset;
use crate::error::DataError;
use crate::incoming::Incoming;
use crate::memory::{FileMemory, FileStamp};
use crate::patience::Tell;
use crate::remote::client::LOCAL;
use crate::remote::{MOVE_FOR, PARALLEL, ranges};
use crate::store::Store;
use bucket::{Bucket, Found, MOST_OBJECTS};

/// The longest name that a file may have, in bytes.
const LONGEST_NAME: usize = 255;

/// The buckets that a store's users have named.
#[derive(Debug)]
pub(crate) struct Buckets {
    open: Mutex<BTreeMap<String, Arc<Bucket>>>,
    /// Tells what is waited for.
    tell: Tell,
}

impl Buckets {
    pub(crate) fn telling(tell: Tell) -> Self {
        let open = Mutex::default();
        Self { open, tell }
    }
}

/// An object of a bucket, as a listing tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketObject {
    /// Its address: `s3://bucket/key`.
    pub address: String,
    /// Its size.
    pub bytes: u64,
    /// Its time of change, in nanoseconds since the epoch.
    modified_ns: i64,
    /// What the bucket calls its bytes. It changes with them.
    tag: Option<String>,
    /// The version of the object, in a bucket that keeps several.
    version: Option<String>,
}

impl BucketObject {
    /// The stamp by which it is recorded. It has no inode, and what its bucket says of its bytes counts
    /// as the way of reading them.
    fn stamp(&self, endpoint: &str) -> FileStamp {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let reading = Hasher::new("object of a bucket")
            .field("endpoint", endpoint.as_bytes())
            .field("address", self.address.as_bytes())
            .field("tag", text(&self.tag).as_bytes())
            .field("version", text(&self.version).as_bytes())
            .finish();
        FileStamp {
            device: 0,
            inode: 0,
            size: self.bytes,
            mtime_ns: self.modified_ns,
            ctime_ns: 0,
            reading,
        }
    }

    /// The error that it is not as the run has listed it.
    #[must_use]
    pub fn changed(&self) -> DataError {
        DataError::NoSuch(format!(
            "{} has changed since this run first listed it, and a run reads only one version of a file; run \
             again to read the new version",
            self.address
        ))
    }

    /// What an object that was not read counts as in a preview: no result has been made of it.
    fn unread(&self, stamp: &FileStamp) -> Dataset {
        let digest = Hasher::new("unread object")
            .field("reading", &stamp.reading.0)
            .finish();
        file_dataset(PartRef {
            digest,
            bytes: self.bytes,
            rows: 0,
        })
    }
}

impl Store {
    /// The objects that an address names, sorted: those in `s3://bucket/folder/`, those that match a
    /// pattern such as `s3://bucket/**/*.nc`, or one. Names that begin with a dot are hidden, as in
    /// patterns of files.
    ///
    /// # Errors
    ///
    /// Fails if the bucket cannot be listed, there are too many, or one has a name that no file can
    /// have.
    pub fn objects(&self, address: &str) -> Result<Vec<BucketObject>, DataError> {
        let (bucket, key) = self.bucket_of(address)?;
        let first = key.find(['*', '?', '[', '{']);
        let found = match first {
            None if key.is_empty() || key.ends_with('/') => {
                let found = bucket.in_folder(key)?;
                if let (true, Some(deeper)) = (found.objects.is_empty(), found.deeper) {
                    return Err(DataError::NoSuch(format!(
                        "there are only deeper folders in {address}, such as {deeper}; write {address}** \
                         to read the objects in them"
                    )));
                }
                found.objects
            }
            None => bucket.one(key)?.into_iter().collect(),
            Some(first) => {
                let matcher = Matcher::new(key)
                    .map_err(|error| DataError::NoSuch(format!("{address}: {error}")))?;
                let folder = key[..first].rfind('/').map_or("", |end| &key[..=end]);
                bucket.below(folder, &|key| matcher.matches(key))?
            }
        };
        let mut objects: Vec<BucketObject> = Vec::with_capacity(found.len());
        for Found { key, meta } in found {
            let object = BucketObject {
                address: format!("s3://{}/{key}", bucket.name()),
                bytes: meta.size,
                modified_ns: meta.last_modified.timestamp_nanos_opt().unwrap_or(0),
                tag: meta.e_tag,
                version: meta.version,
            };
            let name = key.rsplit('/').next().unwrap_or(&key);
            if name.len() > LONGEST_NAME {
                return Err(DataError::NoSuch(format!(
                    "the name of {} is longer than the {LONGEST_NAME} bytes that a file's name may have; \
                     copy the object to a shorter name",
                    object.address
                )));
            }
            objects.push(object);
        }
        if objects.len() > MOST_OBJECTS {
            return Err(DataError::NoSuch(format!(
                "{address} names more than {MOST_OBJECTS} objects; name a deeper folder, or narrow the \
                 pattern"
            )));
        }
        objects.sort_by(|one, other| one.address.cmp(&other.address));
        Ok(objects)
    }

    /// Reads objects into the store, in the same order. Those that `memory` knows are not fetched. In a
    /// preview no object is fetched, unless it `needs_bytes`.
    ///
    /// # Errors
    ///
    /// Fails if an object cannot be fetched, or is not as it was listed.
    pub fn read_objects(
        &self,
        objects: &[BucketObject],
        needs_bytes: bool,
        memory: &dyn FileMemory,
    ) -> Result<Vec<Dataset>, DataError> {
        let Some(first) = objects.first() else {
            return Ok(Vec::new());
        };
        let (bucket, _) = self.bucket_of(&first.address)?;
        let endpoint = bucket.endpoint();
        let stamps = objects.iter().map(|object| object.stamp(&endpoint));
        let stamps: Vec<FileStamp> = stamps.collect();
        let is_preview = self.only_digests() && !needs_bytes;
        let mut datasets = Vec::with_capacity(objects.len());
        let mut missing = Vec::new();
        for ((object, stamp), known) in objects.iter().zip(&stamps).zip(memory.get_all(&stamps)) {
            let dataset = match known {
                Some(known) if is_preview || self.is_available(&known)? => known,
                _ => {
                    missing.push(datasets.len());
                    object.unread(stamp)
                }
            };
            datasets.push(dataset);
        }
        if is_preview {
            return Ok(datasets);
        }
        for at in missing.chunks(PARALLEL) {
            self.go_on()?;
            let asked = at.iter().filter_map(|at| objects.get(*at));
            let asked: Vec<&BucketObject> = asked.collect();
            for (at, fetched) in at.iter().zip(self.fetch_objects(&bucket, &asked)?) {
                let dataset = file_dataset(self.keep(fetched)?);
                if let (Some(object), Some(stamp)) = (objects.get(*at), stamps.get(*at))
                    && (object.tag.is_some() || stamp.is_settled())
                {
                    memory.put(stamp, &dataset);
                }
                if let Some(place) = datasets.get_mut(*at) {
                    *place = dataset;
                }
            }
        }
        Ok(datasets)
    }

    /// Downloads objects at the same time.
    fn fetch_objects(
        &self,
        bucket: &Bucket,
        objects: &[&BucketObject],
    ) -> Result<Vec<Incoming>, DataError> {
        let incoming = objects.iter();
        let incoming = incoming.map(|_| Incoming::create(&self.incoming_folder()));
        let incoming: Vec<Incoming> = incoming.collect::<Result<_, _>>()?;
        let files = incoming.iter().map(Incoming::handle);
        let files: Vec<File> = files.collect::<Result<_, _>>()?;
        let fetched = objects.iter().zip(&files);
        let fetched = fetched.map(|(object, file)| fetch(bucket, object, file));
        let all = futures::future::try_join_all(fetched);
        bucket.block_on(all)?;
        for one in &incoming {
            one.sync()?;
        }
        Ok(incoming)
    }

    fn bucket_of<'a>(&self, address: &'a str) -> Result<(Arc<Bucket>, &'a str), DataError> {
        let rest = address.split_once("://").map_or("", |(_, rest)| rest);
        let (name, key) = rest.split_once('/').unwrap_or((rest, ""));
        let buckets = self.buckets();
        let mut open = buckets.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.get(name) {
            return Ok((Arc::clone(known), key));
        }
        let bucket = Arc::new(Bucket::open(address, name, buckets.tell.clone())?);
        open.insert(name.to_owned(), Arc::clone(&bucket));
        Ok((bucket, key))
    }
}

/// Downloads one object, in the version that was listed.
async fn fetch(bucket: &Bucket, object: &BucketObject, file: &File) -> Result<(), DataError> {
    let key = bucket.path_of(&object.address)?;
    let path = &key;
    let get = || async move {
        let reads = futures::stream::iter(ranges(object.bytes)).map(|range| async move {
            let options = GetOptions {
                if_match: object.tag.clone(),
                version: object.version.clone(),
                range: Some(range.clone().into()),
                ..GetOptions::default()
            };
            let found = bucket.get(path, options).await?;
            let is_same = found.meta.size == object.bytes
                && (object.tag.is_some()
                    || found.meta.last_modified.timestamp_nanos_opt() == Some(object.modified_ns));
            if !is_same {
                return Err(StoreError::Precondition {
                    path: path.to_string(),
                    source: "it has another size or time".into(),
                });
            }
            Ok::<_, StoreError>((range.start, found.bytes().await?))
        });
        let reads = reads.buffer_unordered(PARALLEL);
        reads
            .try_for_each(|(at, bytes)| async move {
                file.write_all_at(&bytes, at)
                    .map_err(|error| StoreError::Generic {
                        store: LOCAL,
                        source: Box::new(error),
                    })
            })
            .await
    };
    match bucket.ask("fetch an object", MOVE_FOR, get).await {
        Ok(()) => Ok(()),
        Err(StoreError::Precondition { .. } | StoreError::NotFound { .. }) => Err(object.changed()),
        Err(error) => Err(bucket.error("fetch an object", &object.address, &error)),
    }
}
