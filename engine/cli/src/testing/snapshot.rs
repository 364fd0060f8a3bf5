//! Writes snapshots. Each is written beside its place and then moved there. A folder is replaced only if
//! an earlier `--update` wrote all of it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// The file in a folder that lists what `--update` wrote there.
pub(super) const MARK: &str = ".sunward-snapshot";

/// Why an output cannot be written to a snapshot; `None` if it can. The path is relative to the folder
/// of the tests.
pub(super) fn refusal(folder: &Path, path: &str, found: &Path) -> Option<String> {
    let mut place = folder.to_owned();
    for part in Path::new(path).components() {
        place.push(part);
        if place.is_symlink() {
            return Some(format!(
                "{path} was not written: {} is a link, and a snapshot is written in the folder of the tests alone",
                sunward_files::shown(place.strip_prefix(folder).unwrap_or(&place))
            ));
        }
    }
    let is_folder = found.is_dir();
    match fs::symlink_metadata(&place) {
        Err(_) => {}
        Ok(there) if there.is_dir() != is_folder => {
            let (new, old) = match is_folder {
                true => ("a folder", "a file"),
                false => ("a file", "a folder"),
            };
            return Some(format!(
                "{path} was not written: the output is {new}, and {path} is {old}; move that away"
            ));
        }
        Ok(there) if !there.is_dir() => return None,
        Ok(_) => {
            if let Some(other) = stranger(&place) {
                return Some(format!(
                    "{path} was not written: `--update` did not write {path}/{other}; move that away, or name another folder"
                ));
            }
        }
    }
    (is_folder && found.join(MARK).exists())
        .then(|| format!("{path} was not written: the output has a file {MARK}"))
}

/// A file in a folder that no `--update` wrote.
fn stranger(folder: &Path) -> Option<String> {
    let listed: BTreeSet<String> = sunward_files::read_text(&folder.join(MARK))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let mut files = files(folder).unwrap_or_default();
    files.remove(MARK);
    files.into_iter().find(|file| !listed.contains(file))
}

/// The files below a folder, by their paths relative to it.
fn files(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = sunward_files::shown(Path::new(&entry.file_name()));
        match entry.file_type()?.is_dir() {
            true => {
                let inner = files(&entry.path())?.into_iter();
                all.extend(inner.map(|file| format!("{name}/{file}")));
            }
            false => {
                all.insert(name);
            }
        }
    }
    Ok(all)
}

/// Puts what was found in the place of a snapshot.
///
/// # Errors
/// Fails if it cannot be written. Then what was there is there still.
pub(super) fn write(place: &Path, found: &Path) -> io::Result<()> {
    let parent = place.parent().unwrap_or_else(|| Path::new("/"));
    fs::create_dir_all(parent)?;
    let beside = tempfile::Builder::new()
        .prefix(".sunward-")
        .tempdir_in(parent)?;
    let (new, old) = (beside.path().join("new"), beside.path().join("old"));
    copy(found, &new)?;
    if !found.is_dir() {
        return fs::rename(new, place);
    }
    let listed = serde_json::to_string_pretty(&files(&new)?)?;
    fs::write(new.join(MARK), listed + "\n")?;
    swap(&new, place, &old)
}

/// Copies a file or folder, writable for its owner.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        fs::copy(from, to)?;
        let mut mode = fs::metadata(to)?.permissions();
        mode.set_mode(mode.mode() | 0o200);
        return fs::set_permissions(to, mode);
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Moves a folder to a place, and what is there to where the new one was, or to `old`.
fn swap(new: &Path, place: &Path, old: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT) => fs::rename(new, place),
        // The kernel or the file system has no exchange.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::rename(place, old)?;
            fs::rename(new, place).inspect_err(|_| {
                // The former folder goes back to its place.
                drop(fs::rename(old, place));
            })
        }
        Err(error) => Err(error.into()),
    }
}
