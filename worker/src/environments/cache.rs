//! Where environments are kept: a folder of the user's cache that all homes share.
//!
//! An environment is built in place, because it usually contains its own path. A builder holds an
//! exclusive lock on its name, and users hold a shared one, so that nobody sees an environment that
//! is not complete, and nobody deletes one that is in use. What was left by a builder that was
//! killed is removed by the next one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sunward_files::private;

use crate::host::Host;
use crate::process::footprint::bytes_below;
use crate::stop::Stop;
use crate::task_folder::remove_tree;

/// How often to ask for a lock that another process holds.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// The file that says that an environment is complete. Its time is when it was last used.
const COMPLETE: &str = "complete";

/// The folder of all environments of this user.
#[derive(Clone, Debug)]
pub struct EnvironmentCache {
    folder: PathBuf,
}

/// One kept environment, or a folder of downloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// The name of its folder: the kind, a dash, and a digest.
    pub name: String,
    /// Bytes on disk.
    pub bytes: u64,
    /// When it was last used.
    pub used: SystemTime,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// How many environments.
    pub environments: u64,
    /// Their bytes on disk.
    pub bytes: u64,
    /// How many were left because they are in use.
    pub in_use: u64,
}

/// An environment that stays as it is while this value lives.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) folder: PathBuf,
    _in_use: File,
}

impl EnvironmentCache {
    /// The cache of the user with these variables: `$XDG_CACHE_HOME/sunward/envs`, or in
    /// `~/.cache`. Without either, it is in the state folder `home`.
    #[must_use]
    pub fn of(host: &Host, home: &Path) -> Self {
        let absolute = |name: &str| {
            let folder = host.get(name).map(PathBuf::from);
            folder.filter(|folder| folder.is_absolute())
        };
        let base = absolute("XDG_CACHE_HOME")
            .or_else(|| Some(absolute("HOME")?.join(".cache")))
            .map(|base| base.join("sunward"));
        Self::in_folder(base.unwrap_or_else(|| home.to_owned()).join("envs"))
    }

    /// The cache in this folder.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder that contains all environments.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the environment `name`. If it is missing, `build` makes it in the folder that it
    /// gets, which is empty.
    pub(crate) fn get<E: From<LockError>>(
        &self,
        name: &str,
        stop: Option<&Stop>,
        build: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<Built, E> {
        let folder = self.folder.join(name);
        let complete = folder.join(COMPLETE);
        let in_use = self.lock(name, FlockOperation::NonBlockingLockShared, stop)?;
        if is_used(&complete) {
            return Ok(Built {
                folder,
                _in_use: in_use,
            });
        }
        drop(in_use);
        let building = self.lock(name, FlockOperation::NonBlockingLockExclusive, stop)?;
        if !is_used(&complete) {
            let failed = |what| LockError::io(what, &folder);
            remove_tree(&folder);
            private::create_folders(&folder).map_err(failed("create"))?;
            build(&folder)?;
            private::write(&complete, "").map_err(failed("write to"))?;
        }
        // Whoever builds the next one, or deletes this one, cannot come between: an exclusive lock
        // becomes a shared one at once, because no other holder keeps it waiting.
        flock(&building, FlockOperation::LockShared)
            .map_err(|error| LockError::io("lock", &folder)(error.into()))?;
        Ok(Built {
            folder,
            _in_use: building,
        })
    }

    /// Whether the environment `name` is complete.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.folder.join(name).join(COMPLETE).exists()
    }

    /// A folder of downloads, which nobody deletes while the returned value lives.
    pub(crate) fn downloads(&self, name: &str, stop: Option<&Stop>) -> Result<Built, LockError> {
        let folder = self.folder.join(name);
        let in_use = self.lock(name, FlockOperation::NonBlockingLockShared, stop)?;
        private::create_folders(&folder).map_err(LockError::io("create", &folder))?;
        Ok(Built {
            folder,
            _in_use: in_use,
        })
    }

    /// All environments and downloads, by name.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be read. A missing folder has none.
    pub fn list(&self) -> io::Result<Vec<Cached>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let (Ok(meta), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else {
                continue;
            };
            if meta.is_dir() {
                let complete = fs::metadata(entry.path().join(COMPLETE)).and_then(|m| m.modified());
                found.push(Cached {
                    name,
                    bytes: bytes_below(&entry.path()).saturating_add(kept_elsewhere(&entry.path())),
                    used: complete
                        .or_else(|_| meta.modified())
                        .unwrap_or(SystemTime::UNIX_EPOCH),
                });
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Deletes environments and downloads: all, or those that were not used for so long. What is in
    /// use is left. `before` is called with the folder of each before it is deleted.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be read.
    pub fn prune(
        &self,
        older: Option<Duration>,
        mut before: impl FnMut(&Path),
    ) -> io::Result<Freed> {
        let mut freed = Freed::default();
        for one in self.list()? {
            let unused = one.used.elapsed().unwrap_or_default();
            if older.is_some_and(|older| unused < older) {
                continue;
            }
            let Some(lock) = self.try_lock(&one.name, FlockOperation::NonBlockingLockExclusive)?
            else {
                freed.in_use += 1;
                continue;
            };
            let folder = self.folder.join(&one.name);
            before(&folder);
            // Without its mark, a folder that is deleted in part is not taken for complete.
            fs::remove_file(folder.join(COMPLETE)).ok();
            remove_tree(&folder);
            fs::remove_file(self.lock_path(&one.name)).ok();
            drop(lock);
            freed.environments += 1;
            freed.bytes = freed.bytes.saturating_add(one.bytes);
        }
        Ok(freed)
    }

    /// Deletes one environment, unless it is in use.
    pub(crate) fn forget(&self, name: &str) -> io::Result<()> {
        if let Some(lock) = self.try_lock(name, FlockOperation::NonBlockingLockExclusive)? {
            fs::remove_file(self.folder.join(name).join(COMPLETE)).ok();
            remove_tree(&self.folder.join(name));
            drop(lock);
        }
        Ok(())
    }

    fn lock_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.lock"))
    }

    /// Waits for a lock on `name`, until `stop` is set.
    fn lock(
        &self,
        name: &str,
        how: FlockOperation,
        stop: Option<&Stop>,
    ) -> Result<File, LockError> {
        let path = self.lock_path(name);
        let failed = |what| LockError::io(what, &path);
        private::create_folders(&self.folder).map_err(failed("create"))?;
        loop {
            if let Some(file) = self.try_lock(name, how).map_err(failed("lock"))? {
                return Ok(file);
            }
            if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                return Err(LockError::Stopped);
            }
            std::thread::sleep(ASK_EVERY);
        }
    }

