//! The mark of folders that Sunward wrote outside its store. A run replaces the folder of an earlier
//! run as a whole, and must never do so with a folder that holds a user's own files.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{XattrFlags, lgetxattr, lsetxattr};
use rustix::io::Errno;

/// The extended attribute. Copying a file or folder drops it, renaming keeps it.
const NAME: &str = "user.sunward.output";

/// The value on a folder all of whose files and folders are marked, too.
const WITH_CONTENTS: &[u8] = b"2";

/// The value on what is in such a folder, and on a folder in which something could not be marked.
const ALONE: &[u8] = b"1";

/// Marks a folder and what is in it. On file systems without extended attributes nothing happens.
pub(crate) fn mark(folder: &Path) {
    let mut marked = true;
    each_within(folder, &mut |path| marked &= set(path, ALONE));
    set(folder, if marked { WITH_CONTENTS } else { ALONE });
}

fn set(path: &Path, value: &[u8]) -> bool {
    lsetxattr(path, NAME, value, XattrFlags::empty()).is_ok()
}

/// What replacing the folder `path` would delete although Sunward did not write it: the folder
/// itself, if it is not empty and has no mark, or something in it. On file systems without extended
/// attributes nobody can tell, and the answer is nothing.
#[must_use]
pub fn of_others(path: &Path) -> Option<PathBuf> {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        return None;
    }
    let mut value = [0_u8; 1];
    match lgetxattr(path, NAME, &mut value) {
        Ok(_) if value == WITH_CONTENTS => {
            let mut found = None;
            each_within(path, &mut |inner| {
                if found.is_none() && is_unmarked(inner) {
                    found = Some(inner.to_owned());
                }
            });
            found
        }
        Err(Errno::NODATA) => {
            let is_empty = fs::read_dir(path).is_ok_and(|mut all| all.next().is_none());
            (!is_empty).then(|| path.to_owned())
        }
        _ => None,
    }
}

fn is_unmarked(path: &Path) -> bool {
    lgetxattr(path, NAME, &mut [0_u8; 1]) == Err(Errno::NODATA)
}

/// Calls `look` for the files and folders in a folder, at any depth. Links are left out: they cannot
/// be marked.
fn each_within(folder: &Path, look: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let path = entry.path();
        if kind.is_file() || kind.is_dir() {
            look(&path);
        }
        if kind.is_dir() {
            each_within(&path, look);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sunward_did_not_write_is_found() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("f");
        assert_eq!(of_others(&folder), None, "there is none");
        fs::create_dir_all(folder.join("deep")).unwrap();
        fs::write(folder.join("deep/ours"), "x").unwrap();
        assert_eq!(of_others(&folder.join("deep/ours")), None, "a file");
        if !set(home.path(), ALONE) {
            return;
        }
        assert_eq!(of_others(&folder), Some(folder.clone()), "it has no mark");
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert_eq!(of_others(&link), None, "only the link is replaced");
        mark(&folder);
        assert_eq!(of_others(&folder), None);
        let moved = home.path().join("moved");
        fs::rename(&folder, &moved).unwrap();
        assert_eq!(of_others(&moved), None);
        fs::remove_file(moved.join("deep/ours")).unwrap();
        assert_eq!(of_others(&moved), None, "a file less");
        fs::write(moved.join("deep/own"), "x").unwrap();
        assert_eq!(of_others(&moved), Some(moved.join("deep/own")));
        fs::remove_dir_all(&moved).unwrap();
        fs::create_dir(&moved).unwrap();
        assert_eq!(of_others(&moved), None, "it is empty");
    }
}
