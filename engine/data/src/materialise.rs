//! Datasets as paths for commands. A dataset is joined once and kept, and is not copied if
//! possible.

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sunward_core::{Dataset, DatasetKind, Digest, FileRows, Hasher, PartRef};
use sunward_files::private;
use sunward_workflows::Form;

use crate::blob::link;
use crate::encode;
use crate::error::DataError;
use crate::folder;
use crate::incoming::{Incoming, fresh_path};
use crate::store::Store;

/// The form in which a command needs a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The form of a table.
    pub form: Form,
    /// The selected columns, in this order. Empty means all, as for a dataset from
    /// [`Store::select`].
    pub columns: Vec<String>,
    /// The selected rows. `None` means all.
    pub rows: Option<Range<u64>>,
    /// The suffix of files that are not tables, without the dot.
    pub ext: Option<String>,
}

/// What a joined file or folder is made from, so that it can be made again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    pub(crate) dataset: Dataset,
    pub(crate) wanted: Wanted,
}

/// The location of a dataset in the requested form.
enum Place {
    /// A part, under a name with this suffix.
    Part(Digest, Option<String>),
    /// A file or folder of this name below `joined/`, made once.
    Joined(String),
}

impl Store {
    /// Returns a path at which the dataset is in the requested form. It is a folder for a folder
    /// and for gathered files (`000000.ext` … in task order), else a file. It is read-only and
    /// shared by all equal requests, and it stays until the cache is pruned. For a table of one
    /// Arrow part, it is that part itself.
    ///
    /// # Errors
    ///
    /// Fails if a part is missing or damaged, or the form cannot hold the table.
    pub fn materialise(&self, dataset: &Dataset, wanted: &Wanted) -> Result<PathBuf, DataError> {
        self.fetch(dataset)?;
        match place(dataset, wanted)? {
            Place::Part(digest, ext) => self.linked_part(&digest, ext.as_deref()),
            Place::Joined(name) => self.made_once(&name, || Recipe {
                dataset: dataset.clone(),
                wanted: wanted.clone(),
            }),
        }
    }

    /// Returns a path for each part: Arrow files, files with the suffix `ext`, or folders. Files
    /// are not copied.
    ///
    /// # Errors
    ///
    /// Fails if a part is missing.
    pub fn part_files(
        &self,
        dataset: &Dataset,
        ext: Option<&str>,
    ) -> Result<Vec<PathBuf>, DataError> {
        self.fetch(dataset)?;
        let ext = match dataset.kind {
            DatasetKind::Table => Some("arrow"),
            DatasetKind::File | DatasetKind::Files => ext,
            DatasetKind::Dir | DatasetKind::Dirs => {
                let unpacked = |part: &PartRef| {
                    let name = part.digest.to_hex();
                    match self.made_once(&name, || Recipe::of_folder(*part)) {
                        Err(DataError::Io { .. }) if self.only_looks() => {
                            Ok(self.part_path(&part.digest))
                        }
                        made => made,
                    }
                };
                return dataset.parts.iter().map(unpacked).collect();
            }
        };
        let link = |part: &PartRef| self.linked_part(&part.digest, ext);
        dataset.parts.iter().map(link).collect()
    }

    /// Makes a file or folder below `joined/`, unless it exists. Its recipe is recorded, so that
    /// `verify` can make it again.
    fn made_once(&self, name: &str, recipe: impl FnOnce() -> Recipe) -> Result<PathBuf, DataError> {
        let target = self.folder("joined").join(name);
        if target.exists() {
            return Ok(target);
        }
        let recipe = recipe();
        self.note_recipe(name, &recipe);
        let temporary = self.made_anew(&recipe)?;
        match fs::rename(&temporary, &target) {
            Err(error) if !target.exists() => {
                remove_joined(&temporary);
                Err(DataError::io("rename", &temporary)(error))
            }
            Err(_) => {
                remove_joined(&temporary);
                Ok(target)
            }
            Ok(()) => Ok(target),
        }
    }

    /// Makes a file or folder from its recipe, under a fresh name.
    pub(crate) fn made_anew(&self, recipe: &Recipe) -> Result<PathBuf, DataError> {
        let path = fresh_path(&self.incoming_folder(), "-joined");
        self.fetch(&recipe.dataset)?;
        let made = self.make_at(recipe, &path);
        if made.is_err() {
            remove_joined(&path);
        }
        made.map(|()| path)
    }

