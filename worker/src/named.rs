//! Files that values name, as views in the folder of each attempt.
//!
//! Small files are copied for each task. Large files and folders are taken into the store once for
//! each stage, and each task gets a view of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sunward_core::staged::{as_row_file, file_name};
use sunward_core::{Blame, Digest, FailureKind};
use sunward_data::{DataError, Store, View, Views};
use sunward_files::private;
use sunward_protocol::Job;
use sunward_workflows::expr::Scope;
use sunward_workflows::{Action, ItemUse, Scatter, Slicing, Value};

use crate::fault::Fault;
use crate::memo::Memo;
use crate::staged::{changed, copy_named, unreadable};
use crate::task_folder::{TaskFolder, path_text, remove_tree};

/// The size up to which a file is copied and read again for each task, in bytes. For such a file,
/// this is faster than storing it durably.
const COPIED_UP_TO: u64 = 1 << 20;

/// The values of a stage that may name files.
pub(crate) struct NamedFiles {
    /// The params that the stage's command or environment reads.
    params: BTreeSet<String>,
    /// What they read of the item.
    item: ItemUse,
    /// Views of large files and of folders, by digest.
    views: Mutex<BTreeMap<Digest, Arc<Memo<View>>>>,
}

impl NamedFiles {
    /// The named files of a stage, or `None` if no value can name a file.
    pub(crate) fn of(job: &Job) -> Option<Self> {
        if !matches!(job.stage.action, Action::Run(_)) {
            return None;
        }
        let rows = matches!(
            job.stage.scatter,
            Scatter::Input {
                slicing: Slicing::Row,
                ..
            }
        );
        if job.staged.named.is_empty() && !rows {
            return None;
        }
        let uses = job.stage.uses();
        Some(Self {
            params: uses.params,
            item: uses.item,
            views: Mutex::default(),
        })
    }

    /// Places the files that the scope's values name into the task's folder, and replaces the names
    /// in those values by the new paths.
    pub(crate) fn place(
        &self,
        job: &Job,
        store: &Store,
        views: &mut Views,
        task_folder: &TaskFolder,
        scope: &mut Scope,
    ) -> Result<(), Fault> {
        let folder = task_folder.files();
        if folder.exists() {
            remove_tree(&folder);
        }
        let mut copies = Copies {
            named: self,
            job,
            store,
            views,
            folder: &folder,
            made: BTreeMap::new(),
        };
        let mut params = BTreeMap::clone(&scope.params);
        for (name, value) in &mut params {
            if self.params.contains(name) {
                copies.replace(value)?;
            }
        }
        scope.params = Arc::new(params);
        match &mut scope.item {
            Some(Value::Map(cells)) => {
                for (column, cell) in cells {
                    if self.item.reads(column) {
                        copies.replace(cell)?;
                    }
                }
            }
            Some(item) => copies.replace(item)?,
            None => {}
        }
        for value in scope.matrix.values_mut() {
            copies.replace(value)?;
        }
        Ok(())
    }

    /// The view of the file or folder with this digest. It is made once; other tasks wait for the
    /// first one.
    fn view(
        &self,
        text: &str,
        digest: &Digest,
        source: &Path,
        store: &Store,
    ) -> Result<Arc<View>, Fault> {
        let memo = {
            let mut all = self.views.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(*digest).or_default())
        };
        memo.get_or_make(|| match store.view_of_named(digest, source) {
            Ok(Some(view)) => Ok(view),
            Ok(None) => Err(changed(text)),
            Err(error) => Err(unusable(source, &error)),
        })
    }

    /// Forgets a view whose content was lost, so that the next attempt takes it into the store
    /// again.
    fn forget(&self, digest: &Digest) {
        let mut all = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(digest);
    }
}

fn unusable(source: &Path, error: &DataError) -> Fault {
    match error.blame() {
        Blame::User | Blame::Permanent => unreadable(source, error),
        // No stage produced this file, so that it is not reported as a lost input. The next attempt
        // takes it in again, or reports that it is gone.
        Blame::Lost => Fault::infrastructure(format!("{}: {error}", sunward_files::shown(source))),
        Blame::Passing | Blame::Nobody => {
            let message = format!(
                "{} could not be kept: {error}",
                sunward_files::shown(source)
            );
            Fault::data(FailureKind::Input, message, error)
        }
    }
}

/// The copies of one attempt.
struct Copies<'a> {
    named: &'a NamedFiles,
    job: &'a Job,
    store: &'a Store,
    views: &'a mut Views,
    folder: &'a Path,
    /// Paths of the copies, by the text that names the file.
    made: BTreeMap<String, String>,
}

impl Copies<'_> {
    fn replace(&mut self, value: &mut Value) -> Result<(), Fault> {
        if let Some((text, digest)) = as_row_file(value) {
            *value = Value::String(self.copy(text, &digest)?);
            return Ok(());
        }
        match value {
            Value::String(text) => {
                if let Some(digest) = self.job.staged.named.get(text.as_str()) {
                    *text = self.copy(text, digest)?;
                }
            }
            Value::List(list) => {
                for one in list {
                    self.replace(one)?;
                }
            }
            Value::Map(map) => {
                for (_, one) in map {
                    self.replace(one)?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Written(_) => {}
        }
        Ok(())
    }

    /// The path of the copy of the file that `text` names. Each copy is made once.
    fn copy(&mut self, text: &str, digest: &Digest) -> Result<String, Fault> {
        if let Some(copy) = self.made.get(text) {
            return Ok(copy.clone());
        }
        // Two files may have the same name.
        let folder = self.folder.join(self.made.len().to_string());
        private::create_folders(&folder)
            .map_err(|error| Fault::io("create the scratch folder", &folder, &error))?;
        let copy = self.place(text, digest, &folder)?;
        let copy = path_text(&copy)?;
        self.made.insert(text.to_owned(), copy.clone());
        Ok(copy)
    }

    fn place(&mut self, text: &str, digest: &Digest, folder: &Path) -> Result<PathBuf, Fault> {
        let workflow_folder = Path::new(&self.job.folder);
        let source = workflow_folder.join(text);
        // A file that no longer exists may still be in the store.
        let is_small =
            fs::metadata(&source).is_ok_and(|found| found.is_file() && found.len() <= COPIED_UP_TO);
        if is_small {
            return copy_named(text, digest, workflow_folder, folder);
        }
        let target = folder.join(file_name(text));
        let view = self.named.view(text, digest, &source, self.store)?;
        if let Err(error) = self.views.place(&view, &target) {
            if error.blame() == Blame::Lost {
                self.named.forget(digest);
            }
            return Err(unusable(&source, &error));
        }
        Ok(target)
    }
}
