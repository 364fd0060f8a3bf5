//! Task folders: each attempt gets fresh, empty folders.
//!
//! Creating and removing folders takes up to a tenth of the time that starting a process takes. So
//! a task folder is reused if its command left it untouched. If anything changed in it, it is
//! removed.

use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{RawDir, SeekFrom, fstat, seek};
use sunward_files::private;

use crate::fault::Fault;

/// The mode of a new folder. The check for changes compares the special bits as well.
const MODE: u32 = 0o700;

/// The task folders of one slot. Each has its own number.
pub(crate) struct TaskFolders {
    folder: PathBuf,
    number: u64,
    open: Option<TaskFolder>,
}

/// The folders of one attempt, all in one folder.
pub(crate) struct TaskFolder {
    path: PathBuf,
    work: Empty,
    temporary: Empty,
    outputs: PathBuf,
    inputs: PathBuf,
}

impl TaskFolders {
    /// Task folders are created below `folder`, which is itself created with the first of them.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            number: 0,
            open: None,
        }
    }

    /// Returns an empty task folder: the last one if it is unchanged, otherwise a new one.
    pub(crate) fn enter(&mut self) -> Result<TaskFolder, Fault> {
        if let Some(task_folder) = self.open.take() {
            return Ok(task_folder);
        }
        loop {
            let path = self.folder.join(self.number.to_string());
            self.number += 1;
            let made = private::create_folders(&self.folder)
                .and_then(|()| TaskFolder::create(path.clone()));
            match made {
                // The folder of an attempt that panicked may still exist.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => {
                    return made
                        .map_err(|error| Fault::io("create the scratch folder", &path, &error));
                }
            }
        }
    }

    /// Takes back a task folder, to reuse or remove it. `abandoned` means that a process may still
    /// use it; then it is not reused.
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
        private::create_folder(&path)?;
        Ok(Self {
            work: Empty::create(path.join("work"))?,
            temporary: Empty::create(path.join("tmp"))?,
            outputs: path.join("out"),
            inputs: path.join("inputs"),
            path,
        })
    }

    /// The folder that contains the others.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The working folder, in which the command starts.
    pub(crate) fn work(&self) -> &Path {
        &self.work.path
    }

    /// Whether the working folder is empty.
    pub(crate) fn work_is_empty(&self) -> bool {
        self.work.is_empty().unwrap_or(false)
    }

    /// The command's `TMPDIR`.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary.path
    }

    /// The folder for the outputs. It is created on the first call.
    pub(crate) fn outputs(&self) -> Result<&Path, Fault> {
        made(&self.outputs)
    }

    /// The folder for the views of the inputs. It is created on the first call.
    pub(crate) fn inputs(&self) -> Result<&Path, Fault> {
        made(&self.inputs)
    }

    /// The folder for files that values name. The caller creates it.
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
    match private::create_folder(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Fault::io("create the scratch folder", folder, &error))
        }
        _ => Ok(folder),
    }
}

/// A path in a task folder, as text for expressions.
pub(crate) fn path_text(path: &Path) -> Result<String, Fault> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Fault::permanent(format!(
            "the path {} is not UTF-8; keep the state in another folder with `--home`",
            sunward_files::shown(path)
        ))
    })
}

/// A folder with an open handle, so that checking whether it is still empty is cheap.
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

/// Removes a folder and everything in it, also if a command removed its own permissions. Whatever
/// still cannot be removed is left for the sweep at the next start.
pub(crate) fn remove_tree(path: &Path) {
    if fs::remove_dir_all(path).is_err() && path.exists() {
        open_up(path);
        if let Err(error) = fs::remove_dir_all(path) {
            tracing::debug!("could not remove {}: {error}", sunward_files::shown(path));
        }
    }
}

/// Gives the owner all permissions on all folders below. Links are not followed.
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
    fn an_untouched_folder_is_used_again_and_a_touched_one_never() {
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
    fn a_folder_that_was_removed_or_closed_by_its_command_is_replaced() {
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
