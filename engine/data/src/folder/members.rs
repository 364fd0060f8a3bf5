//! The files of a stored folder as a dataset of files.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path};

use sunward_core::{Dataset, DatasetKind, Digest, FileRows, Hasher, PartRef};

use super::list::{List, Listed};
use super::unpack::{OpenPack, part_of};
use crate::error::DataError;
use crate::incoming::Incoming;
use crate::materialise::only_part;
use crate::store::Store;

/// The most links that are followed to a file.
const MOST_LINKS: usize = 40;

impl Store {
    /// The files that are directly in a stored folder, as `*` matches them in a user's folder: hidden
    /// ones and folders are left out, and links count as the file that they lead to.
    ///
    /// # Errors
    ///
    /// Fails if it is not one folder, or a part is missing or damaged.
    pub fn files_of_folder(&self, folder: &Dataset) -> Result<Dataset, DataError> {
        let manifest = only_part(folder)?;
        let key = Hasher::new("files of folder")
            .field("folder", &manifest.digest.0)
            .finish();
        if let Some(known) = self.recall(&key) {
            return Ok(known);
        }
        self.fetch_part(manifest)?;
        let list = List::read(self, manifest)?;
        let mut pack = OpenPack::default();
        let (mut names, mut parts) = (Vec::new(), Vec::new());
        for entry in &list.entries {
            let name = &entry.path;
            if name.contains('/') || name.starts_with('.') {
                continue;
            }
            let Some((file, digest)) = file_behind(&list, entry) else {
                continue;
            };
            self.go_on()?;
            names.push(name.clone());
            parts.push(self.part_of_member(&list, (file, digest), &mut pack)?);
        }
        let files = FileRows {
            folders: vec![String::new(); names.len()],
            names,
            ..FileRows::default()
        };
        let dataset = Dataset::of_files(DatasetKind::File, parts, files);
        self.remember(&key, &dataset);
        Ok(dataset)
    }

    /// A file of a folder as a part of its own.
    fn part_of_member(
        &self,
        list: &List,
        (file, digest): (&Listed, Digest),
        pack: &mut OpenPack,
    ) -> Result<PartRef, DataError> {
        let held = part_of(list, file);
        if let (Some(part), None) = (held, file.at) {
            return Ok(*part);
        }
        if let Some(part) = held {
            self.fetch_part(part)?;
        }
        let bytes = pack.bytes(self, list, file)?;
        let incoming = Incoming::create(&self.incoming_folder())?;
        let path = incoming.path().to_owned();
        incoming
            .handle()?
            .write_all(bytes)
            .map_err(DataError::io("write", &path))?;
        if file.executable {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                .map_err(DataError::io("set permissions of", &path))?;
        }
        let part = PartRef {
            digest,
            bytes: file.bytes,
            rows: 0,
        };
        self.commit(incoming, &digest)?;
        Ok(part)
    }
}

/// The file that an entry is or leads to, with its digest.
fn file_behind<'l>(list: &'l List, entry: &'l Listed) -> Option<(&'l Listed, Digest)> {
    let mut at = entry;
    for _ in 0..MOST_LINKS {
        if let Some(digest) = at.digest {
            return Some((at, digest));
        }
        let path = target(&at.path, at.link.as_deref()?)?;
        at = list.entries.iter().find(|entry| entry.path == path)?;
    }
    None
}

/// The path in the folder to which a link leads.
fn target(link: &str, to: &str) -> Option<String> {
    let mut steps: Vec<&str> = link.split('/').collect();
    steps.pop();
    for step in Path::new(to).components() {
        match step {
            Component::Normal(name) => steps.push(name.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => drop(steps.pop()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(steps.join("/"))
}
