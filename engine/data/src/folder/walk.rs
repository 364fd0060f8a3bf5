//! Lists the files, symbolic links and empty folders below a folder.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::DataError;
use crate::mode::{lstat, mend};

/// The deepest nesting of folders.
const MAX_DEPTH: usize = 64;
/// The most entries of a folder. The list of entries is kept in memory and takes about 300 bytes
/// per entry.
const MAX_ENTRIES: usize = 4_000_000;

/// An entry of a folder.
pub(super) struct Entry {
    pub(super) path: PathBuf,
    /// The relative path, with `/` between names.
    pub(super) relative: String,
    pub(super) found: Found,
}

/// Returns all entries of a folder, sorted by relative path. An error of `go_on` ends the walk
/// early.
pub(super) fn walk(
    folder: &Path,
    go_on: &dyn Fn() -> Result<(), DataError>,
) -> Result<Vec<Entry>, DataError> {
    let found = lstat(folder)?;
    if !found.is_dir() {
        let what = if found.is_symlink() {
            "a link"
        } else {
            "a file"
        };
        return Err(DataError::Format {
            path: folder.to_owned(),
            expected: "folder",
            found: format!("it is {what}"),
            hint: "create a folder with `mkdir`, or write `format: file`".into(),
        });
    }
    let mut all = Vec::new();
    walk_into(folder, folder, 0, &mut |path, relative, found| {
        go_on()?;
        if all.len() == MAX_ENTRIES {
            return Err(DataError::Format {
                path: folder.to_owned(),
                expected: "folder",
                found: format!("it holds more than {MAX_ENTRIES} files"),
                hint: "keep them in an archive (tar, zip), or in several outputs".into(),
            });
        }
        all.push(Entry {
            path: path.to_owned(),
            relative,
            found,
        });
        Ok(())
    })?;
    all.sort_by(|a, b| a.relative.cmp(&b.relative));
    Ok(all)
}

/// Repairs the modes of a folder and all folders in it, so that they can be listed and emptied.
pub(crate) fn mend_folders(folder: &Path, depth: usize) -> Result<(), DataError> {
    let found = lstat(folder)?;
    if !found.is_dir() || depth > MAX_DEPTH {
        return Ok(());
    }
    mend(folder, &found)?;
    let list = fs::read_dir(folder).map_err(DataError::io("list", folder))?;
    for entry in list {
        let entry = entry.map_err(DataError::io("list", folder))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            mend_folders(&entry.path(), depth + 1)?;
        }
    }
    Ok(())
}

/// The kind of an entry.
pub(super) enum Found {
    File(fs::Metadata),
    EmptyFolder,
    Link(String),
}

type Visit<'a> = dyn FnMut(&Path, String, Found) -> Result<(), DataError> + 'a;

/// The error for an entry that cannot be part of a folder.
fn refuse(path: &Path, found: &str) -> DataError {
    DataError::Format {
        path: path.to_owned(),
        expected: "part of a folder",
        found: found.into(),
        hint: "put only files, folders and relative links between them there, with UTF-8 names"
            .into(),
    }
}

/// The target of a symbolic link. It must exist and be inside the folder.
fn inner_link(root: &Path, path: &Path, relative: &str) -> Result<String, DataError> {
    let target = fs::read_link(path).map_err(DataError::io("read", path))?;
    let shown = sunward_files::shown(&target);
    let text = target
        .to_str()
        .ok_or_else(|| refuse(path, "it is a link to a name that is not UTF-8"))?;
    if !stays_inside(relative, text) {
        return Err(refuse(
            path,
            &format!("it is a link to {shown}, which is not inside the folder"),
        ));
    }
    let real = |path: &Path| fs::canonicalize(path);
    match (real(path), real(root)) {
        (Ok(end), Ok(root)) if end.starts_with(&root) => Ok(text.to_owned()),
        (Ok(_), Ok(_)) => Err(refuse(
            path,
            &format!("it is a link to {shown}, which is not inside the folder"),
        )),
        _ => Err(refuse(
            path,
            &format!("it is a link to {shown}, which does not exist"),
        )),
    }
}

/// Whether no step of `target` leaves the folder, starting at the symbolic link `path`.
pub(super) fn stays_inside(path: &str, target: &str) -> bool {
    let mut depth = Path::new(path).components().count().saturating_sub(1);
    let mut inside = !target.is_empty();
    for part in Path::new(target).components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => inside = false,
        }
    }
    inside
}

/// Visits every file, symbolic link and empty folder below `folder`.
fn walk_into(
    root: &Path,
    folder: &Path,
    depth: usize,
    visit: &mut Visit<'_>,
) -> Result<(), DataError> {
    if depth > MAX_DEPTH {
        return Err(DataError::Format {
            path: folder.to_owned(),
            expected: "part of a folder",
            found: format!("it is more than {MAX_DEPTH} folders deep"),
            hint: "keep deep folders in an archive (tar, zip)".into(),
        });
    }
    let relative = |path: &Path| {
        path.strip_prefix(root)
            .ok()
            .and_then(|relative| relative.to_str())
            .map(str::to_owned)
            .ok_or_else(|| refuse(path, "its name is not UTF-8"))
    };
    let list = fs::read_dir(folder).map_err(DataError::io("list", folder))?;
    let mut paths: Vec<PathBuf> = list
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(DataError::io("list", folder))?;
    paths.sort();
    if paths.is_empty() && depth > 0 {
        return visit(folder, relative(folder)?, Found::EmptyFolder);
    }
    for path in paths {
        let found = fs::symlink_metadata(&path).map_err(DataError::io("read", &path))?;
        if found.is_dir() {
            walk_into(root, &path, depth + 1, visit)?;
        } else if found.is_file() {
            visit(&path, relative(&path)?, Found::File(found))?;
        } else if found.is_symlink() {
            let name = relative(&path)?;
            let target = inner_link(root, &path, &name)?;
            visit(&path, name, Found::Link(target))?;
        } else {
            return Err(refuse(&path, "it is a device, pipe or socket"));
        }
    }
    Ok(())
}
