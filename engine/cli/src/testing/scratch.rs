//! The temporary folder of a test. It is locked while the test runs, so that a later `sunward test` can
//! delete what one that was killed left.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sunward_files::open_regular;
use sunward_state::is_engaged;
use tempfile::TempDir;

/// How the names of these folders begin.
const PREFIX: &str = "sunward-test-";

/// The locked file in each.
const LOCK: &str = "lock";

/// A temporary folder. It is deleted when this is dropped.
pub(super) struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Creates a folder.
    ///
    /// # Errors
    /// Fails if the folder for temporary files cannot be written.
    pub(super) fn create() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        // Under its final name, the file is always locked. So nobody takes the folder for a left one.
        let new = folder.path().join("new");
        let lock = File::create(&new)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        fs::rename(new, folder.path().join(LOCK))?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// The home of the run.
    pub(super) fn home(&self) -> PathBuf {
        home(self.folder.path())
    }

    /// The folder of its outputs.
    pub(super) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// A path at which there are no settings.
    pub(super) fn settings(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }
}

fn home(folder: &Path) -> PathBuf {
    folder.join("home")
}

/// Deletes the folders of this user that a killed `sunward test` left. `end` ends what still runs in a
/// home.
pub(super) fn sweep(end: &dyn Fn(&Path)) {
    let entries = std::env::temp_dir().read_dir().into_iter().flatten();
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(PREFIX) && is_left(&path) {
            end(&home(&path));
            // What cannot be deleted stays, as every temporary file may.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Whether a folder is this user's, and nobody holds its lock.
fn is_left(folder: &Path) -> bool {
    let user = rustix::process::getuid().as_raw();
    let is_ours =
        fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir() && found.uid() == user);
    // The run of a test that was killed may still be ending its tasks.
    is_ours
        && !is_engaged(&home(folder))
        && open_regular(&folder.join(LOCK))
            .is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok())
}
