//! The store: parts by the digest of their bytes, on this host and, when asked for, in a bucket.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use sunward_core::{Dataset, DatasetKind, Digest, PartRef};

use crate::error::DataError;
use crate::folder;
use crate::incoming::{self, Incoming};
use crate::linked::Linked;
use crate::part::map;
use crate::patience::Tell;
use crate::reader::TableReader;
use crate::remote::Remote;
use crate::reserve;
use crate::trust::Trust;
use crate::writer::{PART_BYTES, TableWriter};

/// The project whose parts these are, until projects are told apart.
const PROJECT: &str = "default";

/// Holds the address of the remote that was used last.
const REMOTE: &str = "remote";

/// Notes a remote for those who only look. That it cannot be noted costs them the parts that are there
/// alone, and is told when they ask.
fn note_remote(root: &Path, url: &str) {
    if let Err(error) = fs::write(root.join(REMOTE), url) {
        tracing::warn!(%error, "the store's bucket is not remembered");
    }
}

/// Parts by content. A clone is the same store; any thread may use it.
///
/// On disk: `<home>/store/<project>/cas/<2 hex>/<blake3 of the file>`, each written under another
/// name, made durable, then renamed; so a name is there only when all of its bytes are. `joined/`
/// beside it holds files made for commands and `derived/` remembers conversions; both can be
/// deleted at any time.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
    part_bytes: usize,
    /// What is written stays on this host.
    stays_here: bool,
    /// Set when what is being done is not wanted any more.
    stop: Option<Arc<AtomicBool>>,
}

/// When a part's bytes are made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Each by itself, before it gets its name.
    Now,
    /// With all others by [`Store::sync_all`]. Until then a crash may leave a name without its bytes,
    /// which nobody was told of yet, and which is read before it is believed.
    Later,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    remote: Option<Remote>,
    trust: Trust,
    linked: Linked,
    can_clone: OnceLock<bool>,
    only_looks: bool,
}

impl Store {
    /// Opens, and creates where absent, the store below `home`; with `remote` (`s3://bucket/prefix`)
    /// every part is also put there before it counts as written, and fetched from there when missing.
    ///
    /// Credentials and endpoint of the remote come from the environment (`AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`, …). It is
    /// contacted once here, so that a wrong name or key is found before anything runs.
    ///
    /// # Errors
    /// When the folder cannot be made, or the remote cannot be used.
    pub fn open(home: &Path, remote: Option<&str>) -> Result<Self, DataError> {
        Self::open_telling(home, remote, Tell::default())
    }

