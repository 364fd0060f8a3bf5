//! Inputs of tasks: paths for commands, tables for kernels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sunward_core::{Dataset, DatasetKind, FailureKind, Written};
use sunward_data::{DataError, Store, View, Views, Wanted};
use sunward_kernels::{Inputs, Table};
use sunward_protocol::Job;
use sunward_workflows::Input;
use sunward_workflows::expr::InputValue;

use crate::fault::Fault;
use crate::render::command_uses;
use crate::slices::{Cut, Share, Slice, sliced_port};
use crate::task_folder::TaskFolder;

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

/// An input of which each task gets a slice.
pub(crate) struct CutInput {
    port: String,
    dataset: Dataset,
    wanted: Wanted,
}

impl CommandInputs {
    /// Prepares what all tasks of a stage share.
    pub(crate) fn prepare(store: &Store, job: &Job) -> Result<Self, Fault> {
        let listed = command_uses(&job.stage).parts;
        let sliced = sliced_port(&job.tasks);
        let mut whole = BTreeMap::new();
        let mut cut = None;
        for (port, dataset) in &job.inputs {
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
    /// Held until the task's outputs are in the store, because an output may be a link to an input.
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
        let path = folder.join(view.view.file_name(port));
        let unusable = |error: DataError| unusable(port, &error);
        self.views.place(&view.view, &path).map_err(unusable)?;
        let parts = match &view.parts {
            Parts::Unasked => Vec::new(),
            Parts::Itself => vec![text(&path)?],
            Parts::Members => texts(&path, &view.view)?,
            Parts::Beside(parts) => {
                let path = folder.join(format!("{port}.parts"));
                self.views.place(parts, &path).map_err(unusable)?;
                texts(&path, parts)?
            }
        };
        let value = InputValue {
            path: text(&path)?,
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
            _ if dataset.parts.len() == 1 => Parts::Itself,
            _ => Parts::Members,
        };
        Ok(Self { view, parts })
    }
}

fn texts(folder: &Path, view: &View) -> Result<Vec<String>, Fault> {
    let members = view.members();
    members
        .iter()
        .map(|name| text(&folder.join(name)))
        .collect()
}

impl CutInput {
    /// The slice as a dataset, and its requested form.
    fn slice(&self, cut: &Cut) -> Result<(Dataset, Wanted), Fault> {
        match &cut.slice {
            Slice::Rows(rows) => {
                let mut wanted = self.wanted.clone();
                wanted.rows = Some(rows.clone());
                Ok((self.dataset.clone(), wanted))
            }
            Slice::Part(index) => {
                let part = self.dataset.parts.get(*index).ok_or_else(|| {
                    Fault::infrastructure(format!(
                        "input {} has no part {index}; this is a bug in Sunward; please report it",
                        self.port
                    ))
                })?;
                let dataset = Dataset {
                    kind: self.dataset.kind,
                    written: self.written_part(*index),
                    content: part.digest,
                    rows: part.rows,
                    parts: vec![*part],
                };
                Ok((dataset, self.wanted.clone()))
            }
        }
    }

    /// The file of one part as it was written, if each part has one.
    fn written_part(&self, index: usize) -> Option<Written> {
        let written = self.dataset.written.as_ref()?;
        let one_each = written.files.len() == self.dataset.parts.len();
        let file = written.files.get(index).filter(|_| one_each)?;
        Some(Written {
            form: written.form,
            files: vec![*file],
        })
    }