    /// A lock on `name`, unless others hold one that excludes it. The file may have been deleted
    /// between opening and locking it; then it is opened again.
    fn try_lock(&self, name: &str, how: FlockOperation) -> io::Result<Option<File>> {
        let path = self.lock_path(name);
        loop {
            let file = private::create(&path)?;
            match flock(&file, how) {
                Err(Errno::WOULDBLOCK) => return Ok(None),
                locked => locked?,
            }
            let ours = file.metadata()?;
            match fs::metadata(&path) {
                Ok(there) if there.ino() == ours.ino() && there.dev() == ours.dev() => {
                    return Ok(Some(file));
                }
                _ => {}
            }
        }
    }
}

/// Why an environment could not be locked or created.
#[derive(Debug)]
pub(crate) enum LockError {
    /// The run was stopped meanwhile.
    Stopped,
    /// A file operation failed.
    Io {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl LockError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// Bytes that a container engine keeps for this folder.
fn kept_elsewhere(folder: &Path) -> u64 {
    let text = fs::read_to_string(folder.join("size")).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Whether an environment is complete. If so, it counts as used now.
fn is_used(complete: &Path) -> bool {
    let Ok(file) = File::open(complete) else {
        return false;
    };
    // A cache that may not be written is used all the same.
    file.set_modified(SystemTime::now()).ok();
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32};

    fn build(folder: &Path) -> Result<(), LockError> {
        fs::write(folder.join("x"), "made").map_err(LockError::io("write", folder))
    }

    fn cache() -> (tempfile::TempDir, EnvironmentCache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = EnvironmentCache::in_folder(folder.path().join("envs"));
        (folder, cache)
    }

    #[test]
    fn many_builders_build_once_and_see_only_what_is_complete() {
        let (_folder, cache) = cache();
        let built = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let one = cache.get("python-1", None, |folder| {
                        built.fetch_add(1, Ordering::SeqCst);
                        build(folder)
                    });
                    let text = fs::read_to_string(one.unwrap().folder.join("x")).unwrap();
                    assert_eq!(text, "made");
                });
            }
        });
        assert_eq!(built.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_a_killed_builder_left_is_made_again_and_a_failed_one_is_not_kept() {
        let (_folder, cache) = cache();
        let half = cache.folder().join("python-1");
        fs::create_dir_all(&half).unwrap();
        fs::write(half.join("junk"), "").unwrap();
        let stopped = cache.get("python-1", None, |_| Err(LockError::Stopped));
        assert!(matches!(stopped, Err(LockError::Stopped)));
        let one = cache.get("python-1", None, build).unwrap();
        assert!(one.folder.join("x").exists() && !half.join("junk").exists());
    }

    #[test]
    fn what_is_in_use_or_was_used_lately_is_not_deleted() {
        let (_folder, cache) = cache();
        let used = cache.get("python-1", None, build).unwrap();
        drop(cache.get("conda-2", None, build).unwrap());
        drop(cache.downloads("wheels", None).unwrap());
        let names = |cache: &EnvironmentCache| {
            let all = cache.list().unwrap().into_iter();
            all.map(|one| one.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&cache), ["conda-2", "python-1", "wheels"]);
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(cache.prune(hour, |_| {}).unwrap(), Freed::default());
        let freed = cache.prune(None, |_| {}).unwrap();
        assert_eq!((freed.environments, freed.in_use), (2, 1));
        assert_eq!(names(&cache), ["python-1"]);
        assert!(used.folder.join("x").exists());
        drop(used);
        assert_eq!(cache.prune(None, |_| {}).unwrap().environments, 1);
        assert!(cache.list().unwrap().is_empty());
    }

    #[test]
    fn whoever_waits_for_another_builder_can_be_stopped() {
        let (_folder, cache) = cache();
        let stop: Stop = Arc::new(AtomicBool::new(true));
        cache
            .get::<LockError>("python-1", None, |_| {
                let waits = cache.get("python-1", Some(&stop), build);
                assert!(matches!(waits, Err(LockError::Stopped)));
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn the_cache_is_the_users_and_else_in_the_home() {
        let of = |variables: &[(&str, &str)]| {
            let host: Host = variables.iter().copied().collect();
            EnvironmentCache::of(&host, Path::new("/h")).folder
        };
        for (variables, folder) in [
            (
                &[("XDG_CACHE_HOME", "/c"), ("HOME", "/u")][..],
                "/c/sunward/envs",
            ),
            (
                &[("XDG_CACHE_HOME", "c"), ("HOME", "/u")],
                "/u/.cache/sunward/envs",
            ),
            (&[], "/h/envs"),
        ] {
            assert_eq!(of(variables), Path::new(folder));
        }
    }
}
