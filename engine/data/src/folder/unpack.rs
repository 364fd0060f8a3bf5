//! Restores a stored folder as files.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use arrow::buffer::Buffer;
use sunward_core::PartRef;
use sunward_files::private;

use super::list::{List, Listed};
use crate::blob::{copy_writable, link};
use crate::error::DataError;
use crate::part::map;
use crate::store::Store;

/// The bytes of one file of a folder.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Member<'a> {
    /// The whole of a part of the store.
    Part(&'a PartRef),
    /// A range of a part.
    Bytes(&'a [u8]),
}

impl Member<'_> {
    /// Writes bytes to a new file with this mode.
    fn write(bytes: &[u8], path: &Path, mode: u32) -> Result<(), DataError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path);
        let mut file = file.map_err(DataError::io("create", path))?;
        file.write_all(bytes).map_err(DataError::io("write", path))
    }

    /// Creates a read-only file at `path`. If the file is a whole part, `place` creates it.
    pub(crate) fn place_with(
        self,
        path: &Path,
        executable: bool,
        place: impl FnOnce(&PartRef) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        match self {
            Self::Part(part) => place(part),
            Self::Bytes(bytes) => Self::write(bytes, path, if executable { 0o555 } else { 0o444 }),
        }
    }
}

/// Restores a folder for commands to read. Files that are whole parts are linked, unless they are
/// executable. Other files are copied.
pub(crate) fn unpack(store: &Store, manifest: &PartRef, target: &Path) -> Result<(), DataError> {
    unpack_private(store, manifest, target, &mut |member, path, executable| {
        member.place_with(path, executable, |part| {
            let part = store.part_path(&part.digest);
            if !executable {
                return link(&part, path);
            }
            // A link would share the part's permissions.
            copy_writable(&part, path, true)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o555))
                .map_err(DataError::io("protect", path))
        })
    })
}

/// Restores a folder for a user. All files are copied and writable.
pub(crate) fn unpack_copy(
    store: &Store,
    manifest: &PartRef,
    target: &Path,
) -> Result<(), DataError> {
    unpack_with(
        store,
        manifest,
        target,
        |folder| fs::create_dir_all(folder),
        &mut |member, path, executable| match member {
            Member::Part(part) => copy_writable(&store.part_path(&part.digest), path, executable),
            Member::Bytes(bytes) => {
                Member::write(bytes, path, if executable { 0o755 } else { 0o644 })
            }
        },
    )
}

/// Creates a file at a path. The last argument says whether it is executable.
type Put<'a> = dyn FnMut(Member<'_>, &Path, bool) -> Result<(), DataError> + 'a;

/// Restores a folder in the home. `put` creates each file.
pub(crate) fn unpack_private(
    store: &Store,
    manifest: &PartRef,
    target: &Path,
    put: &mut Put<'_>,
) -> Result<(), DataError> {
    unpack_with(store, manifest, target, private::create_folders, put)
}

/// Restores a folder. `make` creates each folder with those above it, and `put` each file.
fn unpack_with(
    store: &Store,
    manifest: &PartRef,
    target: &Path,
    make: fn(&Path) -> io::Result<()>,
    put: &mut Put<'_>,
) -> Result<(), DataError> {
    let make = |path: &Path| make(path).map_err(DataError::io("create folder", path));
    let list = List::read(store, manifest)?;
    for part in &list.parts {
        store.fetch_part(part)?;
    }
    make(target)?;
    let mut pack = OpenPack::default();
    let mut links = Vec::new();
    let mut last_parent = target.to_owned();
    for entry in &list.entries {
        store.go_on()?;
        let path = target.join(&entry.path);
        if let Some(parent) = path.parent()
            && parent != last_parent
        {
            make(parent)?;
            parent.clone_into(&mut last_parent);
        }
        if let Some(link) = &entry.link {
            links.push((link, path));
        } else if entry.digest.is_none() {
            make(&path)?;
        } else if let (Some(part), None) = (part_of(&list, entry), entry.at) {
            put(Member::Part(part), &path, entry.executable)?;
        } else {
            let bytes = pack.bytes(store, &list, entry)?;
            put(Member::Bytes(bytes), &path, entry.executable)?;
        }
    }
    // Symbolic links are created last, so that no file is written through one.
    for (link, path) in links {
        symlink(link, &path).map_err(DataError::io("link", &path))?;
    }
    Ok(())
}

pub(super) fn part_of<'a>(list: &'a List, entry: &Listed) -> Option<&'a PartRef> {
    entry.part.and_then(|number| list.parts.get(number))
}

/// The part of small files that was mapped last.
#[derive(Default)]
pub(super) struct OpenPack {
    number: Option<usize>,
    bytes: Buffer,
}

impl OpenPack {
    /// The bytes of an entry that is empty or packed.
    pub(super) fn bytes(
        &mut self,
        store: &Store,
        list: &List,
        entry: &Listed,
    ) -> Result<&[u8], DataError> {
        let Some(part) = part_of(list, entry) else {
            return Ok(&[]);
        };
        let path = store.part_path(&part.digest);
        if self.number != entry.part {
            self.bytes = map(&path)?;
            self.number = entry.part;
        }
        let place = |number: u64| usize::try_from(number).ok();
        let from = entry.at.and_then(place);
        let to = from
            .zip(place(entry.bytes))
            .and_then(|(from, n)| from.checked_add(n));
        let range = from.zip(to).map(|(from, to)| from..to);
        let bytes = range.and_then(|range| self.bytes.get(range));
        bytes.ok_or_else(|| DataError::Damaged {
            path,
            why: format!("it is too short for {}", entry.path),
        })
    }
}