    /// The kernel inputs of one task: its slice, and what all tasks share.
    pub(crate) fn of_task(
        &self,
        store: &Store,
        job: &Job,
        index: u32,
        whole: &Inputs,
    ) -> Result<Inputs, Fault> {
        let share = Share::of(job, index)?;
        let mut inputs = whole.clone();
        if let Some(cut) = &share.cut {
            let (dataset, wanted) = self.slice(cut)?;
            inputs.insert(&*self.port, as_table(store, &self.port, &dataset, &wanted)?);
        }
        Ok(inputs)
    }
}

/// What a kernel stage's tasks read.
pub(crate) struct KernelInputs {
    whole: Inputs,
    cut: Option<CutInput>,
}

impl KernelInputs {
    /// Opens the tables that all tasks share.
    pub(crate) fn prepare(store: &Store, job: &Job) -> Result<Self, Fault> {
        let sliced = sliced_port(&job.tasks);
        let mut whole = Inputs::new();
        let mut cut = None;
        for (port, dataset) in &job.inputs {
            let wanted = wanted(store, port, job.stage.inputs.get(port), dataset)?;
            if sliced == Some(port.as_str()) {
                cut = Some(CutInput {
                    port: port.clone(),
                    dataset: dataset.clone(),
                    wanted,
                });
            } else {
                whole.insert(port, as_table(store, port, dataset, &wanted)?);
            }
        }
        Ok(Self { whole, cut })
    }

    /// The tables that all tasks share.
    pub(crate) fn whole(&self) -> &Inputs {
        &self.whole
    }

    /// The sliced input, if there is one.
    pub(crate) fn cut(&self) -> Option<&CutInput> {
        self.cut.as_ref()
    }
}

/// The same job, with inputs that this host's store alone can provide: they are fetched and reduced
/// to the requested columns. It is for a process without access to other stores.
pub(crate) fn at_hand(store: &Store, job: &Job) -> Result<Job, Fault> {
    let mut job = job.clone();
    for (port, dataset) in &mut job.inputs {
        if let Some(input) = job.stage.inputs.get_mut(port) {
            let columns = std::mem::take(&mut input.columns);
            if !columns.is_empty() {
                let reduced = store.select(dataset, &columns);
                *dataset = reduced.map_err(|error| unusable(port, &error))?;
            }
        }
        store
            .fetch(dataset)
            .map_err(|error| unusable(port, &error))?;
    }
    Ok(job)
}

/// The requested form of an input. Columns to which the dataset was already reduced are not
/// requested again, since that would copy it.
fn wanted(
    store: &Store,
    port: &str,
    input: Option<&Input>,
    dataset: &Dataset,
) -> Result<Wanted, Fault> {
    let Some(input) = input else {
        return Ok(Wanted::default());
    };
    let mut columns = input.columns.clone();
    if !columns.is_empty() {
        let table = store
            .table(dataset)
            .map_err(|error| unusable(port, &error))?;
        let fields = table.schema().fields();
        if fields.iter().map(|field| field.name()).eq(columns.iter()) {
            columns.clear();
        }
    }
    Ok(Wanted {
        form: input.form,
        columns,
        ..Wanted::default()
    })
}

fn as_table(store: &Store, port: &str, dataset: &Dataset, wanted: &Wanted) -> Result<Table, Fault> {
    let open = || -> Result<Table, DataError> {
        let selected;
        let dataset = if wanted.columns.is_empty() {
            dataset
        } else {
            selected = store.select(dataset, &wanted.columns)?;
            &selected
        };
        let reader = store.table(dataset)?;
        let batches = reader
            .batches(wanted.rows.clone())
            .collect::<Result<_, _>>()?;
        let schema = reader.joined_schema(wanted.rows.as_ref())?;
        Ok(Table::new(schema, batches))
    };
    open().map_err(|error| unusable(port, &error))
}

/// The fault for an input that is not available.
fn unusable(port: &str, error: &DataError) -> Fault {
    let message = format!("input {port} cannot be used: {error}");
    Fault::data(FailureKind::Input, message, error)
}

/// A path for commands: absolute, since they start in another folder.
fn text(path: &Path) -> Result<String, Fault> {
    let path = std::path::absolute(path)
        .map_err(|error| Fault::io("find the whole path of", path, &error))?;
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Fault::permanent(format!(
            "the state folder's path {} is not UTF-8; choose another with --home",
            path.display()
        ))
    })
}
