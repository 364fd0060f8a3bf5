//! Digests and copies of the files and folders that are staged for a command.

use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sunward_core::{Dataset, DatasetKind, Digest, Hasher};
use sunward_files::irregular;

use crate::memory::{FileMemory, FileStamp};
use crate::mode::is_executable;

/// The bytes of one read.
const CHUNK_BYTES: usize = 256 << 10;
/// The least size, in bytes, of a file whose digest is remembered. Reading a smaller file is faster
/// than looking up its record.
const REMEMBERED_FROM: u64 = 1 << 20;
/// The deepest nesting of folders. Deeper folders are a mistake, or a loop of links.
const DEPTH: u32 = 64;

/// The digest of a file or folder. It covers names and executable bits, but not times and owners.
///
/// # Errors
///
/// Fails if a file or folder cannot be read.
pub fn staged_digest(path: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::new("staged");
    add(path, b"", &mut hasher, DEPTH)?;
    Ok(hasher.finish())
}

/// The [`staged_digest`] of a file whose bytes have this digest.
pub(crate) fn digest_of_file(bytes: &Digest, executable: bool) -> Digest {
    let mut hasher = Hasher::new("staged");
    add_file(b"", executable, &bytes.0, &mut hasher);
    hasher.finish()
}

fn add_file(name: &[u8], executable: bool, bytes: &[u8], hasher: &mut Hasher) {
    hasher
        .field(if executable { "program" } else { "file" }, name)
        .field("bytes", bytes);
}

/// Copies a file or folder. The copied files are read-only. Symbolic links are followed, because a
/// task must not depend on their later targets.
///
/// # Errors
///
/// Fails if something cannot be read or written, or is neither file nor folder.
pub fn copy_tree(source: &Path, target: &Path) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    let meta = fs::metadata(source)?;
    if meta.is_dir() {
        fs::create_dir_all(target)?;
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            copy_tree(&entry.path(), &target.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if let Some(what) = irregular(meta.file_type()) {
        return Err(io::Error::other(format!(
            "{} is {what}; expected a file",
            sunward_files::shown(source)
        )));
    }
    fs::copy(source, target)?;
    let mode = meta.permissions().mode() & 0o555;
    fs::set_permissions(target, fs::Permissions::from_mode(mode))
}

fn add(path: &Path, name: &[u8], hasher: &mut Hasher, depth: u32) -> io::Result<()> {
    let meta = fs::metadata(path)?;
    if !meta.is_dir() {
        add_file(name, is_executable(&meta), &content(path)?, hasher);
        return Ok(());
    }
    if depth == 0 {
        return Err(io::Error::other(format!(
            "{} is nested deeper than {DEPTH} folders; is there a link in it that leads back?",
            sunward_files::shown(path)
        )));
    }
    hasher.field("folder", name);
    let mut names = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    for child in names {
        // The bytes themselves: two names that are not UTF-8 may look alike.
        let inner = [name, b"/", child.as_bytes()].concat();
        add(&path.join(&child), &inner, hasher, depth - 1)?;
    }
    Ok(())
}

/// The digest of a file's bytes. They are read and not mapped, because a task that is still running
/// may truncate the file meanwhile.
pub(crate) fn content(path: &Path) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let mut file = sunward_files::open_regular(path)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = match file.read(&mut chunk) {
            Ok(0) => return Ok(*hasher.finalize().as_bytes()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(chunk.get(..read).unwrap_or_default());
    }
}

/// System folders. Their content belongs to the machine, so paths in them are passed on unchanged.
const SYSTEM: &[&str] = &[
    "/bin", "/dev", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr",
];

/// What the text of a value names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedFile {
    /// Nothing, or a file in a system folder. The text is passed on unchanged.
    Nothing,
    /// A folder that contains the workflow or its state, which changes with every run.
    HoldsTheRun,
    /// A file or folder with this digest.
    Digest(Digest),
}

impl NamedFile {
    /// Examines a path. `kept` are the folders of the workflow and its state. A large, unchanged
    /// file is not read again.
    ///
    /// # Errors
    ///
    /// Fails if the path exists and cannot be read.
    pub fn at(path: &Path, kept: &[&Path], memory: &dyn FileMemory) -> io::Result<Self> {
        let is_of_the_system = SYSTEM.iter().any(|system| path.starts_with(system));
        let Ok(found) = fs::metadata(path) else {
            return Ok(Self::Nothing);
        };
        if is_of_the_system {
            return Ok(Self::Nothing);
        }
        if found.is_dir() && kept.iter().any(|inner| holds(path, inner)) {
            return Ok(Self::HoldsTheRun);
        }
        remembered_digest(path, memory).map(Self::Digest)
    }
}

/// Like [`staged_digest`], but reads a large, unchanged file only once.
///
/// # Errors
///
/// Fails in the same cases as [`staged_digest`].
pub fn remembered_digest(path: &Path, memory: &dyn FileMemory) -> io::Result<Digest> {
    let stamp = || FileStamp::of(path, Hasher::new("staged file").finish()).ok();
    let found = fs::metadata(path)?;
    let worthwhile = found.is_file() && found.len() >= REMEMBERED_FROM;
    let Some(before) = worthwhile.then(stamp).flatten() else {
        return staged_digest(path);
    };
    if let Some(known) = memory.get(&before) {
        return Ok(known.content);
    }
    // This is decided before reading. Otherwise a change that the times do not show yet would be
    // missed.
    let is_settled = before.is_settled();
    let content = staged_digest(path)?;
    if is_settled && stamp() == Some(before) {
        let dataset = Dataset {
            kind: DatasetKind::File,
            content,
            ..Dataset::default()
        };
        memory.put(&before, &dataset);
    }
    Ok(content)
}

/// Whether `inner` is `outer` or inside it.
fn holds(outer: &Path, inner: &Path) -> bool {
    let full = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    full(inner).starts_with(full(outer))
}

#[cfg(test)]
mod tests {
    use super::staged_digest;

    #[test]
    fn a_folder_is_its_names_and_bytes_wherever_it_lies() {
        let one = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        for root in [one.path(), other.path()] {
            std::fs::create_dir(root.join("lib")).unwrap();
            std::fs::write(root.join("lib/a.py"), "a").unwrap();
        }
        assert_eq!(
            staged_digest(one.path()).unwrap(),
            staged_digest(other.path()).unwrap()
        );
        std::fs::write(other.path().join("lib/a.py"), "b").unwrap();
        assert_ne!(
            staged_digest(one.path()).unwrap(),
            staged_digest(other.path()).unwrap()
        );
    }
}
