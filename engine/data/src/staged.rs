//! Digests of what is staged beside a command: a file's bytes, or a folder's whole tree.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sunward_core::{Digest, Hasher};

/// How much of a file is read at once.
const CHUNK_BYTES: usize = 256 << 10;
/// Folders nested deeper are a mistake, or a loop of links.
const DEPTH: u32 = 64;

/// The digest of a file or folder, names and executable bits included, times and owners not.
///
/// # Errors
/// When something in it cannot be read.
pub fn staged_digest(path: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::new("staged");
    add(path, "", &mut hasher, DEPTH)?;
    Ok(hasher.finish())
}

fn add(path: &Path, name: &str, hasher: &mut Hasher, depth: u32) -> io::Result<()> {
    let meta = fs::metadata(path)?;
    if !meta.is_dir() {
        let executable = meta.permissions().mode() & 0o111 != 0;
        hasher
            .field(if executable { "program" } else { "file" }, name.as_bytes())
            .field("bytes", &content(path)?);
        return Ok(());
    }
    if depth == 0 {
        return Err(io::Error::other(format!(
            "{} is nested deeper than {DEPTH} folders; does a link in it lead back?",
            path.display()
        )));
    }
    hasher.field("folder", name.as_bytes());
    let mut names = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    for child in names {
        let inner = format!("{name}/{}", child.to_string_lossy());
        add(&path.join(&child), &inner, hasher, depth - 1)?;
    }
    Ok(())
}

fn content(path: &Path) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let mut file = sunward_files::open_regular(path)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(*hasher.finalize().as_bytes());
        }
        hasher.update(chunk.get(..read).unwrap_or_default());
    }
}

/// Folders of the system: what lies there comes with the machine, and is passed on by its path.
const SYSTEM: &[&str] = &[
    "/bin", "/dev", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr",
];

/// What a text of a value names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedFile {
    /// Nothing, or what comes with the machine: the text is passed on as it is.
    Nothing,
    /// A folder with the workflow or its state in it, which changes with every run.
    HoldsTheRun,
    /// A file or folder with this digest.
    Digest(Digest),
}

impl NamedFile {
    /// Looks at a path. `kept` are the folders of the workflow and its state.
    ///
    /// # Errors
    /// When something is there and cannot be read.
    pub fn at(path: &Path, kept: &[&Path]) -> io::Result<Self> {
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
        staged_digest(path).map(Self::Digest)
    }
}

/// Whether `inner` is `outer` or lies in it.
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
