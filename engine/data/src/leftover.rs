//! Unfinished results in users' folders, and how those of killed writers are found and deleted.
//!
//! A writer locks what it creates, and then marks it as unfinished. The kernel releases the lock
//! when the writer ends in any way. So what has the name, the mark and no lock belongs to nobody.
//! Where a file system has no extended attributes or locks, nothing is deleted.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, XattrFlags, flock};

use crate::error::DataError;
use crate::incoming::{Incoming, fresh_path};
use crate::swap::swap;

/// The end of the name of everything unfinished.
const SUFFIX: &str = ".sunward-tmp";
/// The extended attribute of everything unfinished.
const MARK: &str = "user.sunward.unfinished";

/// A folder that is being written. It is deleted unless it is put in its place.
#[derive(Debug)]
pub(crate) struct UnfinishedFolder {
    path: PathBuf,
    _lock: File,
}

impl UnfinishedFolder {
    /// Its current path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to `path`, and deletes what was there.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be moved. What is at `path` then stays.
    pub(crate) fn put(self, path: &Path) -> Result<(), DataError> {
        // The old one is marked before it is moved, so that it is deleted even if this process is
        // killed before it does so.
        mark(path);
        let old = swap(&self.path, path, &fresh_path(beside(path), SUFFIX));
        unmark(path);
        if let Some(old) = old.map_err(DataError::io("replace", path))? {
            delete(&old);
        }
        Ok(())
    }
}

impl Drop for UnfinishedFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A new folder beside its later place in `folder`.
pub(crate) fn create_folder(folder: &Path) -> Result<UnfinishedFolder, DataError> {
    let path = fresh_path(folder, SUFFIX);
    fs::create_dir(&path).map_err(DataError::io("create folder", &path))?;
    let lock = File::open(&path).map_err(DataError::io("open", &path))?;
    claim(&lock, &path);
    Ok(UnfinishedFolder { path, _lock: lock })
}

/// A new file beside its later place in `folder`.
pub(crate) fn create_file(folder: &Path) -> Result<Incoming, DataError> {
    let path = fresh_path(folder, SUFFIX);
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create_new(true).open(&path);
    let file = opened.map_err(DataError::io("create", &path))?;
    claim(&file, &path);
    Ok(Incoming::new(path, file))
}

/// Moves a file that [`create_file`] created to its place, and replaces what is there.
pub(crate) fn put_file(file: Incoming, path: &Path) -> Result<(), DataError> {
    file.rename(path)?;
    unmark(path);
    Ok(())
}

/// Deletes what killed writers left in a folder.
pub(crate) fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().as_bytes().ends_with(SUFFIX.as_bytes()) {
            let path = entry.path();
            if is_of_nobody(&path) {
                tracing::debug!(path = %sunward_files::shown(&path), "deleting a leftover");
                delete(&path);
            }
        }
    }
}

/// Locks, then marks. In the other order, another process could delete it in between.
fn claim(file: &File, path: &Path) {
    if lock(file).is_ok() {
        mark(path);
    }
}

fn lock(file: impl AsFd) -> rustix::io::Result<()> {
    flock(file, FlockOperation::NonBlockingLockExclusive)
}

fn mark(path: &Path) {
    let _ = rustix::fs::lsetxattr(path, MARK, b"1", XattrFlags::empty());
}

fn unmark(path: &Path) {
    let _ = rustix::fs::lremovexattr(path, MARK);
}

fn is_of_nobody(path: &Path) -> bool {
    let is_marked = rustix::fs::lgetxattr(path, MARK, &mut [0_u8; 1]).is_ok();
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let open = || rustix::fs::open(path, flags, Mode::empty());
    is_marked && open().is_ok_and(|file| lock(&file).is_ok())
}

fn delete(path: &Path) {
    let gone = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match gone {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %sunward_files::shown(path), %error, "a leftover stays");
        }
        _ => {}
    }
}

fn beside(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Ends a writer as `kill -9` does: nothing of it is cleaned up, and its lock is released.
    fn kill(folder: UnfinishedFolder, file: Incoming) {
        let folder = std::mem::ManuallyDrop::new(folder);
        let file = std::mem::ManuallyDrop::new(file);
        flock(&folder._lock, FlockOperation::Unlock).unwrap();
        flock(file.handle().unwrap(), FlockOperation::Unlock).unwrap();
    }

    fn has_marks(folder: &Path) -> bool {
        mark(folder);
        let has = rustix::fs::lgetxattr(folder, MARK, &mut [0_u8; 1]).is_ok();
        unmark(folder);
        has
    }

    #[test]
    fn only_what_dead_writers_left_is_deleted() {
        let out = tempfile::tempdir().unwrap();
        let out = out.path();
        // What looks alike, and is of others.
        fs::create_dir(out.join("1-0-0.sunward-tmp")).unwrap();
        fs::write(out.join("1-0-0.sunward-tmp/own"), "x").unwrap();
        fs::write(out.join("2-0-0.sunward-tmp"), "x").unwrap();
        std::os::unix::fs::symlink("2-0-0.sunward-tmp", out.join("3.sunward-tmp")).unwrap();
        let of_others = names(out);
        let (folder, file) = (create_folder(out).unwrap(), create_file(out).unwrap());
        fs::write(folder.path().join("half"), "x").unwrap();
        clear(out);
        assert_eq!(names(out).len(), of_others.len() + 2, "the writer lives");
        if !has_marks(out) {
            return;
        }
        kill(folder, file);
        clear(out);
        assert_eq!(names(out), of_others);
    }

    #[test]
    fn what_was_there_is_replaced_and_nothing_stays_beside_it() {
        let out = tempfile::tempdir().unwrap();
        let out = out.path();
        let place = out.join("result");
        for round in 0..3 {
            if round == 2 {
                fs::remove_dir_all(&place).unwrap();
                fs::write(&place, "a file").unwrap();
            }
            let folder = create_folder(out).unwrap();
            fs::write(folder.path().join("round"), round.to_string()).unwrap();
            folder.put(&place).unwrap();
            assert_eq!(names(out), ["result"]);
            let text = fs::read_to_string(place.join("round")).unwrap();
            assert_eq!(text, round.to_string());
            assert!(rustix::fs::lgetxattr(&place, MARK, &mut [0_u8; 1]).is_err());
        }
        drop(create_folder(out).unwrap());
        assert_eq!(names(out), ["result"]);
    }
}
