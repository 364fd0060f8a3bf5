//! A slot's task folder: the fresh, empty folders that a command finds.
//!
//! Making and removing folders costs as much as a tenth of starting a process, so a task folder that a
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

/// A slot's folders, each of its own number.
pub(crate) struct TaskFolders {
    folder: PathBuf,
    number: u64,
    open: Option<TaskFolder>,
}

/// The folders of one attempt.
pub(crate) struct TaskFolder {
    path: PathBuf,
    work: Empty,
    temporary: Empty,
    outputs: PathBuf,
    inputs: PathBuf,
}

impl TaskFolders {
    /// Below `folder`, which is made with the first task folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            number: 0,
            open: None,
        }
    }

    /// An empty task folder.
    pub(crate) fn enter(&mut self) -> Result<TaskFolder, Fault> {
        if let Some(task_folder) = self.open.take() {
            return Ok(task_folder);
        }
        loop {
            let path = self.folder.join(self.number.to_string());
            self.number += 1;
            let made =
                fs::create_dir_all(&self.folder).and_then(|()| TaskFolder::create(path.clone()));
            match made {
                // An attempt that panicked has left its folder.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => {
                    return made
                        .map_err(|error| Fault::io("make the scratch folder", &path, &error));
                }
            }
        }
    }

    /// Takes a task folder back. With `abandoned`, somebody may still be in it.
    pub(crate) fn leave(&mut self, mut task_folder: TaskFolder, abandoned: bool) {
        if !abandoned && task_folder.is_untouched() {
            self.open = Some(task_folder);
        } else {
            remove_tree(&task_folder.path);
        }
    }
}

impl TaskFolder {
    fn create(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        Ok(Self {
            work: Empty::create(path.join("work"))?,
            temporary: Empty::create(path.join("tmp"))?,
            outputs: path.join("out"),
            inputs: path.join("inputs"),
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

    /// Whether nothing is in the folder where the command starts.
    pub(crate) fn work_is_empty(&self) -> bool {
        self.work.is_empty().unwrap_or(false)
    }

    /// Its TMPDIR.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary.path
    }

    /// Where its outputs go; made when first asked for.
    pub(crate) fn outputs(&self) -> Result<&Path, Fault> {
        made(&self.outputs)
    }

    /// Where its own views of its inputs are; made when first asked for.
    pub(crate) fn inputs(&self) -> Result<&Path, Fault> {
        made(&self.inputs)
    }

    /// Where copies go of files that values name; made by who puts one there.
    pub(crate) fn files(&self) -> PathBuf {
        self.path.join("files")
    }

    fn is_untouched(&mut self) -> bool {
        self.work.is_untouched()
            && self.temporary.is_untouched()
            && !self.outputs.exists()
            && !self.files().exists()
            && !self.inputs.exists()
    }
}

fn made(folder: &Path) -> Result<&Path, Fault> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Fault::io("make the scratch folder", folder, &error))
        }
        _ => Ok(folder),
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
        let mut folders = TaskFolders::new(folder.path().join("slot"));
        let task_folder = folders.enter().unwrap();
        let first = task_folder.work().to_owned();
        folders.leave(task_folder, false);
        let task_folder = folders.enter().unwrap();
        assert_eq!(task_folder.work(), first);
        fs::write(task_folder.work().join("x"), "").unwrap();
        folders.leave(task_folder, false);
        assert!(!first.exists());
        let task_folder = folders.enter().unwrap();
        assert_ne!(task_folder.work(), first);
        assert_eq!(fs::read_dir(task_folder.work()).unwrap().count(), 0);
        let second = task_folder.work().to_owned();
        folders.leave(task_folder, true);
        assert!(
            !second.exists(),
            "an abandoned task folder is not used again"
        );
    }

    #[test]
    fn a_room_that_was_removed_or_closed_by_its_command_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut folders = TaskFolders::new(folder.path().join("slot"));
        let task_folder = folders.enter().unwrap();
        fs::remove_dir(task_folder.work()).unwrap();
        folders.leave(task_folder, false);
        let task_folder = folders.enter().unwrap();
        let path = task_folder.path.clone();
        fs::create_dir(task_folder.work().join("closed")).unwrap();
        fs::set_permissions(
            task_folder.work().join("closed"),
            fs::Permissions::from_mode(0o000),
        )
        .unwrap();
        fs::set_permissions(task_folder.work(), fs::Permissions::from_mode(0o500)).unwrap();
        folders.leave(task_folder, false);
        assert!(!path.exists());
        assert!(folders.enter().unwrap().work().is_dir());
    }
}
