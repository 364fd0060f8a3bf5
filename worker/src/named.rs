//! Files that values name, as a command sees them: copies in the attempt's own folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use sunward_core::Digest;
use sunward_core::staged::{as_row_file, file_name};
use sunward_protocol::Job;
use sunward_workflows::expr::Scope;
use sunward_workflows::{Action, Command, Scatter, Slicing, Uses, Value};

use crate::fault::Fault;
use crate::staged::copy_named;
use crate::task_folder::{TaskFolder, remove_tree};

/// What of a stage's values may name files.
pub(crate) struct NamedFiles {
    /// The params that its command and its environment read.
    params: BTreeSet<String>,
}

impl NamedFiles {
    /// Of a stage; `None` where no value names a file.
    pub(crate) fn of(job: &Job) -> Option<Self> {
        let Action::Run(command) = &job.stage.action else {
            return None;
        };
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
        let mut uses = Uses::default();
        match command {
            Command::Shell { script, .. } => uses.merge(script.uses()),
            Command::Argv(argv) => argv.iter().for_each(|word| uses.merge(word.uses())),
        }
        for template in job.stage.env.values() {
            uses.merge(template.uses());
        }
        Some(Self {
            params: uses.params,
        })
    }

    /// Copies what the scope's values name into the task's folder, and has the values name the copies.
    pub(crate) fn place(
        &self,
        job: &Job,
        task_folder: &TaskFolder,
        scope: &mut Scope,
    ) -> Result<(), Fault> {
        let folder = task_folder.files();
        if folder.exists() {
            remove_tree(&folder);
        }
        let mut copies = Copies {
            job,
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
        if let Some(item) = &mut scope.item {
            copies.replace(item)?;
        }
        for value in scope.matrix.values_mut() {
            copies.replace(value)?;
        }
        Ok(())
    }
}

/// The copies of one attempt.
struct Copies<'a> {
    job: &'a Job,
    folder: &'a Path,
    /// By the text that names the file.
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
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        }
        Ok(())
    }

    /// The copy of the file that a text names, made once.
    fn copy(&mut self, text: &str, digest: &Digest) -> Result<String, Fault> {
        if let Some(copy) = self.made.get(text) {
            return Ok(copy.clone());
        }
        // Two files may have one name.
        let folder = self.folder.join(self.made.len().to_string());
        fs::create_dir_all(&folder)
            .map_err(|error| Fault::io("make the scratch folder", &folder, &error))?;
        let copy = copy_named(text, digest, Path::new(&self.job.folder), &folder)?;
        let copy = copy.to_str().map(str::to_owned).ok_or_else(|| {
            Fault::input(format!(
                "the path of the copy of {} is not UTF-8; keep the state elsewhere with --home",
                file_name(text)
            ))
        })?;
        self.made.insert(text.to_owned(), copy.clone());
        Ok(copy)
    }
}
