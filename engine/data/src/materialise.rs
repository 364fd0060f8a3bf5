//! Datasets as paths for commands: joined once, kept, and not copied where that can be helped.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use sunward_core::{Dataset, DatasetKind, Digest, Hasher, PartRef};
use sunward_workflows::Form;

use crate::encode;
use crate::error::DataError;
use crate::folder;
use crate::incoming::{Incoming, fresh_path};
use crate::store::Store;

/// How a command wants a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// In which form a table is.
    pub form: Form,
    /// Only these columns, in this order; empty = all. (A dataset that went through
    /// [`Store::select`] needs none.)
    pub columns: Vec<String>,
    /// Only these rows.
    pub rows: Option<Range<u64>>,
    /// Suffix without the dot, for what is no table.
    pub ext: Option<String>,
}

impl Store {
    /// One path that holds the dataset in the form wanted: a file; a folder for a folder and for
    /// several files (`000000.ext` … in task order). It is read-only, shared by all who want the
    /// same, and stays until the cache is pruned. A table of one Arrow part is that part itself.
    ///
    /// # Errors
    /// When a part is missing or damaged, or the form cannot hold the table.
    pub fn materialise(&self, dataset: &Dataset, wanted: &Wanted) -> Result<PathBuf, DataError> {
        self.fetch(dataset)?;
        match dataset.kind {
            DatasetKind::Table => self.joined_table(dataset, wanted),
            DatasetKind::File => self.joined_files(dataset, wanted.ext.as_deref()),
            DatasetKind::Dir => self.joined_folders(dataset),
        }
    }

    /// A path for each part, without copying any: Arrow files, or blobs with the suffix `ext`.
    ///
    /// # Errors
    /// When a part is missing.
    pub fn part_files(
        &self,
        dataset: &Dataset,
        ext: Option<&str>,
    ) -> Result<Vec<PathBuf>, DataError> {
        self.fetch(dataset)?;
        let ext = match dataset.kind {
            DatasetKind::Table => Some("arrow"),
            DatasetKind::File => ext,
            DatasetKind::Dir => {
                let folders = dataset.parts.iter().map(|part| self.unpacked(part));
                return folders.collect();
            }
        };
        let link = |part: &PartRef| self.linked_part(&part.digest, ext);
        dataset.parts.iter().map(link).collect()
    }

    fn joined_table(&self, dataset: &Dataset, wanted: &Wanted) -> Result<PathBuf, DataError> {
        let whole = wanted.columns.is_empty()
            && wanted
                .rows
                .as_ref()
                .is_none_or(|rows| rows.start == 0 && rows.end >= dataset.rows);
        let form = match wanted.form {
            Form::File => Form::Arrow,
            other => other,
        };
        if let ([part], true, Form::Arrow) = (dataset.parts.as_slice(), whole, form) {
            return self.linked_part(&part.digest, Some("arrow"));
        }
        let written = dataset.written_as(form).unwrap_or_default();
        if let ([only], true) = (written, whole) {
            return self.linked_part(&only.digest, Some(encode::suffix(form)));
        }
        let mut hasher = Hasher::new("joined table");
        hasher.field("form", encode::suffix(form).as_bytes());
        for part in &dataset.parts {
            hasher.field("part", &part.digest.0);
        }
        for file in written {
            hasher.field("written", &file.digest.0);
        }
        for column in &wanted.columns {
            hasher.field("column", column.as_bytes());
        }
        if let (Some(rows), false) = (&wanted.rows, whole) {
            hasher.field("from", &rows.start.to_le_bytes());
            hasher.field("until", &rows.end.to_le_bytes());
        }
        let name = format!("{}.{}", hasher.finish().to_hex(), encode::suffix(form));
        let target = self.folder("joined").join(name);
        if target.exists() {
            return Ok(target);
        }
        let incoming = Incoming::create(&self.incoming_folder())?;
        let path = incoming.path().to_owned();
        let file = incoming.handle()?;
        if form == Form::Csv && !written.is_empty() {
            self.write_text(written, &wanted.columns, wanted.rows.clone(), file, &path)?;
        } else {
            let dataset = if wanted.columns.is_empty() {
                dataset
            } else {
                &self.select(dataset, &wanted.columns)?
            };
            let table = self.table(dataset)?;
            let batches = table.batches(wanted.rows.clone());
            encode::write(form, table.schema(), batches, file, &path)?;
        }
        protect(&path)?;
        incoming.rename(&target)?;
        Ok(target)
    }

