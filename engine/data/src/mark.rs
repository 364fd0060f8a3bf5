//! The mark of folders that Sunward wrote outside its store. A run replaces the folder of an earlier
//! run as a whole, and must never do so with a folder that holds a user's own files.

use std::fs;
use std::path::Path;

use rustix::fs::{XattrFlags, lgetxattr, setxattr};
use rustix::io::Errno;

/// The extended attribute. Copying a folder drops it, renaming keeps it.
const NAME: &str = "user.sunward.output";

/// Marks a folder. On file systems without extended attributes nothing happens.
pub(crate) fn mark(folder: &Path) {
    let _ = setxattr(folder, NAME, b"1", XattrFlags::empty());
}

/// Whether replacing `path` would delete files that Sunward did not write: it is a folder, not
/// empty, and without the mark. On file systems without extended attributes nobody can tell, and
/// the answer is no.
#[must_use]
pub fn is_a_folder_of_others(path: &Path) -> bool {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    let is_empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    is_folder && !is_empty() && lgetxattr(path, NAME, &mut [0_u8; 1]) == Err(Errno::NODATA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_folder_without_the_mark_is_of_others() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("f");
        assert!(!is_a_folder_of_others(&folder), "there is none");
        fs::create_dir(&folder).unwrap();
        assert!(!is_a_folder_of_others(&folder), "it is empty");
        fs::write(folder.join("own"), "x").unwrap();
        assert!(!is_a_folder_of_others(&folder.join("own")), "a file");
        if setxattr(home.path(), "user.test", b"1", XattrFlags::empty()).is_err() {
            return;
        }
        assert!(is_a_folder_of_others(&folder));
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(!is_a_folder_of_others(&link), "only the link is replaced");
        mark(&folder);
        assert!(!is_a_folder_of_others(&folder));
        let moved = home.path().join("moved");
        fs::rename(&folder, &moved).unwrap();
        assert!(!is_a_folder_of_others(&moved));
    }
}
