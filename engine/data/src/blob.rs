//! Files and folders that are no tables: kept as they are, a folder as a list of its files.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sunward_core::{Dataset, DatasetKind, Digest, Hasher, PartRef};

use crate::behind::WriteBehind;
use crate::error::DataError;
use crate::incoming::Incoming;
use crate::materialise::link;
use crate::part::map;
use crate::store::Store;

/// The first line of a folder's list: by it `prune` knows that a blob keeps others alive.
pub(crate) const MANIFEST: &[u8] = b"sunward folder 1\n";
/// Bytes copied at a time.
const COPY_BYTES: usize = 1 << 20;
/// Folders within folders.
const MAX_DEPTH: usize = 64;

/// One entry of a folder's list.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// Relative path, `/` between names.
    path: String,
    /// None for a folder (listed only when it is empty).
    digest: Option<Digest>,
    bytes: u64,
    /// Whether it may be executed.
    executable: bool,
}

impl Store {
    /// A user's file, whatever is in it, copied into the store.
    ///
    /// # Errors
    /// When it cannot be read, or is no file.
    pub fn blob(&self, path: &Path) -> Result<Dataset, DataError> {
        let found = fs::metadata(path).map_err(DataError::io("read", path))?;
        if !found.is_file() {
            return Err(no_file(path));
        }
        Ok(file_dataset(self.copy_in(path)?))
    }

    /// A user's folder, copied into the store.
    ///
    /// # Errors
    /// When something in it cannot be read, or is neither file nor folder.
    pub fn folder_blob(&self, path: &Path) -> Result<Dataset, DataError> {
        self.pack(path, &|file| self.copy_in(file))
    }

    /// A file that a command wrote: it moves into the store.
    pub(crate) fn adopt_file(&self, path: &Path) -> Result<Dataset, DataError> {
        let found = fs::symlink_metadata(path).map_err(DataError::io("read", path))?;
        if found.is_symlink() {
            return self.blob(path);
        }
        if !found.is_file() {
            return Err(no_file(path));
        }
        self.move_in(path).map(file_dataset)
    }

    /// A folder that a command wrote: its files move into the store.
    pub(crate) fn adopt_folder(&self, path: &Path) -> Result<Dataset, DataError> {
        self.pack(path, &|file| self.move_in(file))
    }

    fn copy_in(&self, path: &Path) -> Result<PartRef, DataError> {
        let mut source = sunward_files::open_regular(path).map_err(DataError::io("open", path))?;
        let incoming = Incoming::create(&self.incoming_folder())?;
        let mut file = WriteBehind::new(incoming.handle()?);
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; COPY_BYTES];
        let mut bytes = 0;
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(DataError::io("read", path)(error)),
            };
            hasher.update(&buffer[..count]);
            file.write_all(&buffer[..count])
                .map_err(DataError::io("write", incoming.path()))?;
            bytes += u64::try_from(count).unwrap_or(0);
        }
        file.sync()
            .map_err(DataError::io("sync", incoming.path()))?;
        let digest = Digest(*hasher.finalize().as_bytes());
        self.commit_synced(incoming, &digest)?;
        Ok(PartRef {
            digest,
            bytes,
            rows: 0,
        })
    }

    fn move_in(&self, path: &Path) -> Result<PartRef, DataError> {
        if !is_ours_alone(path)? || !self.is_on_our_disk(path) {
            return self.copy_in(path);
        }
        let bytes = map(path)?;
        let part = PartRef {
            digest: Digest::of(&bytes),
            bytes: u64::try_from(bytes.len()).unwrap_or(0),
            rows: 0,
        };
        self.commit(Incoming::take_over(path), &part.digest)?;
        Ok(part)
    }

    fn pack(
        &self,
        folder: &Path,
        take: &dyn Fn(&Path) -> Result<PartRef, DataError>,
    ) -> Result<Dataset, DataError> {
        let manifest = self.put_bytes(&manifest(folder, take)?)?;
        Ok(Dataset {
            kind: DatasetKind::Dir,
            content: manifest.digest,
            rows: 0,
            parts: vec![manifest],
        })
    }

    /// Stores some bytes.
    fn put_bytes(&self, bytes: &[u8]) -> Result<PartRef, DataError> {
        let incoming = Incoming::create(&self.incoming_folder())?;
        incoming
            .handle()?
            .write_all(bytes)
            .map_err(DataError::io("write", incoming.path()))?;
        let digest = Digest::of(bytes);
        self.commit(incoming, &digest)?;
        Ok(PartRef {
            digest,
            bytes: u64::try_from(bytes.len()).unwrap_or(0),
            rows: 0,
        })
    }

    pub(crate) fn is_on_our_disk(&self, path: &Path) -> bool {
        let device = |path: &Path| fs::metadata(path).map(|m| m.dev()).ok();
        device(path).is_some() && device(path) == device(self.root())
    }
}

