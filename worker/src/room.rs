//! A seat's room: the fresh, empty folders that a command finds.
//!
//! Making and removing folders costs as much as a tenth of starting a process, so a room that a
//! command left as it found it is used again; any trace in it, and it is removed whole.

use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{RawDir, SeekFrom, fstat, seek};

use crate::fault::Fault;

/// What an empty folder's mode is; the sticky and other bits are compared too.
const MODE: u32 = 0o700;

/// A seat's folders, each of its own number.
pub(crate) struct Rooms {
    folder: PathBuf,
    number: u64,
    open: Option<Room>,
}

/// The folders of one attempt.
pub(crate) struct Room {
    path: PathBuf,
    work: Empty,
    temporary: Empty,
    outputs: PathBuf,
}

impl Rooms {
    /// Below `folder`, which is made with the first room.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            number: 0,
            open: None,
        }
    }

    /// An empty room.
    pub(crate) fn enter(&mut self) -> Result<Room, Fault> {
        if let Some(room) = self.open.take() {
            return Ok(room);
        }
        let path = self.folder.join(self.number.to_string());
        self.number += 1;
        fs::create_dir_all(&self.folder)
            .and_then(|()| Room::create(path.clone()))
            .map_err(|error| Fault::io("make the scratch folder", &path, &error))
    }

    /// Takes a room back. With `abandoned`, somebody may still be in it.
    pub(crate) fn leave(&mut self, mut room: Room, abandoned: bool) {
        if !abandoned && room.is_untouched() {
            self.open = Some(room);
        } else {
            remove_tree(&room.path);
        }
    }
}

impl Room {
    fn create(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        Ok(Self {
            work: Empty::create(path.join("work"))?,
            temporary: Empty::create(path.join("tmp"))?,
            outputs: path.join("out"),
            path,
        })
    }

    /// The folder of them all.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the command starts.
    pub(crate) fn work(&self) -> &Path {
        &self.work.path
    }

    /// Its TMPDIR.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary.path
    }

    /// Where its outputs go; made when first asked for.
    pub(crate) fn outputs(&self) -> Result<&Path, Fault> {
        match fs::create_dir(&self.outputs) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(Fault::io("make the scratch folder", &self.outputs, &error))
            }
            _ => Ok(&self.outputs),
        }
    }

    fn is_untouched(&mut self) -> bool {
        self.work.is_untouched() && self.temporary.is_untouched() && !self.outputs.exists()
    }
}

/// A folder that is kept open to see at little cost whether it is still empty.
struct Empty {
    path: PathBuf,
    handle: File,
}

impl Empty {
    fn create(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(MODE))?;
        let handle = File::open(&path)?;
        Ok(Self { path, handle })
    }

    fn is_untouched(&self) -> bool {
        let as_made =
            fstat(&self.handle).is_ok_and(|s| s.st_nlink > 0 && s.st_mode & 0o7777 == MODE);
        as_made && self.is_empty().unwrap_or(false)
    }

    fn is_empty(&self) -> io::Result<bool> {
        seek(&self.handle, SeekFrom::Start(0))?;
        let mut buffer = [MaybeUninit::<u8>::uninit(); 512];
        let mut entries = RawDir::new(&self.handle, &mut buffer);
        while let Some(entry) = entries.next() {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Removes a folder and all in it, also where a command took its own rights away. What still
/// resists is left for the next start's sweep.
pub(crate) fn remove_tree(path: &Path) {
    if fs::remove_dir_all(path).is_err() && path.exists() {
        open_up(path);
        if let Err(error) = fs::remove_dir_all(path) {
            tracing::debug!("could not remove {}: {error}", path.display());
        }
    }
}

/// Gives the owner every right on every folder below; links are not followed.
fn open_up(folder: &Path) {
    drop(fs::set_permissions(
        folder,
        fs::Permissions::from_mode(MODE),
    ));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            open_up(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untouched_room_is_used_again_and_a_touched_one_never() {
        let folder = tempfile::tempdir().unwrap();
        let mut rooms = Rooms::new(folder.path().join("seat"));
        let room = rooms.enter().unwrap();
        let first = room.work().to_owned();
        rooms.leave(room, false);
        let room = rooms.enter().unwrap();
        assert_eq!(room.work(), first);
        fs::write(room.work().join("x"), "").unwrap();
        rooms.leave(room, false);
        assert!(!first.exists());
        let room = rooms.enter().unwrap();
        assert_ne!(room.work(), first);
        assert_eq!(fs::read_dir(room.work()).unwrap().count(), 0);
        let second = room.work().to_owned();
        rooms.leave(room, true);
        assert!(!second.exists(), "an abandoned room is not used again");
    }

    #[test]
    fn a_room_that_was_removed_or_closed_by_its_command_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut rooms = Rooms::new(folder.path().join("seat"));
        let room = rooms.enter().unwrap();
        fs::remove_dir(room.work()).unwrap();
        rooms.leave(room, false);
        let room = rooms.enter().unwrap();
        let path = room.path.clone();
        fs::create_dir(room.work().join("closed")).unwrap();
        fs::set_permissions(
            room.work().join("closed"),
            fs::Permissions::from_mode(0o000),
        )
        .unwrap();
        fs::set_permissions(room.work(), fs::Permissions::from_mode(0o500)).unwrap();
        rooms.leave(room, false);
        assert!(!path.exists());
        assert!(rooms.enter().unwrap().work().is_dir());
    }
}
