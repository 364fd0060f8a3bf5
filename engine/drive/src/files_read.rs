//! The files that a run has read, whichever way each was named: by another path, in a folder, or
//! through a symbolic or hard link.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sunward_core::{Digest, Hasher};
use sunward_data::FileStamp;

use crate::path_key::{PathKey, key};

/// A file as it was at one moment.
#[derive(Clone, Debug)]
pub(crate) struct FoundFile {
    /// Its path without links.
    key: PathKey,
    stamp: FileStamp,
}

/// The files of a run. Each has one version.
#[derive(Debug, Default)]
pub(crate) struct FilesRead {
    by_path: BTreeMap<PathKey, Version>,
    by_inode: BTreeMap<(u64, u64), Version>,
}

/// The version of a file that the run reads.
#[derive(Clone, Debug)]
struct Version {
    /// The path that the run named first: the file, a link to it, or a folder with it.
    named: PathKey,
    /// The file before it was read. Of a file that the plan has read, it is not known.
    stamp: Option<FileStamp>,
}

impl FilesRead {
    /// Adds the files behind a path that the plan has read.
    pub(crate) fn add_planned(&mut self, named: &Path) {
        let path = key(named);
        for file in files_behind(named) {
            let version = Version {
                named: Arc::clone(&path),
                stamp: None,
            };
            self.by_inode.insert(file.inode(), version.clone());
            self.by_path.insert(file.key, version);
        }
    }

    /// Adds files that are read as `named`. Returns the paths by which the run has read them
    /// before, if they may have been other versions then.
    pub(crate) fn add(&mut self, named: &PathKey, files: &[FoundFile]) -> BTreeSet<PathKey> {
        let mut doubtful = BTreeSet::new();
        for file in files {
            let version = || Version {
                named: Arc::clone(named),
                stamp: Some(file.stamp),
            };
            let of_path = self.by_path.entry(Arc::clone(&file.key));
            let of_path = of_path.or_insert_with(version);
            let of_inode = self.by_inode.entry(file.inode()).or_insert_with(version);
            for known in [&*of_path, &*of_inode] {
                if known.stamp != Some(file.stamp) {
                    doubtful.insert(Arc::clone(&known.named));
                }
            }
        }
        doubtful
    }

    /// Notes that these files have the version that the run has read before.
    pub(crate) fn confirm(&mut self, files: &[FoundFile]) {
        for file in files {
            let of_path = self.by_path.get_mut(&file.key);
            let of_inode = self.by_inode.get_mut(&file.inode());
            for known in of_path.into_iter().chain(of_inode) {
                known.stamp = Some(file.stamp);
            }
        }
    }
}

/// The folders of files without links, as far as one resolution has looked at them, so that a file
/// is looked at once and its folder not once for each file.
#[derive(Debug, Default)]
pub(crate) struct Folders(RefCell<BTreeMap<PathBuf, PathBuf>>);

impl Folders {
    /// The regular file behind a path, whose key is `path_key`. `None` if it is something else, or
    /// cannot be examined.
    pub(crate) fn file(&self, path: &Path, path_key: &PathKey) -> Option<FoundFile> {
        let found = fs::symlink_metadata(path).ok()?;
        if found.is_symlink() {
            let path = path.canonicalize().ok()?;
            let found = fs::metadata(&path).ok()?;
            return found.is_file().then(|| FoundFile::of(key(&path), &found));
        }
        if !found.is_file() {
            return None;
        }
        let (parent, name) = (path.parent()?, path.file_name()?);
        let mut known = self.0.borrow_mut();
        if !known.contains_key(parent) {
            known.insert(parent.to_owned(), parent.canonicalize().ok()?);
        }
        let folder = known.get(parent)?;
        let is_plain = folder.as_os_str() == parent.as_os_str();
        Some(match is_plain {
            true => FoundFile::of(Arc::clone(path_key), &found),
            false => FoundFile::of(key(&folder.join(name)), &found),
        })
    }
}

impl FoundFile {
    fn at(path: &Path) -> Option<Self> {
        let stamp = FileStamp::of(path, Digest::default()).ok()?;
        let key = key(path);
        Some(Self { key, stamp })
    }

    fn of(key: PathKey, found: &fs::Metadata) -> Self {
        let stamp = FileStamp::of_found(found, Digest::default());
        Self { key, stamp }
    }

    /// The file as it was.
    pub(crate) const fn stamp(&self) -> FileStamp {
        self.stamp
    }

    fn inode(&self) -> (u64, u64) {
        (self.stamp.device, self.stamp.inode)
    }
}

/// A digest of the paths and stamps of all files behind a path. As long as it is the same, so are
/// their bytes. `None` if a file has changed so recently that its stamp may not show it.
pub(crate) fn glance(path: &Path) -> Option<Digest> {
    let mut files = files_behind(path);
    files.sort_by(|a, b| a.key.cmp(&b.key));
    let mut hasher = Hasher::new("glance");
    for FoundFile { key, stamp } in &files {
        if !stamp.is_settled() {
            return None;
        }
        hasher.field("path", key);
        for number in [stamp.device, stamp.inode, stamp.size] {
            hasher.field("number", &number.to_le_bytes());
        }
        for time in [stamp.mtime_ns, stamp.ctime_ns] {
            hasher.field("time", &time.to_le_bytes());
        }
    }
    Some(hasher.finish())
}

/// The files that a path names: itself or what is in the folder, with links followed. What cannot
/// be read is left out, because reading it fails anyway.
pub(crate) fn files_behind(path: &Path) -> Vec<FoundFile> {
    let mut found = Vec::new();
    let mut entered = BTreeSet::new();
    let mut ahead: Vec<PathBuf> = path.canonicalize().into_iter().collect();
    while let Some(path) = ahead.pop() {
        let Ok(meta) = fs::metadata(&path) else {
            continue;
        };
        if meta.is_file() {
            found.extend(FoundFile::at(&path));
            continue;
        }
        // A link may lead back to a folder.
        if !meta.is_dir() || !entered.insert(path.clone()) {
            continue;
        }
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => ahead.extend(entry.path().canonicalize()),
                Ok(_) => ahead.push(entry.path()),
                Err(_) => {}
            }
        }
    }
    found
}
