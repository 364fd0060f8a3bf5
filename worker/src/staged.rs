//! A stage's files: copied once for all its tasks, so that every task sees the same, then into each
//! task's working folder.
//!
//! They are copies and not links, because a link to the user's own file could be written through,
//! and the rights of the one are the rights of the other.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use crate::fault::Fault;
use crate::task_folder::remove_tree;

/// The copies of one stage's files.
#[derive(Debug)]
pub(crate) struct Staged {
    folder: PathBuf,
    names: Vec<PathBuf>,
}

impl Staged {
    /// Copies `files`, found relative to `workflow_folder`, to a new folder `folder`.
    pub(crate) fn copy(
        files: &[String],
        workflow_folder: &Path,
        folder: PathBuf,
    ) -> Result<Self, Fault> {
        let mut names = Vec::new();
        for file in files {
            let name = relative(file)?;
            let source = workflow_folder.join(&name);
            let target = folder.join(&name);
            if !target.exists() {
                copy_tree(&source, &target).map_err(|error| match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        Fault::io("stage the file", &target, &error)
                    }
                    _ => Fault::input(format!(
                        "`files` names {file}, but {} could not be copied: {error}; see that it is there and readable",
                        source.display()
                    )),
                })?;
            }
            names.push(name);
        }
        Ok(Self { folder, names })
    }

    /// Copies everything into a task's working folder, read-only.
    pub(crate) fn place(&self, work: &Path) -> Result<(), Fault> {
        for name in &self.names {
            let target = work.join(name);
            if target.exists() {
                continue;
            }
            copy_tree(&self.folder.join(name), &target)
                .map_err(|error| Fault::io("stage the file", &target, &error))?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        remove_tree(&self.folder);
    }
}

/// The name without a leading `./`; absolute names and `..` are refused.
fn relative(file: &str) -> Result<PathBuf, Fault> {
    let mut name = PathBuf::new();
    for component in Path::new(file).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(word) => name.push(word),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Fault::input(format!(
                    "`files` names {file}, which is not beside the workflow's file; copy it there, or pass it as an input"
                )));
            }
        }
    }
    Ok(name)
}

/// Copies a file or a folder; files lose the right to be written. A link is followed: a task must
/// not depend on where it points later.
fn copy_tree(source: &Path, target: &Path) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    let meta = fs::metadata(source)?;
    if meta.is_dir() {
        fs::create_dir_all(target)?;
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            copy_tree(&entry.path(), &target.join(entry.file_name()))?;
        }
        return Ok(());
    }
    fs::copy(source, target)?;
    let mode = meta.permissions().mode() & 0o555;
    fs::set_permissions(target, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_keep_their_names_and_lose_the_right_to_be_written() {
        let home = tempfile::tempdir().unwrap();
        let beside = home.path().join("flow");
        fs::create_dir_all(beside.join("lib")).unwrap();
        fs::write(beside.join("lib/a.py"), "a").unwrap();
        fs::write(beside.join("run.sh"), "b").unwrap();
        fs::set_permissions(beside.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        let files = [
            "./run.sh".to_owned(),
            "lib".to_owned(),
            "lib/a.py".to_owned(),
        ];
        let staged = Staged::copy(&files, &beside, home.path().join("staged")).unwrap();
        // What changes beside the workflow later does not reach tasks of the same stage.
        fs::write(beside.join("run.sh"), "changed").unwrap();
        let work = home.path().join("work");
        fs::create_dir(&work).unwrap();
        staged.place(&work).unwrap();
        assert_eq!(fs::read_to_string(work.join("run.sh")).unwrap(), "b");
        assert_eq!(fs::read_to_string(work.join("lib/a.py")).unwrap(), "a");
        let mode = fs::metadata(work.join("run.sh"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o555);
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["../x", "a/../../x", "/etc/passwd"] {
            assert!(relative(name).unwrap_err().message.contains(name));
        }
    }
}
