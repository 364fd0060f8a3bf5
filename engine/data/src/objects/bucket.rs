//! One bucket of which users' files are read.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt as _,
};
use tokio::runtime::Runtime;

use crate::error::DataError;
use crate::patience::{Patience, Tell};
use crate::remote::ASK_FOR;
use crate::remote::client::{self, is_passing, remote_error};

/// The most objects that one address may name.
pub(super) const MOST_OBJECTS: usize = 1_000_000;

/// What is attempted, for messages.
const LIST: &str = "list";

/// A bucket. Nothing is written to it.
#[derive(Debug)]
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    name: String,
    runtime: Runtime,
    patience: Patience,
}

/// An object that was found.
pub(super) struct Found {
    pub(super) key: String,
    pub(super) meta: ObjectMeta,
}

/// What is in a folder of a bucket.
pub(super) struct Folder {
    pub(super) objects: Vec<Found>,
    /// A folder in it.
    pub(super) deeper: Option<String>,
}

impl Bucket {
    /// Connects without a request.
    pub(super) fn open(address: &str, name: &str, tell: Tell) -> Result<Self, DataError> {
        Ok(Self {
            store: client::of_bucket(address, name)?,
            name: name.to_owned(),
            runtime: client::threads(address)?,
            patience: Patience::new(tell),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The server, as far as the environment names it: buckets of one name on two servers differ.
    pub(super) fn endpoint(&self) -> String {
        let named = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
        let mut named = named.iter().filter_map(|name| std::env::var(name).ok());
        named.next().unwrap_or_default()
    }

    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Sends a request, and retries it while the error may be temporary.
    pub(super) async fn ask<T, F>(
        &self,
        what: &str,
        give_up_after: Duration,
        ask: impl Fn() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let place = format!("s3://{}", self.name);
        self.patience
            .ask(what, &place, give_up_after, ask, is_passing)
            .await
    }

    pub(super) async fn get(
        &self,
        key: &Path,
        options: GetOptions,
    ) -> Result<GetResult, StoreError> {
        self.store.get_opts(key, options).await
    }

    pub(super) fn error(&self, what: &'static str, place: &str, error: &StoreError) -> DataError {
        match error {
            StoreError::InvalidPath { source } => DataError::NoSuch(format!(
                "an object in {place} has a name that no file can have: {source}; copy it to another name, \
                 or name the objects by a pattern in another folder"
            )),
            error => remote_error(what, place, error),
        }
    }

    /// The key of an address in this bucket.
    pub(super) fn path_of(&self, address: &str) -> Result<Path, DataError> {
        let key = address.splitn(4, '/').nth(3).unwrap_or_default();
        self.path(key)
    }

    fn path(&self, key: &str) -> Result<Path, DataError> {
        let address = || format!("s3://{}/{key}", self.name);
        Path::parse(key).map_err(|source| {
            DataError::NoSuch(format!(
                "{} is not a usable address: {source}; write it without empty names, `.` and `..`",
                address()
            ))
        })
    }

    /// The objects in a folder, and not those in deeper ones. `key` ends with a slash, or is empty.
    pub(super) fn in_folder(&self, key: &str) -> Result<Folder, DataError> {
        let folder = self.path(key)?;
        let list = || self.store.list_with_delimiter(Some(&folder));
        let found = self.block_on(self.ask(LIST, ASK_FOR, list));
        let place = format!("s3://{}/{key}", self.name);
        let found = found.map_err(|error| self.error(LIST, &place, &error))?;
        let deeper = found.common_prefixes.first();
        let deeper = deeper.map(|one| format!("s3://{}/{one}/", self.name));
        let is_folder = |meta: &ObjectMeta| found.common_prefixes.contains(&meta.location);
        let objects = found.objects.iter();
        let objects = objects.filter(|meta| meta.location != folder && !is_folder(meta));
        let objects = objects.filter_map(|meta| visible(meta, &folder));
        Ok(Folder {
            objects: objects.collect(),
            deeper,
        })
    }

    /// The object of a key, if there is one.
    pub(super) fn one(&self, key: &str) -> Result<Option<Found>, DataError> {
        let path = self.path(key)?;
        let found = self.block_on(self.ask(LIST, ASK_FOR, || self.store.head(&path)));
        let place = format!("s3://{}/{key}", self.name);
        match found {
            Ok(meta) => Ok(Some(Found {
                key: meta.location.to_string(),
                meta,
            })),
            // A missing bucket and a missing object have the same answer here. A listing tells them
            // apart.
            Err(StoreError::NotFound { .. }) => self.below(key, &|_| false).map(|_| None),
            Err(error) => Err(self.error("look for an object", &place, &error)),
        }
    }

    /// The objects in a folder and in all deeper ones that `keeps` keeps, by their keys.
    pub(super) fn below(
        &self,
        folder: &str,
        keeps: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<Found>, DataError> {
        let folder = self.path(folder)?;
        let list = || async {
            let mut objects = self.store.list(Some(&folder));
            let mut found = Vec::new();
            while let Some(meta) = objects.next().await.transpose()? {
                let key = meta.location.to_string();
                if meta.location != folder && keeps(&key) && found.len() <= MOST_OBJECTS {
                    found.push(Found { key, meta });
                }
            }
            Ok(found)
        };
        let found = self.block_on(self.ask(LIST, ASK_FOR, list));
        let place = format!("s3://{}/{folder}", self.name);
        found.map_err(|error| self.error(LIST, &place, &error))
    }
}

/// An object of a folder, unless its name is hidden.
fn visible(meta: &ObjectMeta, folder: &Path) -> Option<Found> {
    let key = meta.location.to_string();
    let name = key.strip_prefix(folder.as_ref()).unwrap_or(&key);
    let is_hidden = name.trim_start_matches('/').starts_with('.');
    (!is_hidden).then(|| Found {
        key: key.clone(),
        meta: meta.clone(),
    })
}