/// Whether a file has no other name: one that has could be changed under it, or be made read-only
/// under somebody's feet.
pub(crate) fn is_ours_alone(path: &Path) -> Result<bool, DataError> {
    let found = fs::symlink_metadata(path).map_err(DataError::io("read", path))?;
    Ok(found.is_file() && found.nlink() == 1)
}

fn file_dataset(part: PartRef) -> Dataset {
    Dataset {
        kind: DatasetKind::File,
        content: part.digest,
        rows: 0,
        parts: vec![part],
    }
}

fn no_file(path: &Path) -> DataError {
    DataError::Format {
        path: path.to_owned(),
        expected: "file",
        found: "it is a folder or a device".into(),
        hint: "give a file, or say `format: dir` for an output".into(),
    }
}

/// The digest of a file's bytes, or of a folder's files with their names, whether it is stored or
/// not; whether a file may be executed counts.
///
/// # Errors
/// When something cannot be read, or is neither file nor folder.
pub fn path_digest(path: &Path) -> Result<Digest, DataError> {
    let hash = |path: &Path| {
        let bytes = map(path)?;
        Ok(PartRef {
            digest: Digest::of(&bytes),
            bytes: u64::try_from(bytes.len()).unwrap_or(0),
            rows: 0,
        })
    };
    let found = fs::metadata(path).map_err(DataError::io("read", path))?;
    if found.is_dir() {
        return manifest(path, &hash).map(|text| Digest::of(&text));
    }
    if !found.is_file() {
        return Err(no_file(path));
    }
    let executable = u8::from(found.permissions().mode() & 0o111 != 0);
    Ok(Hasher::new("file")
        .field("digest", &hash(path)?.digest.0)
        .field("executable", &[executable])
        .finish())
}

/// The list of a folder's files, each as `take` gives it.
fn manifest(
    folder: &Path,
    take: &dyn Fn(&Path) -> Result<PartRef, DataError>,
) -> Result<Vec<u8>, DataError> {
    let found = fs::symlink_metadata(folder).map_err(DataError::io("read", folder))?;
    if !found.is_dir() {
        return Err(DataError::Format {
            path: folder.to_owned(),
            expected: "folder",
            found: "it is none".into(),
            hint: "create it with `mkdir`, or say `format: file`".into(),
        });
    }
    let mut entries = Vec::new();
    walk(folder, folder, 0, &mut |path, relative, executable| {
        let (digest, bytes) = match executable {
            Some(_) => {
                let part = take(path)?;
                (Some(part.digest), part.bytes)
            }
            None => (None, 0),
        };
        entries.push(Entry {
            path: relative,
            digest,
            bytes,
            executable: executable.unwrap_or(false),
        });
        Ok(())
    })?;
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut text = MANIFEST.to_vec();
    for entry in &entries {
        serde_json::to_writer(&mut text, entry)
            .map_err(|error| DataError::Unsupported(error.to_string()))?;
        text.push(b'\n');
    }
    Ok(text)
}

type Visit<'a> = dyn FnMut(&Path, String, Option<bool>) -> Result<(), DataError> + 'a;

