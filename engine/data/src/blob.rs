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
use crate::store::{Durable, Store};

/// The first line of a folder's list: by it `prune` knows that a blob keeps others alive.
pub(crate) const MANIFEST: &[u8] = b"sunward folder 2\n";
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
    /// Where a symbolic link leads, from its own folder; it stays within the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
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
        Ok(file_dataset(self.copy_in(path, Durable::Now)?))
    }

    /// A user's folder, copied into the store.
    ///
    /// # Errors
    /// When something in it cannot be read, or is neither file nor folder.
    pub fn folder_blob(&self, path: &Path) -> Result<Dataset, DataError> {
        self.pack(path, &|file| self.copy_in(file, Durable::Now))
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
        self.move_in(path, Durable::Now).map(file_dataset)
    }

    /// A folder that a command wrote: its files move into the store.
    pub(crate) fn adopt_folder(&self, path: &Path) -> Result<Dataset, DataError> {
        mend_folders(path, 0)?;
        let dataset = self.pack(path, &|file| {
            mend(file, &lstat(file)?)?;
            self.move_in(file, Durable::Later)
        })?;
        self.sync_all()?;
        Ok(dataset)
    }

    fn copy_in(&self, path: &Path, durable: Durable) -> Result<PartRef, DataError> {
        self.go_on()?;
        let mut source = sunward_files::open_regular(path).map_err(DataError::io("open", path))?;
        let incoming = Incoming::create(&self.incoming_folder())?;
        let mut file = WriteBehind::new(incoming.handle()?);
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; COPY_BYTES];
        let mut bytes = 0;
        loop {
            self.go_on()?;
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
        if durable == Durable::Now {
            file.sync()
                .map_err(DataError::io("sync", incoming.path()))?;
        }
        let digest = Digest(*hasher.finalize().as_bytes());
        self.commit_as(incoming, &digest, durable)?;
        Ok(PartRef {
            digest,
            bytes,
            rows: 0,
        })
    }

    pub(crate) fn move_in(&self, path: &Path, durable: Durable) -> Result<PartRef, DataError> {
        self.go_on()?;
        if !is_ours_alone(path)? || !self.is_on_our_disk(path) {
            return self.copy_in(path, durable);
        }
        let bytes = map(path)?;
        let part = PartRef {
            digest: Digest::of(&bytes),
            bytes: u64::try_from(bytes.len()).unwrap_or(0),
            rows: 0,
        };
        let incoming = Incoming::take_over(path);
        if durable == Durable::Now {
            incoming.sync()?;
        }
        self.commit_as(incoming, &part.digest, durable)?;
        Ok(part)
    }

    fn pack(
        &self,
        folder: &Path,
        take: &dyn Fn(&Path) -> Result<PartRef, DataError>,
    ) -> Result<Dataset, DataError> {
        let manifest = self.put_bytes(&manifest(folder, take)?)?;
        Ok(Dataset {
            written: None,
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

pub(crate) fn lstat(path: &Path) -> Result<fs::Metadata, DataError> {
    fs::symlink_metadata(path).map_err(DataError::io("read", path))
}

/// Makes an entry of a command's output readable, and a folder one that can be emptied, whatever modes
/// the command gave them: only that it may be executed is kept of a file's mode.
pub(crate) fn mend(path: &Path, found: &fs::Metadata) -> Result<(), DataError> {
    let mode = found.permissions().mode();
    let needed = if found.is_dir() { 0o700 } else { 0o400 };
    // A file with other names is somebody else's too.
    let shared = found.is_file() && found.nlink() > 1;
    if found.is_symlink() || shared || mode & needed == needed {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode | needed))
        .map_err(DataError::io("set permissions of", path))
}

/// The same for a folder and all folders in it, so that it can be walked and emptied.
fn mend_folders(folder: &Path, depth: usize) -> Result<(), DataError> {
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

/// Whether a file has no other name: one that has could be changed under it, or be made read-only
/// under somebody's feet.
pub(crate) fn is_ours_alone(path: &Path) -> Result<bool, DataError> {
    let found = fs::symlink_metadata(path).map_err(DataError::io("read", path))?;
    Ok(found.is_file() && found.nlink() == 1)
}

fn file_dataset(part: PartRef) -> Dataset {
    Dataset {
        written: None,
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
    // All of it is looked at before anything is taken: what a link leads to may move away.
    let mut found = Vec::new();
    walk(folder, folder, 0, &mut |path, relative, what| {
        found.push((path.to_owned(), relative, what));
        Ok(())
    })?;
    let mut entries = Vec::with_capacity(found.len());
    for (path, relative, what) in found {
        let mut entry = Entry {
            path: relative,
            digest: None,
            bytes: 0,
            executable: false,
            link: None,
        };
        match what {
            Found::File { executable } => {
                let part = take(&path)?;
                entry.digest = Some(part.digest);
                entry.bytes = part.bytes;
                entry.executable = executable;
            }
            Found::EmptyFolder => {}
            Found::Link(target) => entry.link = Some(target),
        }
        entries.push(entry);
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut text = MANIFEST.to_vec();
    for entry in &entries {
        serde_json::to_writer(&mut text, entry)
            .map_err(|error| DataError::Unsupported(error.to_string()))?;
        text.push(b'\n');
    }
    Ok(text)
}

/// What a walk comes by.
enum Found {
    File { executable: bool },
    EmptyFolder,
    Link(String),
}

type Visit<'a> = dyn FnMut(&Path, String, Found) -> Result<(), DataError> + 'a;

/// Why an entry cannot be part of a folder.
fn refuse(path: &Path, found: &str) -> DataError {
    DataError::Format {
        path: path.to_owned(),
        expected: "part of a folder",
        found: found.into(),
        hint: "put only files, folders and relative links between them there, with UTF-8 names"
            .into(),
    }
}

/// Where a link leads, when that is within the folder and there.
fn inner_link(root: &Path, path: &Path, relative: &str) -> Result<String, DataError> {
    let target = fs::read_link(path).map_err(DataError::io("read", path))?;
    let shown = target.display();
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

/// Whether a link at `path` never leaves the folder on its way to `target`.
fn stays_inside(path: &str, target: &str) -> bool {
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

/// Visits every file, every link and every empty folder below `folder`.
fn walk(root: &Path, folder: &Path, depth: usize, visit: &mut Visit<'_>) -> Result<(), DataError> {
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
        return visit(folder, relative(folder)?, Found::EmptyFolder);
    }
    for path in paths {
        let found = fs::symlink_metadata(&path).map_err(DataError::io("read", &path))?;
        if found.is_dir() {
            walk(root, &path, depth + 1, visit)?;
        } else if found.is_file() {
            let executable = found.permissions().mode() & 0o111 != 0;
            visit(&path, relative(&path)?, Found::File { executable })?;
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
        let link = entry.link.as_deref();
        let leads_out = link.is_some_and(|target| !stays_inside(&entry.path, target));
        if !inside || leads_out || entry.path.is_empty() {
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

/// Makes a folder again; `place` puts each file at its path.
pub(crate) fn unpack_with(
    store: &Store,
    manifest: &PartRef,
    target: &Path,
    place: &dyn Fn(&Path, &Path, bool) -> Result<(), DataError>,
) -> Result<(), DataError> {
    fs::create_dir_all(target).map_err(DataError::io("create folder", target))?;
    let mut links = Vec::new();
    for entry in entries(store, manifest)? {
        let path = target.join(&entry.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(DataError::io("create folder", parent))?;
        }
        if let Some(link) = entry.link {
            links.push((link, path));
            continue;
        }
        let Some(digest) = entry.digest else {
            fs::create_dir_all(&path).map_err(DataError::io("create folder", &path))?;
            continue;
        };
        let part = PartRef {
            digest,
            bytes: entry.bytes,
            rows: 0,
        };
        store.fetch_part(&part)?;
        place(&store.part_path(&digest), &path, entry.executable)?;
    }
    // Last, so that nothing is written through one.
    for (link, path) in links {
        std::os::unix::fs::symlink(link, &path).map_err(DataError::io("link", &path))?;
    }
    Ok(())
}
