//! The content-addressed store. It keeps parts by the digest of their bytes, on this host and
//! optionally in a bucket.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use sunward_core::{Dataset, DatasetKind, Digest, PartRef};
use sunward_files::private;

use crate::error::DataError;
use crate::file_bytes::digest_of;
use crate::folder;
use crate::halt::Halt;
use crate::incoming::{self, Incoming};
use crate::linked::Linked;
use crate::materialise::remove_joined;
use crate::objects::Buckets;
use crate::part::PART_BYTES;
use crate::patience::{Patience, Tell};
use crate::remote::Remote;
use crate::reserve;
use crate::seal::{Unsealed, is_sealed, seal};
use crate::trust::Trust;

/// The project name in every store path. Only one project is supported so far.
const PROJECT: &str = "default";

/// The file that holds the address of the last remote.
const REMOTE: &str = "remote";

/// Records the remote for read-only users of the store. A failure is only logged: it hides from
/// them the parts that are in the remote alone, and they learn of it when they ask for one.
fn note_remote(root: &Path, url: &str) {
    if let Err(error) = private::write(&root.join(REMOTE), url) {
        tracing::warn!(%error, "the store's bucket is not remembered");
    }
}

/// A content-addressed store of parts. Clones share the same store, and any thread may use it.
///
/// On disk, a part is `<home>/store/<project>/cas/<2 hex>/<blake3 of the file>`. It is written
/// under another name, made durable and then renamed, so a name exists only once all of its bytes
/// do. Beside `cas/`, `joined/` holds files made for commands and `derived/` records conversions.
/// Both can be deleted at any time.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
    part_bytes: usize,
    /// Whether the remote is ignored: parts are neither uploaded nor fetched.
    stays_here: bool,
    /// Whether users' files are only digested, and not copied here.
    only_digests: bool,
    halt: Halt,
}

/// When a part becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Each part by itself. Its bytes are durable before it gets its name.
    Now,
    /// Together with all others, by [`Store::sync_all`]. A crash before that may leave a name
    /// without its bytes. That is safe, because nothing refers to the part yet, and a part is
    /// verified before it is trusted.
    Later,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    remote: Option<Remote>,
    trust: Trust,
    unsealed: Unsealed,
    linked: Linked,
    can_clone: OnceLock<bool>,
    only_looks: bool,
    /// The buckets of which users' files are read.
    buckets: Buckets,
}

impl Store {
    /// Opens the store below `home`, and creates it if needed. With a `remote`
    /// (`s3://bucket/prefix`), every part is also uploaded there before it counts as written, and
    /// is fetched from there if it is missing here.
    ///
    /// Credentials and endpoint of the remote come from the environment (`AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`, …). The remote
    /// is contacted once here, so that a wrong name or key is found before anything runs.
    ///
    /// # Errors
    ///
    /// Fails if a folder cannot be created, or the remote cannot be used.
    pub fn open(home: &Path, remote: Option<&str>) -> Result<Self, DataError> {
        Self::open_telling(home, remote, Tell::default())
    }

    /// Like [`Self::open`], and calls `tell` when the remote has not answered for some seconds.
    ///
    /// # Errors
    ///
    /// Fails in the same cases as [`Self::open`].
    pub fn open_telling(home: &Path, remote: Option<&str>, tell: Tell) -> Result<Self, DataError> {
        let root = home.join("store").join(PROJECT);
        for folder in ["cas", "tmp", "joined", "derived"] {
            let folder = root.join(folder);
            private::create_folders(&folder).map_err(DataError::io("create folder", &folder))?;
        }
        incoming::sweep(&root.join("tmp"));
        reserve::take(home);
        let bucket = remote;
        let remote = remote
            .map(|url| Remote::open(url, PROJECT, tell.clone()))
            .transpose()?;
        if let Some(url) = bucket {
            note_remote(&root, url);
        }
        Ok(Self::at(root, remote, false, tell))
    }