    fn joined_files(&self, dataset: &Dataset, ext: Option<&str>) -> Result<PathBuf, DataError> {
        if let [only] = dataset.parts.as_slice() {
            return self.linked_part(&only.digest, ext);
        }
        let key = self.folder_key("joined files", dataset, ext);
        self.folder_once(&key, |folder| {
            for (index, part) in dataset.parts.iter().enumerate() {
                let dot = ext.map_or(String::new(), |ext| format!(".{ext}"));
                let name = folder.join(format!("{index:06}{dot}"));
                link(&self.part_path(&part.digest), &name)?;
            }
            Ok(())
        })
    }

    fn joined_folders(&self, dataset: &Dataset) -> Result<PathBuf, DataError> {
        if let [only] = dataset.parts.as_slice() {
            return self.unpacked(only);
        }
        let key = self.folder_key("joined folders", dataset, None);
        self.folder_once(&key, |folder| {
            for (index, part) in dataset.parts.iter().enumerate() {
                folder::unpack(self, part, &folder.join(format!("{index:06}")))?;
            }
            Ok(())
        })
    }

    fn unpacked(&self, manifest: &PartRef) -> Result<PathBuf, DataError> {
        self.folder_once(&manifest.digest.to_hex(), |folder| {
            folder::unpack(self, manifest, folder)
        })
    }

    fn folder_key(&self, purpose: &str, dataset: &Dataset, ext: Option<&str>) -> String {
        let mut hasher = Hasher::new(purpose);
        for part in &dataset.parts {
            hasher.field("part", &part.digest.0);
        }
        hasher.field("ext", ext.unwrap_or_default().as_bytes());
        hasher.finish().to_hex()
    }

    /// A folder below `joined/` that is filled once; who comes second finds it.
    fn folder_once(
        &self,
        name: &str,
        fill: impl FnOnce(&Path) -> Result<(), DataError>,
    ) -> Result<PathBuf, DataError> {
        let target = self.folder("joined").join(name);
        if target.exists() {
            return Ok(target);
        }
        let temporary = fresh_path(&self.incoming_folder(), "-folder");
        fs::create_dir_all(&temporary).map_err(DataError::io("create folder", &temporary))?;
        let filled = fill(&temporary).and_then(|()| match fs::rename(&temporary, &target) {
            Err(error) if !target.exists() => Err(DataError::io("rename", &temporary)(error)),
            _ => Ok(()),
        });
        if temporary.exists() {
            let _ = fs::remove_dir_all(&temporary);
        }
        filled.map(|()| target)
    }

    /// The part under a name with a suffix, which tools look at; the same bytes on disk.
    fn linked_part(&self, digest: &Digest, ext: Option<&str>) -> Result<PathBuf, DataError> {
        let part = self.part_path(digest);
        let Some(ext) = ext else {
            return Ok(part);
        };
        let name = format!("{}.{ext}", digest.to_hex());
        let target = self.folder("joined").join(name);
        link(&part, &target)?;
        Ok(target)
    }
}

/// A second name for a file; where the file system has none, a symbolic link.
pub(crate) fn link(from: &Path, to: &Path) -> Result<(), DataError> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => match std::os::unix::fs::symlink(from, to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(DataError::io("link", to)(error))
            }
            _ => Ok(()),
        },
    }
}

fn protect(path: &Path) -> Result<(), DataError> {
    let mut permissions = fs::metadata(path)
        .map_err(DataError::io("read", path))?
        .permissions();
    permissions.set_readonly(true);
    fs::set_permissions(path, permissions).map_err(DataError::io("protect", path))
}
