//! Inputs of commands: files and folders in the task's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sunward_core::{Dataset, DatasetKind};
use sunward_data::{DataError, Store, View, Views, Wanted};
use sunward_files::private;
use sunward_protocol::Job;
use sunward_workflows::expr::InputValue;

use super::cut::CutInput;
use super::wanted::{unusable, wanted};
use crate::fault::Fault;
use crate::slices::{Share, sliced_port};
use crate::task_folder::{TaskFolder, path_text};

/// What a command stage's tasks read.
pub(crate) struct CommandInputs {
    /// Inputs that every task gets whole.
    whole: BTreeMap<String, PortView>,
    /// The input that is sliced among tasks, and the form in which the command gets it.
    cut: Option<CutInput>,
    /// The ports whose `parts` a template reads. Listing the parts of a table copies all of them
    /// for each attempt.
    listed: BTreeSet<String>,
}

impl CommandInputs {
    /// Prepares what all tasks of a stage share.
    pub(crate) fn prepare(store: &Store, job: &Job) -> Result<Self, Fault> {
        let listed = job.stage.uses().parts;
        let sliced = sliced_port(&job.tasks);
        let mut whole = BTreeMap::new();
        let mut cut = None;
        let unseen = job.stage.only_rows_of();
        for (port, dataset) in &job.inputs {
            let groups = job.tasks.files();
            let is_divided = groups.is_some_and(|groups| groups.divides(port));
            if unseen == Some(port.as_str()) || is_divided {
                continue;
            }
            let wanted = wanted(store, port, job.stage.inputs.get(port), dataset)?;
            if sliced == Some(port.as_str()) {
                cut = Some(CutInput {
                    port: port.clone(),
                    dataset: dataset.clone(),
                    wanted,
                });
            } else {
                let lists_parts = listed.contains(port);
                let view = PortView::new(store, port, dataset, &wanted, lists_parts, false)?;
                whole.insert(port.clone(), view);
            }
        }
        Ok(Self { whole, cut, listed })
    }

    /// What one task sees under `inputs`: files and folders in its own task folder.
    pub(crate) fn of_task(
        &self,
        store: &Store,
        share: &Share,
        task_folder: &TaskFolder,
    ) -> Result<TaskInputs, Fault> {
        let mut inputs = TaskInputs {
            values: BTreeMap::new(),
            views: store.views(),
        };
        for (port, view) in &self.whole {
            inputs.place(port, view, task_folder)?;
        }
        for (port, files) in &share.files {
            let lists_parts = self.listed.contains(port);
            let view = PortView::new(store, port, files, &Wanted::default(), lists_parts, true)?;
            inputs.place(port, &view, task_folder)?;
        }
        if let (Some(input), Some(cut)) = (&self.cut, &share.cut) {
            let (dataset, wanted) = input.slice(cut)?;
            let port = &input.port;
            let lists_parts = self.listed.contains(port);
            let view = PortView::new(store, port, &dataset, &wanted, lists_parts, true)?;
            inputs.place(port, &view, task_folder)?;
        }
        Ok(inputs)
    }
}

/// One task's inputs.
pub(crate) struct TaskInputs {
    pub(crate) values: BTreeMap<String, InputValue>,
    /// Kept until the task's outputs are in the store, because an output may be a link to an input.
    pub(crate) views: Views,
}

impl TaskInputs {
    fn place(
        &mut self,
        port: &str,
        view: &PortView,
        task_folder: &TaskFolder,
    ) -> Result<(), Fault> {
        let folder = task_folder.inputs()?;
        let path = folder.join(view.view.path(port));
        if let Some(parent) = path.parent().filter(|parent| *parent != folder) {
            private::create_folders(parent)
                .map_err(|error| Fault::io("create the folder", parent, &error))?;
        }
        let unusable = |error: DataError| unusable(port, &error);
        self.views.place(&view.view, &path).map_err(unusable)?;
        let parts = match &view.parts {
            Parts::Unasked => Vec::new(),
            Parts::Itself => vec![path_text(&path)?],
            Parts::Members => texts(&path, &view.view)?,
            Parts::Beside(parts) => {
                let path = folder.join(format!("{port}.parts"));
                self.views.place(parts, &path).map_err(unusable)?;
                texts(&path, parts)?
            }
        };
        let value = InputValue {
            path: path_text(&path)?,
            parts,
        };
        self.values.insert(port.to_owned(), value);
        Ok(())
    }
}

/// What tasks see of one input.
struct PortView {
    view: View,
    parts: Parts,
}

/// What `inputs.x.parts` lists.
enum Parts {
    /// Nothing, because no template reads it.
    Unasked,
    /// The input's own path.
    Itself,
    /// The files in the input's folder.
    Members,
    /// Files in a folder beside the input.
    Beside(View),
}

impl PortView {
    /// Creates the view of one input. `once` means that only one task will see it.
    fn new(
        store: &Store,
        port: &str,
        dataset: &Dataset,
        wanted: &Wanted,
        lists_parts: bool,
        once: bool,
    ) -> Result<Self, Fault> {
        let unusable = |error: DataError| unusable(port, &error);
        let view = store.view(dataset, wanted, once).map_err(unusable)?;
        let parts = match dataset.kind {
            _ if !lists_parts => Parts::Unasked,
            DatasetKind::Table if !view.is_one_part_of(dataset) => {
                Parts::Beside(store.view_of_parts(dataset).map_err(unusable)?)
            }
            DatasetKind::Table | DatasetKind::File | DatasetKind::Dir => Parts::Itself,
            DatasetKind::Files | DatasetKind::Dirs => Parts::Members,
        };
        Ok(Self { view, parts })
    }
}

fn texts(folder: &Path, view: &View) -> Result<Vec<String>, Fault> {
    let members = view.members();
    members
        .iter()
        .map(|name| path_text(&folder.join(name)))
        .collect()
}