    /// Opens a store with a bucket of which nothing is known. Each request is made once, whatever the
    /// answer is. For tests of answers.
    ///
    /// # Errors
    ///
    /// Fails if the address is not valid.
    pub fn open_hasty(home: &Path, remote: &str) -> Result<Self, DataError> {
        let here = Self::open(home, None)?;
        let remote = Remote::connect(remote, PROJECT, Patience::hasty())?;
        let root = here.root().to_owned();
        Ok(Self::at(root, Some(remote), false, Tell::default()))
    }

    /// Opens the store below `home` for reading. This needs no write access: nothing is created,
    /// swept or reserved. Files with a suffix and unpacked folders are created if possible.
    /// Otherwise the paths of their parts are returned instead.
    #[must_use]
    pub fn look(home: &Path) -> Self {
        let root = home.join("store").join(PROJECT);
        Self::at(root, None, true, Tell::default())
    }

    fn at(root: PathBuf, remote: Option<Remote>, only_looks: bool, tell: Tell) -> Self {
        Self {
            inner: Arc::new(Inner {
                trust: Trust::open(&root),
                unsealed: Unsealed::default(),
                root,
                remote,
                linked: Linked::default(),
                can_clone: OnceLock::new(),
                only_looks,
                buckets: Buckets::telling(tell),
            }),
            part_bytes: PART_BYTES,
            stays_here: false,
            only_digests: false,
            halt: Halt::default(),
        }
    }

    /// Whether the store is open for reading only. Failed writes are then tolerated.
    pub(crate) fn only_looks(&self) -> bool {
        self.inner.only_looks
    }

    /// The remote with which this home's store was last opened, if any. Parts that are missing here
    /// may be there.
    #[must_use]
    pub fn last_remote(home: &Path) -> Option<String> {
        let note = fs::read_to_string(home.join("store").join(PROJECT).join(REMOTE)).ok()?;
        let url = note.trim();
        (!url.is_empty()).then(|| url.to_owned())
    }

    /// The same store, but new parts have at most about `part_bytes` bytes. The default of 256 MiB
    /// is also the maximum. Content digests and results do not depend on it.
    #[must_use]
    pub fn with_part_bytes(&self, part_bytes: usize) -> Self {
        Self {
            part_bytes: part_bytes.clamp(1, PART_BYTES),
            ..self.clone()
        }
    }

    /// The same store, but once `stop` is set, its work ends between two blocks of a file with
    /// [`DataError::Stopped`].
    #[must_use]
    pub fn stopped_by(&self, stop: &Arc<AtomicBool>) -> Self {
        Self {
            halt: Halt::by(stop),
            ..self.clone()
        }
    }

    pub(crate) fn go_on(&self) -> Result<(), DataError> {
        self.halt.go_on()
    }

    pub(crate) fn halt(&self) -> &Halt {
        &self.halt
    }

    /// Makes everything on the store's file system durable. One call waits for many files at once.
    pub(crate) fn sync_all(&self) -> Result<(), DataError> {
        let root = &self.inner.root;
        let failed = |error| DataError::io("sync", root)(error);
        let folder = fs::File::open(root).map_err(failed)?;
        rustix::fs::syncfs(&folder).map_err(|error| DataError::io("sync", root)(error.into()))
    }

    pub(crate) fn part_bytes(&self) -> usize {
        self.part_bytes
    }

