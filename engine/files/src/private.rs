//! Files and folders of the home: open to whom the folder above them is open, and to nobody else.
//! The umask may take more rights away, and never gives any.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// The rights of a folder that others inherit. A home is never open to everybody.
const OF_FOLDERS: u32 = 0o770;
/// The rights of a file.
const OF_FILES: u32 = 0o660;
/// The rights if no folder above can be read.
const OF_OWNER: u32 = 0o700;

/// Creates an empty file, or empties the one that is there.
///
/// # Errors
/// Fails if the file cannot be opened.
pub fn create(path: &Path) -> io::Result<File> {
    open(
        path,
        OpenOptions::new().write(true).create(true).truncate(true),
    )
}

/// Opens a file with these options. A new file has the rights of its folder.
///
/// # Errors
/// Fails if the file cannot be opened.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.mode(mode_above(path) & OF_FILES).open(path)
}

/// Writes a file whole.
///
/// # Errors
/// Fails if the file cannot be opened or written.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    create(path)?.write_all(bytes.as_ref())
}

/// Creates one folder.
///
/// # Errors
/// Fails if it exists, or cannot be created.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(mode_above(path)).create(path)
}

/// Creates a folder and the missing ones above it.
///
/// # Errors
/// Fails if one of them cannot be created.
pub fn create_folders(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(mode_above(path)).create(path)
}

/// The rights of the nearest existing folder above `path`.
fn mode_above(path: &Path) -> u32 {
    let above = path.ancestors().skip(1);
    let found = above.filter_map(|one| fs::metadata(one).ok()).next();
    found.map_or(OF_OWNER, |found| found.permissions().mode()) & OF_FOLDERS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_created_has_the_rights_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        for (rights, of_folder, of_file) in [
            (0o700, 0o700, 0o600),
            (0o750, 0o750, 0o640),
            (0o755, 0o750, 0o640),
        ] {
            let home = folder.path().join(format!("{rights:o}"));
            fs::create_dir(&home).unwrap();
            fs::set_permissions(&home, fs::Permissions::from_mode(rights)).unwrap();
            create_folders(&home.join("a/b")).unwrap();
            create_folders(&home.join("a/b")).unwrap();
            create_folder(&home.join("c")).unwrap();
            write(&home.join("a/b/file"), "x").unwrap();
            let appended = home.join("log");
            let mut options = OpenOptions::new();
            open(&appended, options.append(true).create(true)).unwrap();
            for made in ["a", "a/b", "c"] {
                assert_eq!(mode_of(&home.join(made)), of_folder, "{rights:o}: {made}");
            }
            for made in ["a/b/file", "log"] {
                assert_eq!(mode_of(&home.join(made)), of_file, "{rights:o}: {made}");
            }
            assert!(create_folder(&home.join("c")).is_err());
        }
    }
}
