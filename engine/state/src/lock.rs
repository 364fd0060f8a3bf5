//! One engine a state: a file that the engine keeps locked while it lives.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::StateError;

/// The right to be the engine of a state. The kernel gives it back when the process ends, however it
/// ends. Readers never need it.
#[derive(Debug)]
pub struct EngineLock {
    _file: File,
}

impl EngineLock {
    /// Takes it, creating the state's folder where it is missing.
    ///
    /// # Errors
    /// [`StateError::Engaged`] when another engine holds it.
    pub fn acquire(home: &Path) -> Result<Self, StateError> {
        let fault = |doing, path: &Path| {
            let path = path.to_path_buf();
            move |source| StateError::Io {
                doing,
                path,
                source,
            }
        };
        std::fs::create_dir_all(home).map_err(fault("create the state's folder", home))?;
        let path = home.join("engine.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fault("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
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
