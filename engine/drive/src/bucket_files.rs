//! Inputs that are objects of buckets: `s3://bucket/data/`.

use sunward_core::{Dataset, DatasetKind, RunId};
use sunward_data::{BucketObject, DataError, SourceOptions};
use sunward_workflows::{Input, is_in_bucket, names_objects};

use crate::local::{LocalResolver, Named};
use crate::recall::Recall;
use crate::versions::ReadObjects;

impl LocalResolver {
    /// Tables with their paths. Objects of buckets are files until here.
    pub(crate) fn as_tables(
        &self,
        paths: Vec<String>,
        files: Vec<Dataset>,
        options: &SourceOptions,
    ) -> Result<Vec<Named>, DataError> {
        let mut all = Vec::with_capacity(files.len());
        for (path, file) in paths.into_iter().zip(files) {
            match file.kind {
                DatasetKind::File if is_in_bucket(&path) => {
                    let name = path.rsplit('/').next().unwrap_or_default();
                    let tables = self.store.file_tables(&file, name, options)?;
                    all.extend(tables.into_iter().map(|(_, table)| (path.clone(), table)));
                }
                _ => all.push((path, file)),
            }
        }
        Ok(all)
    }

    /// The objects that an address of a bucket names, each in the version that the run reads.
    pub(crate) fn of_bucket(
        &self,
        run: RunId,
        address: &str,
        input: &Input,
        memory: &Recall<'_>,
    ) -> Result<ReadObjects, DataError> {
        let needs_bytes = input.form.is_table();
        let list = || {
            let objects = self.store.objects(address)?;
            match objects.is_empty() {
                true if !names_objects(address) => Err(DataError::NoSuch(format!(
                    "there is no object {address}; correct the address, or write it with a slash at its end \
                     for the objects in a folder"
                ))),
                true if !input.optional => Err(DataError::NoSuch(format!(
                    "no object is named by {address}; correct the address, or write `optional: true` if \
                     there may be none"
                ))),
                _ => Ok(objects),
            }
        };
        let read =
            |objects: &[BucketObject]| self.store.read_objects(objects, needs_bytes, &memory.files);
        self.versions
            .objects(run, (address, needs_bytes), list, read)
    }
}
