//! Files on their way into the store: written under a temporary name, then renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sunward_files::private;

use crate::error::DataError;

/// Younger leftovers may belong to a process that is still writing.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A unique path in `folder`: `<pid>-<counter>`, so that a sweep knows its owner.
pub(crate) fn fresh_path(folder: &Path, suffix: &str) -> PathBuf {
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    let nanos = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| d.subsec_nanos());
    folder.join(format!("{}-{count}-{nanos:x}{suffix}", std::process::id()))
}

/// A file that is deleted unless it is renamed to its place.
#[derive(Debug)]
pub(crate) struct Incoming {
    path: PathBuf,
    file: Option<File>,
    kept: bool,
}

impl Incoming {
    /// A new, empty file in `folder`.
    pub(crate) fn create(folder: &Path) -> Result<Self, DataError> {
        let path = fresh_path(folder, "");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let file = match private::open(&path, &mut options) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = private::create_folders(folder);
                made.map_err(DataError::io("create folder", folder))?;
                private::open(&path, &mut options)
            }
            other => other,
        }
        .map_err(DataError::io("create", &path))?;
        Ok(Self::new(path, file))
    }

    /// A new file that is open.
    pub(crate) const fn new(path: PathBuf, file: File) -> Self {
        Self {
            path,
            file: Some(file),
            kept: false,
        }
    }

    /// Takes over a file that something else wrote.
    pub(crate) fn take_over(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            kept: false,
        }
    }

    /// Its current path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A second handle of the file, for writing.
    pub(crate) fn handle(&self) -> Result<File, DataError> {
        match &self.file {
            Some(file) => file.try_clone(),
            None => File::open(&self.path),
        }
        .map_err(DataError::io("open", &self.path))
    }

    /// Makes its bytes durable.
    pub(crate) fn sync(&self) -> Result<(), DataError> {
        let sync = |file: &File| file.sync_all();
        match &self.file {
            Some(file) => sync(file),
            None => File::open(&self.path).and_then(|file| sync(&file)),
        }
        .map_err(DataError::io("sync", &self.path))
    }

    /// Renames it to `target`, whose folder must exist. An existing target stays: names in the
    /// store determine their bytes.
    ///
    /// A file of a command that cannot be moved because it is on another mount is copied. That it is
    /// a mount point itself is the command's fault.
    pub(crate) fn rename(mut self, target: &Path) -> Result<(), DataError> {
        let moved = match fs::rename(&self.path, target) {
            Err(error) if error.kind() == ErrorKind::CrossesDevices && self.file.is_none() => {
                self.copied_to(target)
            }
            moved => moved,
        };
        moved.map_err(|error| match error.kind() {
            ErrorKind::ResourceBusy if self.file.is_none() => DataError::Format {
                path: self.path.clone(),
                expected: "file",
                found: "something is mounted there, so it cannot be moved into the store".into(),
                hint: "unmount it before the command ends, or write a file there".into(),
            },
            _ => DataError::io("move into the store", &self.path)(error),
        })?;
        self.kept = true;
        Ok(())
    }

    /// Copies the file beside the target, then renames the copy. The original stays.
    fn copied_to(&self, target: &Path) -> io::Result<()> {
        let copy = fresh_path(target.parent().unwrap_or(target), "-copy");
        let whole = fs::copy(&self.path, &copy)
            .and_then(|_| File::open(&copy))
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&copy, target));
        if whole.is_err() {
            let _ = fs::remove_file(&copy);
        }
        whole
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), DataError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(DataError::io("sync folder", folder))
}

/// Deletes files that a dead process left behind more than an hour ago.
pub(crate) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let old = entry
            .metadata()
            .and_then(|m| m.modified())
            .ok()
            .and_then(|at| at.elapsed().ok())
            .is_some_and(|age| age > LEFTOVER_AGE);
        if old && !writer_lives(&entry.file_name().to_string_lossy()) {
            tracing::debug!(path = %sunward_files::shown(&entry.path()), "sweeping a leftover");
            let _ = fs::remove_file(entry.path()).or_else(|_| fs::remove_dir_all(entry.path()));
        }
    }
}

fn writer_lives(name: &str) -> bool {
    let pid = name
        .split('-')
        .next()
        .and_then(|digits| digits.parse().ok())
        .and_then(rustix::process::Pid::from_raw);
    match pid {
        Some(pid) => !matches!(
            rustix::process::test_kill_process(pid),
            Err(rustix::io::Errno::SRCH)
        ),
        None => false,
    }
}
