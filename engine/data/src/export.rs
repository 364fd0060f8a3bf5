//! Exports results from the store to users' files.

use std::fs;
use std::path::Path;

use sunward_core::{Dataset, DatasetKind, PartRef};
use sunward_workflows::Form;

use crate::blob;
use crate::encode;
use crate::error::DataError;
use crate::folder;
use crate::incoming::sync_folder;
use crate::leftover;
use crate::mark::{mark, of_others};
use crate::materialise::{create_parents, distinct_paths, only_part};
use crate::mode::is_executable;
use crate::store::Store;

impl Store {
    /// Writes a dataset to `path`: a table as one file in the form, a file unchanged, a folder as a
    /// folder, and gathered files or folders as a folder that holds them under their names, or else
    /// `000000[.ext]` … in task order. The path appears when it is complete; an existing one is replaced, except for a folder
    /// that Sunward did not write. In CSV, lists, maps, tensors and structs are written as JSON text
    /// and nulls as nothing.
    ///
    /// What killed exports left in the same folder is deleted.
    ///
    /// # Errors
    ///
    /// Fails if a part is missing or damaged, if the place cannot be written, or if a folder would be
    /// replaced that Sunward did not write.
    pub fn export(
        &self,
        dataset: &Dataset,
        path: &Path,
        form: Form,
        ext: Option<&str>,
    ) -> Result<(), DataError> {
        self.fetch(dataset)?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder).map_err(DataError::io("create folder", folder))?;
        leftover::clear(folder);
        match dataset.kind {
            DatasetKind::Table => self.export_table(dataset, path, folder, form)?,
            DatasetKind::File => {
                let only = only_part(dataset)?;
                let incoming = leftover::create_file(folder)?;
                self.copy_blob(only, incoming.path())?;
                incoming.sync()?;
                leftover::put_file(incoming, path)?;
            }
            DatasetKind::Files => replace_folder(path, folder, |target| {
                for (part, member) in dataset.parts.iter().zip(distinct_paths(dataset, ext)?) {
                    let path = target.join(member);
                    create_parents(target, &path)?;
                    self.copy_blob(part, &path)?;
                }
                Ok(())
            })?,
            DatasetKind::Dir => {
                let only = only_part(dataset)?;
                replace_folder(path, folder, |target| {
                    folder::unpack_copy(self, only, target)
                })?;
            }
            DatasetKind::Dirs => replace_folder(path, folder, |target| {
                for (part, member) in dataset.parts.iter().zip(distinct_paths(dataset, None)?) {
                    let path = target.join(member);
                    create_parents(target, &path)?;
                    folder::unpack_copy(self, part, &path)?;
                }
                Ok(())
            })?,
        }
        sync_folder(folder)
    }

    fn export_table(
        &self,
        dataset: &Dataset,
        path: &Path,
        folder: &Path,
        form: Form,
    ) -> Result<(), DataError> {
        let incoming = leftover::create_file(folder)?;
        let name = incoming.path().to_owned();
        match dataset.written_as(form) {
            Some([only]) => {
                blob::copy_writable(&self.part_path(&only.digest), &name, false)?;
                incoming.sync()?;
            }
            Some(files) if form == Form::Csv => {
                self.write_text(files, &[], None, incoming.handle()?, &name)?;
            }
            Some(_) | None => {
                let table = self.table(dataset)?;
                let batches = table.batches(None);
                encode::write(
                    form,
                    &table.joined_schema(None)?,
                    batches,
                    incoming.handle()?,
                    &name,
                )?;
            }
        }
        leftover::put_file(incoming, path)
    }

    /// Copies a file of a command. It is executable if the part is, as for the tasks that read it.
    fn copy_blob(&self, part: &PartRef, target: &Path) -> Result<(), DataError> {
        let part = self.part_path(&part.digest);
        let found = fs::metadata(&part).map_err(DataError::io("read", &part))?;
        blob::copy_writable(&part, target, is_executable(&found))
    }
}

fn replace_folder(
    path: &Path,
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), DataError>,
) -> Result<(), DataError> {
    if let Some(other) = of_others(path) {
        return Err(DataError::Unsupported(format!(
            "Sunward did not write {}, and would delete it with the folder that it replaces; move it away, or \
             choose another folder",
            sunward_files::shown(&other)
        )));
    }
    let unfinished = leftover::create_folder(folder)?;
    fill(unfinished.path())?;
    mark(unfinished.path());
    unfinished.put(path)
}