/// Visits every file (`Some(executable)`) and every empty folder (`None`) below `folder`.
fn walk(root: &Path, folder: &Path, depth: usize, visit: &mut Visit<'_>) -> Result<(), DataError> {
    let refuse = |path: &Path, found: &str| DataError::Format {
        path: path.to_owned(),
        expected: "part of a folder",
        found: found.into(),
        hint: "put only files and folders with UTF-8 names there".into(),
    };
    if depth > MAX_DEPTH {
        return Err(refuse(folder, "it lies too deep"));
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
        return visit(folder, relative(folder)?, None);
    }
    for path in paths {
        let found = fs::symlink_metadata(&path).map_err(DataError::io("read", &path))?;
        if found.is_dir() {
            walk(root, &path, depth + 1, visit)?;
        } else if found.is_file() {
            let executable = found.permissions().mode() & 0o111 != 0;
            visit(&path, relative(&path)?, Some(executable))?;
        } else if found.is_symlink() {
            return Err(refuse(
                &path,
                "it is a symbolic link, which may lead anywhere",
            ));
        } else {
            return Err(refuse(&path, "it is a device, pipe or socket"));
        }
    }
    Ok(())
}

fn entries(store: &Store, manifest: &PartRef) -> Result<Vec<Entry>, DataError> {
    store.fetch_part(manifest)?;
    let path = store.part_path(&manifest.digest);
    let damaged = |why: &str| DataError::Damaged {
        path: path.clone(),
        why: why.to_owned(),
    };
    let bytes = fs::read(&path).map_err(DataError::io("read", &path))?;
    let lines = bytes
        .strip_prefix(MANIFEST)
        .ok_or_else(|| damaged("it is no list of a folder"))?;
    let mut entries = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()) {
        let entry: Entry =
            serde_json::from_slice(line).map_err(|_| damaged("a line of its list is garbage"))?;
        let inside = Path::new(&entry.path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !inside || entry.path.is_empty() {
            return Err(damaged("its list names a path outside the folder"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The blobs that a folder's list names.
pub(crate) fn members(store: &Store, manifest: &PartRef) -> Result<Vec<PartRef>, DataError> {
    let parts = entries(store, manifest)?.into_iter().filter_map(|entry| {
        entry.digest.map(|digest| PartRef {
            digest,
            bytes: entry.bytes,
            rows: 0,
        })
    });
    Ok(parts.collect())
}

/// Makes a folder again for commands to read: links to the blobs.
pub(crate) fn unpack(store: &Store, manifest: &PartRef, target: &Path) -> Result<(), DataError> {
    unpack_with(store, manifest, target, &|blob, path, executable| {
        if !executable {
            return link(blob, path);
        }
        // A link would share the blob's permissions.
        copy_writable(blob, path, true)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o555))
            .map_err(DataError::io("protect", path))
    })
}

/// Makes a folder again for its user to keep: copies.
pub(crate) fn unpack_copy(
    store: &Store,
    manifest: &PartRef,
    target: &Path,
) -> Result<(), DataError> {
    unpack_with(store, manifest, target, &copy_writable)
}

/// Copies a blob without its protection.
pub(crate) fn copy_writable(blob: &Path, target: &Path, executable: bool) -> Result<(), DataError> {
    fs::copy(blob, target).map_err(DataError::io("copy to", target))?;
    let mode = if executable { 0o755 } else { 0o644 };
    fs::set_permissions(target, fs::Permissions::from_mode(mode))
        .map_err(DataError::io("set permissions of", target))
}

fn unpack_with(
    store: &Store,
    manifest: &PartRef,
    target: &Path,
    place: &dyn Fn(&Path, &Path, bool) -> Result<(), DataError>,
) -> Result<(), DataError> {
    fs::create_dir_all(target).map_err(DataError::io("create folder", target))?;
    for entry in entries(store, manifest)? {
        let path = target.join(&entry.path);
        let Some(digest) = entry.digest else {
            fs::create_dir_all(&path).map_err(DataError::io("create folder", &path))?;
            continue;
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(DataError::io("create folder", parent))?;
        }
        let part = PartRef {
            digest,
            bytes: entry.bytes,
            rows: 0,
        };
        store.fetch_part(&part)?;
        place(&store.part_path(&digest), &path, entry.executable)?;
    }
    Ok(())
}