    /// The folder of the project's store: `<home>/store/<project>`.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// The path of a part on this host, whether or not the part exists.
    #[must_use]
    pub fn part_path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.inner.root.join("cas").join(&hex[..2]).join(hex)
    }

    /// The folder for incoming files. It is on the file system of the store, so that a file can be
    /// renamed to its place.
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

    /// The buckets of which users' files are read.
    pub(crate) fn buckets(&self) -> &Buckets {
        &self.inner.buckets
    }

    /// The same store, without its remote.
    pub(crate) fn on_this_host(&self) -> Self {
        Self {
            stays_here: true,
            ..self.clone()
        }
    }

    /// The same store, for a preview of a run: users' files are digested where they are and not copied
    /// here. Tables are still converted, since their rows count.
    #[must_use]
    pub fn for_preview(self) -> Self {
        Self {
            only_digests: true,
            ..self
        }
    }

    /// Whether users' files are only digested, and not copied here.
    pub(crate) const fn only_digests(&self) -> bool {
        self.only_digests
    }

    /// The parts that tasks see through links.
    pub(crate) fn linked(&self) -> &Linked {
        &self.inner.linked
    }

    /// Whether the file system of the store can clone files. It is empty until the first attempt.
    pub(crate) fn can_clone(&self) -> &OnceLock<bool> {
        &self.inner.can_clone
    }

    /// Whether every part of a dataset is on this host, with the files of its folders. The remote
    /// is not asked.
    #[must_use]
    pub fn is_local(&self, dataset: &Dataset) -> bool {
        let has_members = |part: &PartRef| {
            folder::members(self, part)
                .is_ok_and(|members| members.iter().all(|member| self.has_part(member)))
        };
        dataset
            .stored()
            .all(|part| self.has_part(part) && (!lists_files(dataset) || has_members(part)))
    }

    /// Marks all existing parts as suspect, because the last engine on this store did not end
    /// cleanly, perhaps in a crash of the machine. Each part is verified before its next use. Files
    /// made from parts are deleted, so that they are made again.
    ///
    /// # Errors
    ///
    /// Fails if this cannot be recorded, or a file cannot be deleted.
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

    /// Whether existing parts are verified before they are used (see [`Self::doubt_all`]).
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.inner.trust.is_in_doubt()
    }

    /// Whether a part is on this host with the right size, and is trusted or was verified now. A
    /// damaged part is deleted, so that it is fetched or made again.
    pub(crate) fn has_part(&self, part: &PartRef) -> bool {
        let path = self.part_path(&part.digest);
        let Ok(found) = fs::symlink_metadata(&path) else {
            return false;
        };
        if !found.is_file() || found.len() != part.bytes {
            return false;
        }
        let written = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let is_untouched =
            is_sealed(&found, &part.digest) || self.inner.unsealed.knows(&part.digest, &found);
        let is_trusted = is_untouched && !self.inner.trust.doubts(&part.digest, written);
        is_trusted || self.is_whole(&part.digest)
    }

    /// Verifies a part against its digest. A damaged part is deleted, with all its other names.
    pub(crate) fn is_whole(&self, digest: &Digest) -> bool {
        let path = self.part_path(digest);
        match digest_of(&path, &Halt::default()) {
            Ok((found, _)) if found == *digest => {
                self.inner.trust.believe(*digest);
                self.seal(&path, digest);
                true
            }
            Ok(_) => {
                tracing::warn!(path = %sunward_files::shown(&path), "a part is damaged; it is made again");
                self.drop_damaged(&path);
                false
            }
            Err(_) => false,
        }
    }

    /// Seals a part whose bytes are right. If that is impossible, it is remembered.
    fn seal(&self, path: &Path, digest: &Digest) {
        let sealed = match self.inner.only_looks {
            true => Ok(()),
            false => seal(path, digest),
        };
        if let Ok(found) = fs::symlink_metadata(path)
            && (sealed.is_err() || !is_sealed(&found, digest))
        {
            self.inner.unsealed.add(*digest, &found);
        }
    }

    /// Deletes a damaged part, and the names that it has in joined files and folders.
    fn drop_damaged(&self, path: &Path) {
        if self.inner.only_looks {
            return;
        }
        let Ok(found) = fs::symlink_metadata(path) else {
            return;
        };
        if fs::remove_file(path).is_ok() {
            self.drop_joined((found.dev(), found.ino()));
        }
    }

    fn drop_joined(&self, file: (u64, u64)) {
        let is_it = |path: &Path| {
            fs::symlink_metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == file)
        };
        let entries = |folder: &Path| {
            let list = fs::read_dir(folder).into_iter().flatten().flatten();
            list.map(|entry| entry.path())
        };
        for joined in entries(&self.folder("joined")) {
            if is_it(&joined) || entries(&joined).any(|inner| is_it(&inner)) {
                remove_joined(&joined);
            }
        }
    }

    /// Moves away what stands in the place of a part or of a folder of parts and is none.
    fn make_room(
        &self,
        path: &Path,
        is_right: impl Fn(&Metadata) -> bool,
    ) -> Result<(), DataError> {
        match fs::symlink_metadata(path) {
            Ok(found) if !is_right(&found) => {}
            _ => return Ok(()),
        }
        let stray = incoming::fresh_path(&self.incoming_folder(), "-stray");
        fs::rename(path, &stray).map_err(DataError::io("move away", path))?;
        tracing::warn!(path = %sunward_files::shown(path), "something else was in the place of a part; it is deleted");
        remove_joined(&stray);
        Ok(())
    }

    /// The parts of a dataset that are available neither here nor in the remote. If the remote does
    /// not answer, its parts count as available.
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

    /// Whether every part of a dataset is available on this host or in the remote.
    ///
    /// # Errors
    ///
    /// Fails if the remote does not answer.
    pub fn is_available(&self, dataset: &Dataset) -> Result<bool, DataError> {
        for part in dataset.stored() {
            if !self.can_have(part)? {
                return Ok(false);
            }
            if !lists_files(dataset) || !self.has_part(part) {
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

    /// Whether what is known of a user's file is enough: its parts are available, or in a preview, where
    /// its bytes are not copied here, its digest is known.
    ///
    /// # Errors
    ///
    /// Fails if the remote does not answer.
    pub fn needs_no_reading(&self, known: &Dataset) -> Result<bool, DataError> {
        if self.only_digests() && known.kind == DatasetKind::File {
            return Ok(true);
        }
        self.is_available(known)
    }

    fn can_have(&self, part: &PartRef) -> Result<bool, DataError> {
        match self.remote() {
            _ if self.has_part(part) => Ok(true),
            Some(remote) => remote.has(part),
            None => Ok(false),
        }
    }

    /// Fetches the missing parts of a dataset to this host. The files of folders are not fetched.
    ///
    /// # Errors
    ///
    /// Fails if a part is nowhere, or arrives damaged.
    pub fn fetch(&self, dataset: &Dataset) -> Result<(), DataError> {
        for part in dataset.stored() {
            self.fetch_part(part)?;
        }
        Ok(())
    }

    /// Like [`Self::fetch`], and also fetches the files of folders.
    ///
    /// # Errors
    ///
    /// Fails in the same cases as [`Self::fetch`].
    pub fn fetch_whole(&self, dataset: &Dataset) -> Result<(), DataError> {
        self.fetch(dataset)?;
        if lists_files(dataset) {
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

    /// Stores a written file durably under its digest, here and in the remote.
    pub(crate) fn commit(&self, incoming: Incoming, digest: &Digest) -> Result<(), DataError> {
        incoming.sync()?;
        self.commit_synced(incoming, digest)
    }

    /// Like [`Self::commit`], for a file whose bytes are already durable.
    pub(crate) fn commit_synced(
        &self,
        incoming: Incoming,
        digest: &Digest,
    ) -> Result<(), DataError> {
        self.commit_as(incoming, digest, Durable::Now)
    }

    /// Like [`Self::commit_synced`]. `durable` says when the name becomes durable.
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
        self.make_room(folder, Metadata::is_dir)?;
        if !folder.exists() {
            private::create_folders(folder).map_err(DataError::io("create folder", folder))?;
            incoming::sync_folder(&self.inner.root.join("cas"))?;
        }
        // A part is read-only and perhaps executable. Special mode bits of a command's file are
        // dropped.
        let found =
            fs::metadata(incoming.path()).map_err(DataError::io("read", incoming.path()))?;
        let mode = found.permissions().mode() & 0o555 | 0o444;
        fs::set_permissions(incoming.path(), fs::Permissions::from_mode(mode))
            .map_err(DataError::io("protect", incoming.path()))?;
        if seal(incoming.path(), digest).is_err() {
            tracing::debug!(path = %sunward_files::shown(&target), "a part cannot be sealed");
        }
        self.make_room(&target, Metadata::is_file)?;
        incoming.rename(&target)?;
        match durable {
            Durable::Now => incoming::sync_folder(folder),
            Durable::Later => Ok(()),
        }
    }
}

/// Whether the parts of a dataset are lists of the files of folders.
fn lists_files(dataset: &Dataset) -> bool {
    dataset.kind.of_part() == DatasetKind::Dir
}

#[cfg(test)]
mod tests;
