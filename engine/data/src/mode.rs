//! The modes and names of files that commands or users wrote.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::error::DataError;

/// The metadata of an entry itself, not of what a link points to.
pub(crate) fn lstat(path: &Path) -> Result<fs::Metadata, DataError> {
    fs::symlink_metadata(path).map_err(DataError::io("read", path))
}

/// Repairs the mode of an entry of a command's output: files become readable, and folders can be
/// emptied. Of a file's mode, only the executable bit is kept.
pub(crate) fn mend(path: &Path, found: &fs::Metadata) -> Result<(), DataError> {
    let mode = found.permissions().mode();
    let needed = if found.is_dir() { 0o700 } else { 0o400 };
    // A file with other names also belongs to somebody else.
    let shared = found.is_file() && found.nlink() > 1;
    if found.is_symlink() || shared || mode & needed == needed {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode | needed))
        .map_err(DataError::io("set permissions of", path))
}

/// Whether a file has no other name. One with another name could change in the store, or its other
/// user would find it read-only.
pub(crate) fn is_ours_alone(path: &Path) -> Result<bool, DataError> {
    let found = fs::symlink_metadata(path).map_err(DataError::io("read", path))?;
    Ok(found.is_file() && found.nlink() == 1)
}

/// Whether any executable bit of a file is set.
pub(crate) fn is_executable(found: &fs::Metadata) -> bool {
    found.permissions().mode() & 0o111 != 0
}