    /// The same; `tell` is called when the remote has been waited for for some seconds.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_telling(home: &Path, remote: Option<&str>, tell: Tell) -> Result<Self, DataError> {
        let root = home.join("store").join(PROJECT);
        // As private as the state's folder.
        let mode = fs::metadata(home).map_or(0o700, |found| found.permissions().mode()) & 0o770;
        for folder in ["cas", "tmp", "joined", "derived"] {
            let folder = root.join(folder);
            let created = DirBuilder::new().recursive(true).mode(mode).create(&folder);
            created.map_err(DataError::io("create folder", &folder))?;
        }
        incoming::sweep(&root.join("tmp"));
        reserve::take(home);
        let bucket = remote;
        let remote = remote
            .map(|url| Remote::open(url, PROJECT, tell))
            .transpose()?;
        if let Some(url) = bucket {
            note_remote(&root, url);
        }
        Ok(Self::at(root, remote, false))
    }

    /// Opens the store below `home` for looking at it, which needs no right to write there: nothing is
    /// created, swept or reserved. Files with a suffix of their own, and folders, are made where that is
    /// possible; else their parts stand for them.
    #[must_use]
    pub fn look(home: &Path) -> Self {
        Self::at(home.join("store").join(PROJECT), None, true)
    }

    fn at(root: PathBuf, remote: Option<Remote>, only_looks: bool) -> Self {
        Self {
            inner: Arc::new(Inner {
                trust: Trust::open(&root),
                root,
                remote,
                linked: Linked::default(),
                can_clone: OnceLock::new(),
                only_looks,
            }),
            part_bytes: PART_BYTES,
            stays_here: false,
            stop: None,
        }
    }

    /// Whether what cannot be written is done without.
    pub(crate) fn only_looks(&self) -> bool {
        self.inner.only_looks
    }

    /// The remote that this home's store was opened with last, if it ever had one: what is not here is
    /// to be looked for there.
    #[must_use]
    pub fn last_remote(home: &Path) -> Option<String> {
        let note = fs::read_to_string(home.join("store").join(PROJECT).join(REMOTE)).ok()?;
        let url = note.trim();
        (!url.is_empty()).then(|| url.to_owned())
    }

    /// The same store, writing parts of about this many bytes at most instead of 256 MiB (which stays
    /// the limit). Content digests and results do not depend on it.
    #[must_use]
    pub fn with_part_bytes(&self, part_bytes: usize) -> Self {
        Self {
            part_bytes: part_bytes.clamp(1, PART_BYTES),
            ..self.clone()
        }
    }

    /// The same store, giving up with [`DataError::Stopped`] between two files once `stop` is set.
    #[must_use]
    pub fn stopped_by(&self, stop: &Arc<AtomicBool>) -> Self {
        Self {
            stop: Some(Arc::clone(stop)),
            ..self.clone()
        }
    }

    pub(crate) fn go_on(&self) -> Result<(), DataError> {
        match &self.stop {
            Some(stop) if stop.load(Ordering::Relaxed) => Err(DataError::Stopped),
            _ => Ok(()),
        }
    }

    /// Makes everything durable that was written on the store's disk: one wait for many files.
    pub(crate) fn sync_all(&self) -> Result<(), DataError> {
        let root = &self.inner.root;
        let failed = |error| DataError::io("sync", root)(error);
        let folder = fs::File::open(root).map_err(failed)?;
        rustix::fs::syncfs(&folder).map_err(|error| DataError::io("sync", root)(error.into()))
    }

    pub(crate) fn part_bytes(&self) -> usize {
        self.part_bytes
    }

    /// The folder of this project's store.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// Where a part lies, or would lie, on this host.
    #[must_use]
    pub fn part_path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.inner.root.join("cas").join(&hex[..2]).join(hex)
    }

    /// A folder for files on their way in, on the store's own file system, so that renaming works.
    #[must_use]
    pub fn incoming_folder(&self) -> PathBuf {
        self.inner.root.join("tmp")
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.inner.root.join(name)
    }

    pub(crate) fn remote(&self) -> Option<&Remote> {
        let remote = self.inner.remote.as_ref();
        remote.filter(|_| !self.stays_here)
    }

    /// The same store without its remote.
    pub(crate) fn on_this_host(&self) -> Self {
        Self {
            stays_here: true,
            ..self.clone()
        }
    }

    /// The parts that tasks see through links.
    pub(crate) fn linked(&self) -> &Linked {
        &self.inner.linked
    }

    /// Whether the store's file system clones files; empty until it was tried.
    pub(crate) fn can_clone(&self) -> &OnceLock<bool> {
        &self.inner.can_clone
    }

    /// Whether every part of a dataset is on this host (the remote is not asked).
    #[must_use]
    pub fn is_local(&self, dataset: &Dataset) -> bool {
        let has_members = |part: &PartRef| {
            folder::members(self, part)
                .is_ok_and(|members| members.iter().all(|member| self.has_part(member)))
        };
        dataset.stored().all(|part| {
            self.has_part(part) && (dataset.kind != DatasetKind::Dir || has_members(part))
        })
    }

    /// The last engine on this store ended uncleanly, perhaps with the machine: what is here is read
    /// once more before it is used, and what was made of it is made again.
    ///
    /// # Errors
    /// When that cannot be noted.
    pub fn doubt_all(&self) -> Result<(), DataError> {
        self.inner.trust.doubt_all()?;
        for folder in ["joined", "derived"] {
            let folder = self.folder(folder);
            let entries = fs::read_dir(&folder).map_err(DataError::io("list", &folder))?;
            for entry in entries.flatten() {
                let path = entry.path();
                let gone = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
                gone.map_err(DataError::io("delete", &path))?;
            }
        }
        Ok(())
    }

    /// Whether parts are read before they are believed.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.inner.trust.is_in_doubt()
    }

    /// Whether a part is here, of the right size, and believed or now found to be whole. A damaged one
    /// is deleted, so that it is fetched or made again.
    pub(crate) fn has_part(&self, part: &PartRef) -> bool {
        let path = self.part_path(&part.digest);
        let Ok(found) = fs::metadata(&path) else {
            return false;
        };
        if found.len() != part.bytes {
            return false;
        }
        let written = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        !self.inner.trust.doubts(&part.digest, written) || self.is_whole(&part.digest)
    }

    /// Reads a part and compares it with its name; one that is damaged is deleted.
    pub(crate) fn is_whole(&self, digest: &Digest) -> bool {
        let path = self.part_path(digest);
        match map(&path) {
            Ok(bytes) if Digest::of(&bytes) == *digest => {
                self.inner.trust.believe(*digest);
                true
            }
            Ok(_) => {
                tracing::warn!(path = %path.display(), "a part is damaged; it is made again");
                let _ = fs::remove_file(&path);
                false
            }
            Err(_) => false,
        }
    }

    /// The parts of a dataset that can be had neither here nor from the remote. A remote that does not
    /// answer is given the benefit of the doubt.
    #[must_use]
    pub fn lacks(&self, dataset: &Dataset) -> Vec<Digest> {
        let lacks = |part: &&PartRef| {
            let one = Dataset {
                kind: dataset.kind,
                parts: vec![**part],
                ..Dataset::default()
            };
            !self.is_available(&one).unwrap_or(true)
        };
        let lost = dataset.stored().filter(lacks);
        lost.map(|part| part.digest).collect()
    }

    /// Whether every part of a dataset can be had: from this host, else from the remote.
    ///
    /// # Errors
    /// When the remote does not answer.
    pub fn is_available(&self, dataset: &Dataset) -> Result<bool, DataError> {
        for part in dataset.stored() {
            if !self.can_have(part)? {
                return Ok(false);
            }
            if dataset.kind != DatasetKind::Dir || !self.has_part(part) {
                continue;
            }
            let Ok(members) = folder::members(self, part) else {
                return Ok(false);
            };
            for member in members {
                if !self.can_have(&member)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn can_have(&self, part: &PartRef) -> Result<bool, DataError> {
        match self.remote() {
            _ if self.has_part(part) => Ok(true),
            Some(remote) => remote.has(part),
            None => Ok(false),
        }
    }

    /// Brings to this host whatever is missing of a dataset.
    ///
    /// # Errors
    /// When a part is nowhere, or arrives damaged.
    pub fn fetch(&self, dataset: &Dataset) -> Result<(), DataError> {
        for part in dataset.stored() {
            self.fetch_part(part)?;
        }
        Ok(())
    }

    /// The same with the files of folders.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_whole(&self, dataset: &Dataset) -> Result<(), DataError> {
        self.fetch(dataset)?;
        if dataset.kind == DatasetKind::Dir {
            for manifest in &dataset.parts {
                for part in folder::members(self, manifest)? {
                    self.fetch_part(&part)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn fetch_part(&self, part: &PartRef) -> Result<(), DataError> {
        if self.has_part(part) {
            return Ok(());
        }
        let Some(remote) = self.remote() else {
            let path = self.part_path(&part.digest);
            return Err(match fs::metadata(&path) {
                Ok(found) => DataError::Damaged {
                    path,
                    why: format!("it has {} bytes, expected {}", found.len(), part.bytes),
                },
                Err(_) => DataError::MissingPart {
                    digest: part.digest,
                    store: self.inner.root.clone(),
                },
            });
        };
        let incoming = Incoming::create(&self.incoming_folder())?;
        remote.fetch(part, &incoming.handle()?, incoming.path())?;
        self.settle(incoming, &part.digest, Durable::Now)
    }

    /// Makes a written file durable under its digest, here and in the remote.
    pub(crate) fn commit(&self, incoming: Incoming, digest: &Digest) -> Result<(), DataError> {
        incoming.sync()?;
        self.commit_synced(incoming, digest)
    }

    /// The same for a file whose bytes are durable already.
    pub(crate) fn commit_synced(
        &self,
        incoming: Incoming,
        digest: &Digest,
    ) -> Result<(), DataError> {
        self.commit_as(incoming, digest, Durable::Now)
    }

    /// The same, whose name is made durable now or later.
    pub(crate) fn commit_as(
        &self,
        incoming: Incoming,
        digest: &Digest,
        durable: Durable,
    ) -> Result<(), DataError> {
        self.settle(incoming, digest, durable)?;
        match self.remote() {
            Some(remote) => remote.put(digest, &self.part_path(digest)),
            None => Ok(()),
        }
    }

    fn settle(
        &self,
        incoming: Incoming,
        digest: &Digest,
        durable: Durable,
    ) -> Result<(), DataError> {
        let target = self.part_path(digest);
        let folder = target.parent().unwrap_or(&self.inner.root);
        if !folder.exists() {
            fs::create_dir_all(folder).map_err(DataError::io("create folder", folder))?;
            incoming::sync_folder(&self.inner.root.join("cas"))?;
        }
        // Readable, perhaps executable, and nothing else: no special bits of a command's file are kept.
        let found =
            fs::metadata(incoming.path()).map_err(DataError::io("read", incoming.path()))?;
        let mode = found.permissions().mode() & 0o555 | 0o444;
        fs::set_permissions(incoming.path(), fs::Permissions::from_mode(mode))
            .map_err(DataError::io("protect", incoming.path()))?;
        incoming.rename(&target)?;
        match durable {
            Durable::Now => incoming::sync_folder(folder),
            Durable::Later => Ok(()),
        }
    }

    /// Begins a new table.
    ///
    /// # Errors
    /// When no file can be made, or the schema has a type that cannot be handed over.
    pub fn writer(&self, schema: SchemaRef) -> Result<TableWriter, DataError> {
        TableWriter::create(self, schema)
    }

    /// Writes a whole table at once.
    ///
    /// # Errors
    /// As [`TableWriter::push`] and [`TableWriter::finish`].
    pub fn write_table(
        &self,
        schema: SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<Dataset, DataError> {
        let mut writer = self.writer(schema)?;
        for batch in batches {
            writer.push(batch)?;
        }
        writer.finish()
    }

    /// Opens a table for reading; parts that are missing here are fetched first.
    ///
    /// # Errors
    /// When the dataset is not a table, or a part is missing or damaged.
    pub fn table(&self, dataset: &Dataset) -> Result<TableReader, DataError> {
        TableReader::open(self, dataset)
    }
}
