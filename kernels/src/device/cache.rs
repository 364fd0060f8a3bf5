//! The cache of compiled kernels on disk, keyed by everything that determines them.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::DeviceError;

/// A folder of compiled kernels. It may be deleted at any time.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// A cache in this folder, which is created when first needed.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The user's cache: `$XDG_CACHE_HOME/sunward/kernels`, or in `~/.cache`; without a home, a
    /// private folder among the temporary ones.
    #[must_use]
    pub fn of_user() -> Self {
        let absolute = |name: &str| {
            let path = PathBuf::from(std::env::var_os(name)?);
            path.is_absolute().then_some(path)
        };
        let base = absolute("XDG_CACHE_HOME")
            .or_else(|| Some(absolute("HOME")?.join(".cache")))
            .unwrap_or_else(std::env::temp_dir);
        Self::at(base.join("sunward/kernels"))
    }

    /// The path of the entry with this key, if it exists.
    pub(super) fn get(&self, key: &Key, ending: &str) -> Option<PathBuf> {
        let path = self.path(key, ending);
        path.is_file().then_some(path)
    }

    /// Stores what `make` writes into the file that it is given. Two processes may do this at once:
    /// each moves a whole file into place, and both files are valid.
    pub(super) fn put(
        &self,
        key: &Key,
        ending: &str,
        make: impl FnOnce(&Path) -> Result<(), DeviceError>,
    ) -> Result<PathBuf, DeviceError> {
        let refused = |error: std::io::Error| self.refused(&error);
        self.open()?;
        let unfinished = tempfile::Builder::new()
            .prefix("making-")
            .suffix(ending)
            .tempfile_in(&self.folder)
            .map_err(refused)?
            .into_temp_path();
        make(&unfinished)?;
        let path = self.path(key, ending);
        unfinished
            .persist(&path)
            .map_err(|error| self.refused(&error.error))?;
        Ok(path)
    }

    /// A folder for a compiler's inputs, which is deleted with the return value.
    pub(super) fn workplace(&self) -> Result<tempfile::TempDir, DeviceError> {
        self.open()?;
        tempfile::Builder::new()
            .prefix("making-")
            .tempdir_in(&self.folder)
            .map_err(|error| self.refused(&error))
    }

    /// Writes a file atomically.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), DeviceError> {
        std::fs::File::create(path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|error| self.refused(&error))
    }

    fn open(&self) -> Result<(), DeviceError> {
        // Only its owner may write here, because the content is executed.
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|error| self.refused(&error))
    }

    fn path(&self, key: &Key, ending: &str) -> PathBuf {
        self.folder.join(format!("{}{ending}", key.0))
    }

    fn refused(&self, error: &std::io::Error) -> DeviceError {
        DeviceError::Cache {
            folder: sunward_files::shown(&self.folder),
            reason: error.to_string(),
        }
    }
}

/// The key of a compiled kernel.
pub(super) struct Key(blake3::Hash);

impl Key {
    /// The key of everything that determines a compiler's result. Parts are delimited from each
    /// other.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize())
    }
}
