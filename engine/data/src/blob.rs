//! Files that are not tables, stored unchanged.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use sunward_core::{Dataset, DatasetKind, Digest, PartRef};
use sunward_workflows::units::size_text;

use crate::behind::WriteBehind;
use crate::error::DataError;
use crate::file_bytes::digest_of;
use crate::incoming::Incoming;
use crate::mode::is_ours_alone;
use crate::store::{Durable, Store};

/// Bytes copied at a time.
const COPY_BYTES: usize = 1 << 20;

impl Store {
    /// Copies a user's file into the store, whatever it contains.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read or is not a file.
    pub fn blob(&self, path: &Path) -> Result<Dataset, DataError> {
        let found = fs::metadata(path).map_err(DataError::io("read", path))?;
        if !found.is_file() {
            return Err(no_file(path));
        }
        Ok(file_dataset(self.copy_in(path, Durable::Now)?))
    }

    /// What [`Self::blob`] would return, without the copy.
    pub(crate) fn digested_blob(&self, path: &Path) -> Result<Dataset, DataError> {
        let found = fs::metadata(path).map_err(DataError::io("read", path))?;
        if !found.is_file() {
            return Err(no_file(path));
        }
        self.part_at(path).map(file_dataset)
    }

    /// Moves a file that a command wrote into the store.
    pub(crate) fn adopt_file(&self, path: &Path) -> Result<Dataset, DataError> {
        let found = fs::symlink_metadata(path).map_err(DataError::io("read", path))?;
        if found.is_symlink() {
            return self.blob(path);
        }
        if !found.is_file() {
            return Err(no_file(path));
        }
        self.move_in(path, Durable::Now).map(file_dataset)
    }

    pub(crate) fn copy_in(&self, path: &Path, durable: Durable) -> Result<PartRef, DataError> {
        self.go_on()?;
        let mut source = sunward_files::open_regular(path).map_err(DataError::io("open", path))?;
        let incoming = Incoming::create(&self.incoming_folder())?;
        refuse_what_does_not_fit(path, &source, &incoming.handle()?)?;
        let mut file = WriteBehind::new(incoming.handle()?);
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; COPY_BYTES];
        let mut bytes = 0;
        loop {
            self.go_on()?;
            let count = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(DataError::io("read", path)(error)),
            };
            hasher.update(&buffer[..count]);
            file.write_all(&buffer[..count])
                .map_err(DataError::io("write", incoming.path()))?;
            bytes += u64::try_from(count).unwrap_or(0);
        }
        if durable == Durable::Now {
            file.sync()
                .map_err(DataError::io("sync", incoming.path()))?;
        }
        let digest = Digest(*hasher.finalize().as_bytes());
        self.commit_as(incoming, &digest, durable)?;
        Ok(PartRef {
            digest,
            bytes,
            rows: 0,
        })
    }

    pub(crate) fn move_in(&self, path: &Path, durable: Durable) -> Result<PartRef, DataError> {
        self.go_on()?;
        if !is_ours_alone(path)? || !self.is_on_our_disk(path) {
            return self.copy_in(path, durable);
        }
        let part = self.part_at(path)?;
        let incoming = Incoming::take_over(path);
        if durable == Durable::Now {
            incoming.sync()?;
        }
        self.commit_as(incoming, &part.digest, durable)?;
        Ok(part)
    }

    /// Stores a file that we wrote and that was synced.
    pub(crate) fn keep(&self, incoming: Incoming) -> Result<PartRef, DataError> {
        let part = self.part_at(incoming.path())?;
        self.commit_synced(incoming, &part.digest)?;
        Ok(part)
    }

    /// Stores bytes.
    pub(crate) fn put_bytes(&self, bytes: &[u8]) -> Result<PartRef, DataError> {
        let incoming = Incoming::create(&self.incoming_folder())?;
        incoming
            .handle()?
            .write_all(bytes)
            .map_err(DataError::io("write", incoming.path()))?;
        let digest = Digest::of(bytes);
        self.commit(incoming, &digest)?;
        Ok(PartRef {
            digest,
            bytes: u64::try_from(bytes.len()).unwrap_or(0),
            rows: 0,
        })
    }

    /// The part that a file becomes.
    fn part_at(&self, path: &Path) -> Result<PartRef, DataError> {
        let (digest, bytes) = digest_of(path, self.halt())?;
        Ok(PartRef {
            digest,
            bytes,
            rows: 0,
        })
    }

    pub(crate) fn is_on_our_disk(&self, path: &Path) -> bool {
        let device = |path: &Path| fs::metadata(path).map(|m| m.dev()).ok();
        device(path).is_some() && device(path) == device(self.root())
    }
}

/// Refuses a file that is larger than the free space of the store's disk, before it is copied.
///
/// A disk that is full now may have space later, so that is an error of the disk. But a file that is
/// larger than the whole disk, or that is mostly holes, was made this large by mistake. The copy
/// would fill the holes with zeros.
fn refuse_what_does_not_fit(path: &Path, source: &File, copy: &File) -> Result<(), DataError> {
    let found = source.metadata().map_err(DataError::io("read", path))?;
    let Ok(disk) = rustix::fs::fstatvfs(copy) else {
        return Ok(());
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if found.len() <= free {
        return Ok(());
    }
    let on_disk = found.blocks().saturating_mul(512);
    let whole = disk.f_blocks.saturating_mul(disk.f_frsize);
    if found.len() <= whole && on_disk >= found.len() {
        let full = io::Error::from(rustix::io::Errno::NOSPC);
        return Err(DataError::io("copy into the store", path)(full));
    }
    Err(DataError::Format {
        path: path.to_owned(),
        expected: "file that fits the disk of the store",
        found: format!(
            "it has {} ({} of them written), and the disk has {} free",
            size_text(found.len()),
            size_text(on_disk),
            size_text(free)
        ),
        hint: "write a smaller file: holes in a file are stored as zeros".into(),
    })
}

/// A dataset of one file.
pub(crate) fn file_dataset(part: PartRef) -> Dataset {
    Dataset {
        written: None,
        files: None,
        kind: DatasetKind::File,
        content: part.digest,
        rows: 0,
        parts: vec![part],
    }
}

pub(crate) fn no_file(path: &Path) -> DataError {
    DataError::Format {
        path: path.to_owned(),
        expected: "file",
        found: "it is a folder or a device".into(),
        hint: "give a file, or write `format: dir` for an output".into(),
    }
}

/// Copies a blob without its protection.
pub(crate) fn copy_writable(blob: &Path, target: &Path, executable: bool) -> Result<(), DataError> {
    fs::copy(blob, target).map_err(DataError::io("copy to", target))?;
    let mode = if executable { 0o755 } else { 0o644 };
    fs::set_permissions(target, fs::Permissions::from_mode(mode))
        .map_err(DataError::io("set permissions of", target))
}

/// Creates a hard link to a file, or a symbolic link if the file system does not support hard
/// links.
pub(crate) fn link(from: &Path, to: &Path) -> Result<(), DataError> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => match std::os::unix::fs::symlink(from, to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(DataError::io("link", to)(error))
            }
            _ => Ok(()),
        },
    }
}
