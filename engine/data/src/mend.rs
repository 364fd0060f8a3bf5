//! Verification and repair of joined files and folders. They are compared with their parts, and
//! made again if they differ.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sunward_core::{Digest, PartRef};

use crate::blob::link;
use crate::error::DataError;
use crate::file_bytes::{self, digest_of};
use crate::halt::Halt;
use crate::incoming::fresh_path;
use crate::materialise::{Recipe, remove_joined};
use crate::mode::is_executable;
use crate::store::Store;

/// A joined file or folder that did not match its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MendedView {
    /// The path of the file or folder.
    pub path: PathBuf,
    /// What was wrong with it.
    pub why: String,
    /// Whether it was made again. If not, it is made when it is next requested.
    pub made_again: bool,
}

impl Store {
    /// Compares joined files and folders with their parts, and makes again those that differ. If
    /// the parts are gone or damaged, the file or folder is left as it is: it may be the last copy,
    /// and it is never handed out without its parts.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be listed.
    pub fn verify_joined(&self) -> Result<Vec<MendedView>, DataError> {
        let folder = self.folder("joined");
        let list = fs::read_dir(&folder).map_err(DataError::io("list", &folder))?;
        let mut paths: Vec<PathBuf> = list.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        Ok(paths.iter().filter_map(|path| self.mended(path)).collect())
    }

    fn mended(&self, path: &Path) -> Option<MendedView> {
        let fresh = self.made_for(path)?;
        let Some(why) = difference(path, &fresh, Path::new("")) else {
            remove_joined(&fresh);
            return None;
        };
        remove_joined(path);
        Some(MendedView {
            path: path.to_owned(),
            why,
            made_again: fs::rename(&fresh, path).is_ok(),
        })
    }

    /// Makes a fresh copy of a joined file or folder from its parts. Returns `None` if that is
    /// impossible or unnecessary.
    fn made_for(&self, path: &Path) -> Option<PathBuf> {
        let name = path.file_name()?.to_str()?;
        if let Some(recipe) = self.recipe(name) {
            return self.made_anew(&recipe).ok();
        }
        if self.is_its_part(name, path) {
            return None;
        }
        self.of_part(name, path)
    }

    /// Whether a file holds the part whose digest is in its name. Such a file is kept, since it may
    /// be the last copy of the part.
    fn is_its_part(&self, name: &str, path: &Path) -> bool {
        let digest = digest_in(name);
        let Some((digest, found)) = digest.zip(fs::metadata(path).ok()) else {
            return false;
        };
        let part = fs::metadata(self.part_path(&digest));
        let is_part = |part: Metadata| (part.dev(), part.ino()) == (found.dev(), found.ino());
        found.is_file()
            && (part.is_ok_and(is_part)
                || digest_of(path, &Halt::default()).is_ok_and(|(found, _)| found == digest))
    }

    /// Makes a fresh copy of what is named by a part's digest, with or without a suffix: the part
    /// itself, or the folder that it lists.
    fn of_part(&self, name: &str, path: &Path) -> Option<PathBuf> {
        let digest = digest_in(name)?;
        let part = self.part_path(&digest);
        let bytes = fs::metadata(&part).ok()?.len();
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
            let manifest = PartRef {
                digest,
                bytes,
                rows: 0,
            };
            return self.made_anew(&Recipe::of_folder(manifest)).ok();
        }
        let fresh = fresh_path(&self.incoming_folder(), "-joined");
        link(&part, &fresh).ok().map(|()| fresh)
    }
}

fn digest_in(name: &str) -> Option<Digest> {
    Digest::from_hex(name.split('.').next()?)
}

/// Describes how two files or folders differ, or returns `None`. `name` stands for them in the
/// description.
fn difference(found: &Path, expected: &Path, name: &Path) -> Option<String> {
    let shown = || match name.as_os_str().is_empty() {
        true => "it".to_owned(),
        false => sunward_files::shown(name),
    };
    let (Ok(is), Ok(should)) = (fs::metadata(found), fs::metadata(expected)) else {
        return Some(format!("{} cannot be read", shown()));
    };
    if is.is_dir() != should.is_dir() || is_link(found) != is_link(expected) {
        return Some(format!("{} is of another kind", shown()));
    }
    if is_link(expected) && fs::read_link(found).ok() != fs::read_link(expected).ok() {
        return Some(format!("{} leads elsewhere", shown()));
    }
    if !should.is_dir() {
        return (!are_equal(found, &is, expected, &should))
            .then(|| format!("{} has changed", shown()));
    }
    let (inside, mut missing) = (entries(found), entries(expected));
    for (entry, path) in inside {
        let name = name.join(&entry);
        let Some(expected) = missing.remove(&entry) else {
            return Some(format!(
                "{} does not belong there",
                sunward_files::shown(&name)
            ));
        };
        if let Some(why) = difference(&path, &expected, &name) {
            return Some(why);
        }
    }
    let (gone, _) = missing.pop_first()?;
    Some(format!(
        "{} is missing",
        sunward_files::shown(&name.join(gone))
    ))
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

fn entries(folder: &Path) -> BTreeMap<OsString, PathBuf> {
    let list = fs::read_dir(folder).into_iter().flatten().flatten();
    list.map(|entry| (entry.file_name(), entry.path()))
        .collect()
}

/// Whether two paths are the same file, or files with the same bytes. Whether a part itself is
/// whole is checked elsewhere.
fn are_equal(found: &Path, is: &Metadata, expected: &Path, should: &Metadata) -> bool {
    if (is.dev(), is.ino()) == (should.dev(), should.ino()) {
        return true;
    }
    is.len() == should.len()
        && is_executable(is) == is_executable(should)
        && file_bytes::are_equal(found, expected).is_ok_and(|are| are)
}