    fn make_at(&self, recipe: &Recipe, path: &Path) -> Result<(), DataError> {
        let Recipe { dataset, wanted } = recipe;
        match dataset.kind {
            DatasetKind::Table => return self.write_joined(dataset, wanted, path),
            DatasetKind::Dir => return folder::unpack(self, only_part(dataset)?, path),
            DatasetKind::File | DatasetKind::Files | DatasetKind::Dirs => {}
        }
        private::create_folders(path).map_err(DataError::io("create folder", path))?;
        let is_folders = dataset.kind == DatasetKind::Dirs;
        let ext = wanted.ext.as_deref().filter(|_| !is_folders);
        for (part, member) in dataset.parts.iter().zip(distinct_paths(dataset, ext)?) {
            let target = path.join(member);
            create_parents(path, &target)?;
            if is_folders {
                folder::unpack(self, part, &target)?;
            } else {
                link(&self.part_path(&part.digest), &target)?;
            }
        }
        Ok(())
    }

    fn write_joined(
        &self,
        dataset: &Dataset,
        wanted: &Wanted,
        path: &Path,
    ) -> Result<(), DataError> {
        let incoming = Incoming::create(&self.incoming_folder())?;
        self.write_wanted(dataset, wanted, incoming.handle()?, incoming.path())?;
        protect(incoming.path())?;
        incoming.rename(path)
    }

    /// Writes a table in the wanted form to a file that is open at its beginning, and makes it
    /// durable.
    pub(crate) fn write_wanted(
        &self,
        dataset: &Dataset,
        wanted: &Wanted,
        file: File,
        path: &Path,
    ) -> Result<(), DataError> {
        let form = form_of(wanted);
        let written = dataset.written_as(form).unwrap_or_default();
        if form == Form::Csv && !written.is_empty() {
            return self.write_text(written, &wanted.columns, wanted.rows.clone(), file, path);
        }
        let dataset = if wanted.columns.is_empty() {
            dataset
        } else {
            &self.select(dataset, &wanted.columns)?
        };
        let table = self.table(dataset)?;
        let schema = table.joined_schema(wanted.rows.as_ref())?;
        let batches = table.batches(wanted.rows.clone());
        encode::write(form, &schema, batches, file, path)
    }

    /// Links a part under a name with a suffix, because tools recognize formats by it. The bytes
    /// are shared.
    pub(crate) fn linked_part(
        &self,
        digest: &Digest,
        ext: Option<&str>,
    ) -> Result<PathBuf, DataError> {
        let part = self.part_path(digest);
        let Some(ext) = ext else {
            return Ok(part);
        };
        let name = format!("{}.{ext}", digest.to_hex());
        let target = self.folder("joined").join(name);
        match link(&part, &target) {
            Err(_) if self.only_looks() => Ok(part),
            linked => linked.map(|()| target),
        }
    }
}

impl Recipe {
    /// The recipe of a folder that a task wrote.
    pub(crate) fn of_folder(manifest: PartRef) -> Self {
        Self {
            dataset: Dataset {
                kind: DatasetKind::Dir,
                content: manifest.digest,
                rows: 0,
                parts: vec![manifest],
                written: None,
                files: None,
            },
            wanted: Wanted::default(),
        }
    }
}

/// The paths of the members of a folder, of which no two are the same.
///
/// # Errors
/// Fails if two tasks gave files of one name, so that a folder cannot hold both.
pub(crate) fn distinct_paths(
    dataset: &Dataset,
    ext: Option<&str>,
) -> Result<Vec<String>, DataError> {
    if let Some(path) = dataset.files.as_ref().and_then(FileRows::collision) {
        return Err(DataError::NoSuch(format!(
            "two files are called {}, and one folder cannot hold both; with `name:`, such as \
             `name: \"${{{{ item.stem }}}}\"`, each task's files are in a folder of their own",
            sunward_files::shown(Path::new(&path))
        )));
    }
    Ok(dataset.member_paths(ext))
}

/// Removes a joined file or folder, complete or not. Folders in it may be read-only.
pub(crate) fn remove_joined(path: &Path) {
    let gone = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => return,
    };
    if let Err(error) = gone {
        tracing::warn!("{} cannot be deleted: {error}", sunward_files::shown(path));
    }
}

