//! One engine for each state: a file that the engine keeps locked while it lives.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sunward_files::private;

use crate::error::StateError;

/// The name of the locked file in the state's folder.
const LOCK: &str = "engine.lock";
/// The time between two tries. A process that only checks holds the lock for a few system calls.
const LOOK: Duration = Duration::from_millis(3);
/// The number of tries before the lock counts as an engine's.
const LOOKERS_WAITED_FOR: u32 = 4;

/// The right to be the engine of a state. The kernel releases it when the process ends in any way.
/// Readers do not need it.
#[derive(Debug)]
pub struct EngineLock {
    _file: File,
}

impl EngineLock {
    /// Takes the lock, and creates the state's folder if it is missing.
    ///
    /// # Errors
    ///
    /// [`StateError::Engaged`] if another engine holds it.
    pub fn acquire(home: &Path) -> Result<Self, StateError> {
        let fault = |doing, path: &Path| {
            let path = path.to_path_buf();
            move |source| StateError::Io {
                doing,
                path,
                source,
            }
        };
        // The folder is private to its owner, unless somebody created it otherwise.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(home)
            .map_err(fault("create the state folder", home))?;
        let path = home.join(LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = private::open(&path, &mut options).map_err(fault("open", &path))?;
        match lock_patiently(&file) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(StateError::Engaged {
                    home: home.to_path_buf(),
                    pid: read_pid(&mut file),
                });
            }
            Err(errno) => return Err(fault("lock", &path)(errno.into())),
        }
        write_pid(&mut file).map_err(fault("write", &path))?;
        Ok(Self { _file: file })
    }
}

/// Whether an engine holds the state in this folder now. The check creates nothing.
#[must_use]
pub fn is_engaged(home: &Path) -> bool {
    // The shared lock is released at once. An engine that starts at the same moment tries again.
    File::open(home.join(LOCK)).is_ok_and(|file| {
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    })
}

/// Takes the lock, and tries again for a moment, because another process may just be checking it.
fn lock_patiently(file: &File) -> Result<(), Errno> {
    for _ in 0..LOOKERS_WAITED_FOR {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(LOOK),
            other => return other,
        }
    }
    flock(file, FlockOperation::NonBlockingLockExclusive)
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::{EngineLock, is_engaged};

    #[test]
    fn a_state_is_engaged_as_long_as_its_lock_lives() {
        let home = tempfile::tempdir().unwrap();
        assert!(!is_engaged(home.path()));
        assert!(std::fs::read_dir(home.path()).unwrap().next().is_none());
        let lock = EngineLock::acquire(home.path()).unwrap();
        assert!(is_engaged(home.path()));
        drop(lock);
        assert!(!is_engaged(home.path()));
    }
}
