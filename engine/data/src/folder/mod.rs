//! Stored folders. A folder is stored as a list of its files, and parts that hold their bytes.

mod list;
mod members;
mod pack;
mod unpack;
mod walk;

use std::fs::Metadata;
use std::path::Path;

use sunward_core::{Dataset, DatasetKind, Digest, Hasher, PartRef};

use crate::blob::no_file;
use crate::error::DataError;
use crate::file_bytes::digest_of;
use crate::halt::Halt;
use crate::mode::{is_executable, mend};
use crate::store::{Durable, Store};
pub(crate) use list::{HEADER, members};
use list::{List, Listed};
use pack::{Packs, Place, SMALL_BYTES};
pub(crate) use unpack::{unpack, unpack_copy, unpack_private};
pub(crate) use walk::mend_folders;
use walk::{Entry, Found, walk};

impl Store {
    /// Copies a user's folder into the store.
    ///
    /// # Errors
    ///
    /// Fails if something in it cannot be read, or is neither file nor folder.
    pub fn folder_blob(&self, path: &Path) -> Result<Dataset, DataError> {
        self.keep_folder(path, false, &|file, _| self.copy_in(file, Durable::Later))
    }

    /// Returns the bytes of a dataset as a user counts them. A folder counts the bytes of its
    /// files, not of the list that is stored for it. A list that cannot be read counts its own
    /// bytes.
    #[must_use]
    pub fn content_bytes(&self, dataset: &Dataset) -> u64 {
        let of_folder = |manifest: &PartRef| {
            List::read(self, manifest).map_or(manifest.bytes, |list| {
                list.entries.iter().map(|entry| entry.bytes).sum()
            })
        };
        match dataset.kind {
            DatasetKind::Dir | DatasetKind::Dirs => dataset.parts.iter().map(of_folder).sum(),
            DatasetKind::Table | DatasetKind::File | DatasetKind::Files => dataset.bytes(),
        }
    }

    /// Stores a folder that a command wrote. Its larger files are moved into the store.
    pub(crate) fn adopt_folder(&self, path: &Path) -> Result<Dataset, DataError> {
        mend_folders(path, 0)?;
        self.keep_folder(path, true, &|file, found| {
            mend(file, found)?;
            self.move_in(file, Durable::Later)
        })
    }

    /// Stores a folder, which is a command's output or belongs to a user. `take` stores files that
    /// are too large to be packed; they become durable later.
    fn keep_folder(
        &self,
        folder: &Path,
        is_output: bool,
        take: &dyn Fn(&Path, &Metadata) -> Result<PartRef, DataError>,
    ) -> Result<Dataset, DataError> {
        let mut packs = Packs::new(self);
        let mut taken = false;
        let mut entries = Vec::new();
        // The whole folder is walked before any file is moved, because the target of a symbolic
        // link may be moved.
        for entry in walk(folder, &|| self.go_on())? {
            self.go_on()?;
            let listed = listed(entry, &mut |path, found| {
                if let Some((digest, bytes)) = small(path, found, is_output)? {
                    let place = if bytes.is_empty() {
                        None
                    } else {
                        Some(packs.add_bytes(digest, &bytes)?)
                    };
                    return Ok((digest, byte_count(&bytes), place));
                }
                taken = true;
                let part = take(path, found)?;
                Ok((part.digest, part.bytes, Some(packs.add_part(part))))
            })?;
            entries.push(listed);
        }
        let parts = packs.finish()?;
        if taken {
            self.sync_all()?;
        }
        let list = List { parts, entries };
        let manifest = self.put_bytes(&list.text()?)?;
        Ok(Dataset {
            written: None,
            files: None,
            kind: DatasetKind::Dir,
            content: list.content(),
            rows: 0,
            parts: vec![manifest],
        })
    }
}

/// A stored file: its digest, its size in bytes, and the location of its bytes.
type Kept = (Digest, u64, Option<Place>);

fn listed(
    entry: Entry,
    keep: &mut dyn FnMut(&Path, &Metadata) -> Result<Kept, DataError>,
) -> Result<Listed, DataError> {
    let mut listed = Listed {
        path: entry.relative,
        digest: None,
        bytes: 0,
        executable: false,
        link: None,
        part: None,
        at: None,
    };
    match entry.found {
        Found::File(found) => {
            let (digest, bytes, place) = keep(&entry.path, &found)?;
            listed.digest = Some(digest);
            listed.bytes = bytes;
            listed.executable = is_executable(&found);
            listed.part = place.map(|(part, _)| part);
            listed.at = place.and_then(|(_, at)| at);
        }
        Found::EmptyFolder => {}
        Found::Link(target) => listed.link = Some(target),
    }
    Ok(listed)
}

/// Reads a small file. Returns `None` for a larger one.
fn small(
    path: &Path,
    found: &Metadata,
    is_output: bool,
) -> Result<Option<(Digest, Vec<u8>)>, DataError> {
    if found.len() > SMALL_BYTES {
        return Ok(None);
    }
    if is_output && found.len() == 0 {
        return Ok(Some((Digest::of(&[]), Vec::new())));
    }
    if is_output {
        mend(path, found)?;
    }
    let read = sunward_files::read_regular(path, SMALL_BYTES);
    match read {
        Ok(bytes) => Ok(Some((Digest::of(&bytes), bytes))),
        // The file has grown since it was examined.
        Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => Ok(None),
        Err(error) => Err(DataError::io("read", path)(error)),
    }
}

fn byte_count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The digest of a file's bytes and executable bit, or of a folder's files with their names and
/// executable bits. Nothing is stored. For a folder, it equals the content digest of the stored
/// folder.
///
/// # Errors
///
/// Fails if something cannot be read, or is neither file nor folder.
pub fn path_digest(path: &Path) -> Result<Digest, DataError> {
    let found = std::fs::metadata(path).map_err(DataError::io("read", path))?;
    if found.is_dir() {
        let mut entries = Vec::new();
        for entry in walk(path, &|| Ok(()))? {
            entries.push(listed(entry, &mut |path, _| {
                let (digest, bytes) = digest_of(path, &Halt::default())?;
                Ok((digest, bytes, None))
            })?);
        }
        let parts = Vec::new();
        return Ok(List { parts, entries }.content());
    }
    if !found.is_file() {
        return Err(no_file(path));
    }
    let executable = u8::from(is_executable(&found));
    Ok(Hasher::new("file")
        .field("digest", &digest_of(path, &Halt::default())?.0.0)
        .field("executable", &[executable])
        .finish())
}
