//! A stage's files. They are copied once for all tasks, so that every task sees the same content,
//! and from there into each task's working folder.
//!
//! They are not linked, because a task could write through a link to the user's own file, and a
//! link shares that file's mode.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use sunward_core::Digest;
use sunward_core::staged::file_name;
use sunward_data::{copy_tree, staged_digest};

use crate::fault::Fault;
use crate::task_folder::remove_tree;

/// The copies of one stage's files.
#[derive(Debug)]
pub(crate) struct Staged {
    folder: PathBuf,
    names: Vec<PathBuf>,
}

impl Staged {
    /// Copies `files`, relative to `workflow_folder`, to a new folder `folder`. A copy with another
    /// digest than `digests` lists is refused, because commands must read exactly the content that
    /// their keys use.
    pub(crate) fn copy(
        files: &[String],
        digests: &BTreeMap<String, Digest>,
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
                        "`files` names {file}, but {} could not be copied: {error}; check that it exists and is readable",
                        sunward_files::shown(&source)
                    )),
                })?;
                if let Some(expected) = digests.get(file) {
                    unchanged(file, &target, expected)?;
                }
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

    /// Whether `name`, relative to the working folder, is one of these files.
    pub(crate) fn holds(&self, name: &Path) -> bool {
        self.folder.join(name).exists()
    }
}

/// Copies a file or folder that a value names into `folder`, for this attempt.
pub(crate) fn copy_named(
    text: &str,
    expected: &Digest,
    workflow_folder: &Path,
    folder: &Path,
) -> Result<PathBuf, Fault> {
    let source = workflow_folder.join(text);
    let target = folder.join(file_name(text));
    copy_tree(&source, &target).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Fault::io("copy the file", &target, &error)
        }
        _ => unreadable(&source, &error),
    })?;
    unchanged(text, &target, expected)?;
    Ok(target)
}

/// The fault for a file that a value names and that cannot be copied for the task.
pub(crate) fn unreadable(source: &Path, why: &dyn std::fmt::Display) -> Fault {
    Fault::input(format!(
        "{} could not be copied for the task: {why}; check that it exists and is readable",
        sunward_files::shown(source)
    ))
}

/// Checks that a copy has the expected digest.
fn unchanged(name: &str, copy: &Path, expected: &Digest) -> Result<(), Fault> {
    let found = staged_digest(copy).map_err(|error| Fault::io("read the copy", copy, &error))?;
    if found == *expected {
        return Ok(());
    }
    Err(changed(name))
}

pub(crate) fn changed(name: &str) -> Fault {
    Fault::input(format!(
        "{name} has changed since the run began, and a run reads only one version of a file; \
         `sunward retry` runs the remaining tasks with the new one"
    ))
}

impl Drop for Staged {
    fn drop(&mut self) {
        remove_tree(&self.folder);
    }
}

/// The name without a leading `./`. Absolute names and `..` are refused.
fn relative(file: &str) -> Result<PathBuf, Fault> {
    let mut name = PathBuf::new();
    for component in Path::new(file).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(word) => name.push(word),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Fault::input(format!(
                    "`files` names {file}, which is not in the workflow's folder; copy it there, or pass it as an input"
                )));
            }
        }
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

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
        let staged = Staged::copy(
            &files,
            &BTreeMap::new(),
            &beside,
            home.path().join("staged"),
        )
        .unwrap();
        // Later changes beside the workflow do not reach tasks of the same stage.
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
    fn a_file_that_changed_since_it_was_digested_is_not_staged() {
        let home = tempfile::tempdir().unwrap();
        let beside = home.path().join("flow");
        fs::create_dir_all(beside.join("lib")).unwrap();
        fs::write(beside.join("run.sh"), "one").unwrap();
        fs::write(beside.join("lib/a.py"), "one").unwrap();
        for (name, inside) in [("run.sh", "run.sh"), ("lib", "lib/a.py")] {
            let files = [name.to_owned()];
            let digest = staged_digest(&beside.join(name)).unwrap();
            let digests = BTreeMap::from([(name.to_owned(), digest)]);
            let stage = |to: &str| Staged::copy(&files, &digests, &beside, home.path().join(to));
            assert!(stage("first").is_ok());
            fs::write(beside.join(inside), "two").unwrap();
            let fault = stage("second").unwrap_err();
            assert!(fault.message.contains("changed since the run began"));
            let copied = copy_named(name, &digest, &beside, &home.path().join("third"));
            assert!(copied.is_err());
            fs::write(beside.join(inside), "one").unwrap();
            let copied = copy_named(name, &digest, &beside, &home.path().join("fourth"));
            assert_eq!(copied.unwrap().file_name(), Some(name.as_ref()));
            // A link to another file is another version, too.
            fs::rename(beside.join(name), beside.join("old")).unwrap();
            fs::write(beside.join("new"), "new").unwrap();
            std::os::unix::fs::symlink("new", beside.join(name)).unwrap();
            assert!(stage("fifth").is_err());
            fs::remove_file(beside.join(name)).unwrap();
            fs::remove_file(beside.join("new")).unwrap();
            fs::rename(beside.join("old"), beside.join(name)).unwrap();
        }
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["../x", "a/../../x", "/etc/passwd"] {
            assert!(relative(name).unwrap_err().message.contains(name));
        }
    }
}
