//! Maintains the store: lists it, verifies it, and makes room.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sunward_core::{Digest, PartRef};

use crate::error::DataError;
use crate::file_bytes::digest_of;
use crate::folder::{self, HEADER};
use crate::halt::Halt;
use crate::store::Store;

/// Younger files are never deleted, because their fact may not be in the journal yet.
pub const GRACE: Duration = Duration::from_secs(3600);

/// One part or blob in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPart {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written or last returned as a result.
    pub modified: SystemTime,
}

/// The content of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The number of parts and blobs.
    pub parts: u64,
    /// Their bytes.
    pub part_bytes: u64,
    /// The number of files joined for commands, which can be made again.
    pub joined: u64,
    /// Their bytes, except links to parts.
    pub joined_bytes: u64,
}

/// A part whose bytes do not match its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedPart {
    /// The digest.
    pub digest: Digest,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// What may be deleted.
#[derive(Clone, Debug, Default)]
pub struct PruneOptions {
    /// Only what was not written or used for this long.
    pub older: Option<Duration>,
    /// Only as much as is needed to get below this many bytes, oldest first.
    pub max_bytes: Option<u64>,
    /// Parts that must stay, for example those of unfinished runs.
    pub keep: BTreeSet<Digest>,
    /// How young a file must be to stay in any case; [`GRACE`] if absent.
    pub grace: Option<Duration>,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Parts and blobs.
    pub parts: u64,
    /// Joined files and folders.
    pub joined: u64,
    /// Bytes in all.
    pub bytes: u64,
}

impl Store {
    /// Every part and blob on this host, by digest.
    ///
    /// # Errors
    ///
    /// Fails if a folder cannot be listed.
    pub fn parts(&self) -> Result<Vec<StoredPart>, DataError> {
        let mut parts = Vec::new();
        for (shard, found) in with_metadata(&self.folder("cas"))? {
            // A stray file is nobody's part.
            if !found.is_dir() {
                continue;
            }
            for (path, found) in with_metadata(&shard)? {
                let name = path.file_name().map(|name| name.to_string_lossy());
                if let Some(digest) = name.and_then(|name| Digest::from_hex(&name)) {
                    parts.push(StoredPart {
                        digest,
                        bytes: found.len(),
                        modified: found.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                    });
                }
            }
        }
        parts.sort_by_key(|part| part.digest);
        Ok(parts)
    }

    /// The size of the store.
    ///
    /// # Errors
    ///
    /// Fails if a folder cannot be listed.
    pub fn usage(&self) -> Result<Usage, DataError> {
        let mut usage = Usage::default();
        for part in self.parts()? {
            usage.parts += 1;
            usage.part_bytes += part.bytes;
        }
        for (path, found) in with_metadata(&self.folder("joined"))? {
            usage.joined += 1;
            usage.joined_bytes += own_bytes(&path, &found);
        }
        Ok(usage)
    }

    /// Reads every part and blob, and returns those whose bytes do not match their digest.
    ///
    /// # Errors
    ///
    /// Fails if a folder cannot be listed.
    pub fn verify(&self) -> Result<Vec<DamagedPart>, DataError> {
        let mut damaged = Vec::new();
        for part in self.parts()? {
            let path = self.part_path(&part.digest);
            let why = match digest_of(&path, &Halt::default()) {
                Ok((found, _)) if found == part.digest => continue,
                Ok(_) => "its bytes have changed since it was written".to_owned(),
                Err(error) => error.to_string(),
            };
            damaged.push(DamagedPart {
                digest: part.digest,
                path,
                why,
            });
        }
        Ok(damaged)
    }

    /// Deletes a part, so that it is fetched or made again. Readers that have it open keep it.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be deleted.
    pub fn remove(&self, digest: &Digest) -> Result<(), DataError> {
        let path = self.part_path(digest);
        let gone = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
            _ => fs::remove_file(&path),
        };
        gone.map_err(DataError::io("delete", &path))
    }

    /// Deletes what may be deleted, oldest first, and joined files before parts, because they are
    /// cheapest to make again. Without an age and a size, everything that is not kept is deleted.
    ///
    /// # Errors
    ///
    /// Fails if something cannot be listed or deleted.
    pub fn prune(&self, options: &PruneOptions) -> Result<Pruned, DataError> {
        let now = SystemTime::now();
        let grace = options.grace.unwrap_or(GRACE);
        let age = |at: SystemTime| now.duration_since(at).unwrap_or_default();
        let may_go =
            |at: SystemTime| age(at) >= grace && options.older.is_none_or(|older| age(at) >= older);
        let usage = self.usage()?;
        let mut left = usage.part_bytes + usage.joined_bytes;
        let enough = |left: u64| options.max_bytes.is_some_and(|most| left <= most);
        let mut pruned = Pruned::default();

        let mut joined = with_metadata(&self.folder("joined"))?;
        joined.sort_by_key(|(_, found)| used(found));
        for (path, found) in joined {
            if enough(left) || !may_go(used(&found)) {
                continue;
            }
            let bytes = own_bytes(&path, &found);
            let gone = if found.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            gone.map_err(DataError::io("delete", &path))?;
            left = left.saturating_sub(bytes);
            pruned.joined += 1;
            pruned.bytes += bytes;
        }

        let keep = self.with_members(&options.keep);
        let mut parts = self.parts()?;
        parts.sort_by_key(|part| (part.modified, part.digest));
        for part in parts {
            if enough(left) || keep.contains(&part.digest) || !may_go(part.modified) {
                continue;
            }
            self.remove(&part.digest)?;
            left = left.saturating_sub(part.bytes);
            pruned.parts += 1;
            pruned.bytes += part.bytes;
        }
        Ok(pruned)
    }

    /// The parts to keep, with the members of folders.
    fn with_members(&self, keep: &BTreeSet<Digest>) -> BTreeSet<Digest> {
        let mut all = keep.clone();
        for digest in keep {
            let path = self.part_path(digest);
            let mut head = vec![0; HEADER.len()];
            let read = fs::File::open(&path).and_then(|mut file| file.read_exact(&mut head));
            if read.is_err() || head != HEADER {
                continue;
            }
            let manifest = PartRef {
                digest: *digest,
                bytes: fs::metadata(&path).map_or(0, |found| found.len()),
                rows: 0,
            };
            if let Ok(members) = folder::members(self, &manifest) {
                all.extend(members.iter().map(|part| part.digest));
            }
        }
        all
    }
}

fn used(found: &Metadata) -> SystemTime {
    found.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Bytes that deleting a joined file frees: a link to a part frees none.
fn own_bytes(path: &Path, found: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    if found.is_dir() {
        let inside = with_metadata(path).unwrap_or_default();
        return inside
            .iter()
            .map(|(path, found)| own_bytes(path, found))
            .sum();
    }
    if found.is_file() && found.nlink() == 1 {
        found.len()
    } else {
        0
    }
}

fn children(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
        .map_err(DataError::io("list", folder))?;
    paths.sort();
    Ok(paths)
}

/// The files of a folder that still exist when they are examined.
fn with_metadata(folder: &Path) -> Result<Vec<(PathBuf, Metadata)>, DataError> {
    let paths = children(folder)?.into_iter();
    Ok(paths
        .filter_map(|path| fs::symlink_metadata(&path).ok().map(|found| (path, found)))
        .collect())
}