/// Creates the folders between `folder`, which exists, and the path of a member in it.
pub(crate) fn create_parents(folder: &Path, member: &Path) -> Result<(), DataError> {
    match member.parent() {
        Some(parent) if parent != folder => {
            private::create_folders(parent).map_err(DataError::io("create folder", parent))
        }
        _ => Ok(()),
    }
}

fn form_of(wanted: &Wanted) -> Form {
    match wanted.form {
        Form::File | Form::Files => Form::Arrow,
        other => other,
    }
}

/// The location of a dataset in the requested form. Its name covers everything that determines the
/// bytes.
fn place(dataset: &Dataset, wanted: &Wanted) -> Result<Place, DataError> {
    Ok(match dataset.kind {
        DatasetKind::Table => place_of_table(dataset, wanted),
        DatasetKind::File => Place::Part(only_part(dataset)?.digest, wanted.ext.clone()),
        DatasetKind::Files => {
            Place::Joined(folder_key("joined files", dataset, wanted.ext.as_deref()))
        }
        DatasetKind::Dir => Place::Joined(only_part(dataset)?.digest.to_hex()),
        DatasetKind::Dirs => Place::Joined(folder_key("joined folders", dataset, None)),
    })
}

/// The part of a dataset that is one file or folder.
pub(crate) fn only_part(dataset: &Dataset) -> Result<&PartRef, DataError> {
    match dataset.parts.as_slice() {
        [only] => Ok(only),
        parts => Err(DataError::NoSuch(format!(
            "a {} has {} parts instead of one; this is a bug in Sunward; please report it",
            dataset.kind,
            parts.len()
        ))),
    }
}

fn place_of_table(dataset: &Dataset, wanted: &Wanted) -> Place {
    let suffix = encode::suffix(wanted.form);
    if let Some(part) = one_part(dataset, wanted) {
        return Place::Part(part.digest, Some(suffix.to_owned()));
    }
    let rows = wanted.rows.as_ref();
    let rows = rows.filter(|_| !is_whole(dataset, wanted));
    let key = table_key("joined table", dataset, wanted, rows);
    Place::Joined(format!("{}.{suffix}", key.to_hex()))
}

/// Whether all columns and rows of a table are wanted.
fn is_whole(dataset: &Dataset, wanted: &Wanted) -> bool {
    let covers = |rows: &Range<u64>| rows.start == 0 && rows.end >= dataset.rows;
    wanted.columns.is_empty() && wanted.rows.as_ref().is_none_or(covers)
}

/// The part or written file that is the whole table in the wanted form, if there is one.
pub(crate) fn one_part(dataset: &Dataset, wanted: &Wanted) -> Option<PartRef> {
    if !is_whole(dataset, wanted) {
        return None;
    }
    let form = form_of(wanted);
    match (dataset.parts.as_slice(), dataset.written_as(form)) {
        ([part], _) if form == Form::Arrow => Some(*part),
        (_, Some([file])) => Some(*file),
        _ => None,
    }
}

/// The key of a table in the wanted form. It covers everything on which the bytes depend.
pub(crate) fn table_key(
    purpose: &str,
    dataset: &Dataset,
    wanted: &Wanted,
    rows: Option<&Range<u64>>,
) -> Digest {
    let form = form_of(wanted);
    let mut hasher = Hasher::new(purpose);
    hasher.field("form", encode::suffix(form).as_bytes());
    for part in &dataset.parts {
        hasher.field("part", &part.digest.0);
    }
    for file in dataset.written_as(form).unwrap_or_default() {
        hasher.field("written", &file.digest.0);
    }
    for column in &wanted.columns {
        hasher.field("column", column.as_bytes());
    }
    if let Some(rows) = rows {
        hasher.field("from", &rows.start.to_le_bytes());
        hasher.field("until", &rows.end.to_le_bytes());
    }
    hasher.finish()
}

fn folder_key(purpose: &str, dataset: &Dataset, ext: Option<&str>) -> String {
    let mut hasher = Hasher::new(purpose);
    for part in &dataset.parts {
        hasher.field("part", &part.digest.0);
    }
    hasher.field("ext", ext.unwrap_or_default().as_bytes());
    hasher.finish().to_hex()
}

fn protect(path: &Path) -> Result<(), DataError> {
    let mut permissions = fs::metadata(path)
        .map_err(DataError::io("read", path))?
        .permissions();
    permissions.set_readonly(true);
    fs::set_permissions(path, permissions).map_err(DataError::io("protect", path))
}
