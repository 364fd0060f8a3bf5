//! What one task of a scatter gets: its item, its matrix values, its slice of an input.

use std::collections::BTreeMap;
use std::ops::Range;

use sunward_core::{Dataset, Tasks};
use sunward_protocol::Job;
use sunward_workflows::Value;

use crate::arrived::Arrived;
use crate::fault::Fault;

/// One task's share.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Share {
    pub(crate) item: Option<Value>,
    pub(crate) matrix: BTreeMap<String, Value>,
    pub(crate) repeat: Option<u32>,
    pub(crate) cut: Option<Cut>,
    pub(crate) files: FilesOfTask,
}

/// A slice of one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) port: String,
    pub(crate) slice: Slice,
}

/// The kind of slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slice {
    Rows(Range<u64>),
    Part(usize),
}

/// The files of a task, by the inputs that are divided.
pub(crate) type FilesOfTask = BTreeMap<String, Dataset>;

/// The port of which a job's tasks take slices, if they do.
pub(crate) fn sliced_port(tasks: &Tasks) -> Option<&str> {
    match tasks.each() {
        Tasks::Rows { port, .. } | Tasks::Groups { port, .. } | Tasks::Parts { port, .. } => {
            Some(port)
        }
        Tasks::One
        | Tasks::Range(_)
        | Tasks::Items(_)
        | Tasks::Matrix(_)
        | Tasks::Files(_)
        | Tasks::Repeated { .. }
        | Tasks::Beside { .. } => None,
    }
}

impl Share {
    /// The share of task `index`, for a job whose inputs are all there.
    pub(crate) fn of(job: &Job, index: u32) -> Result<Self, Fault> {
        Self::with(job, &Arrived::default(), index)
    }

    /// The share of task `index`. Files that the job lacks have arrived.
    pub(crate) fn with(job: &Job, arrived: &Arrived, index: u32) -> Result<Self, Fault> {
        if index >= job.tasks.count() {
            return Err(Fault::infrastructure(format!(
                "the lease names a task beyond the stage's {}; this is a bug in Sunward; please report it",
                job.tasks.count()
            )));
        }
        let slice = match job.tasks.each() {
            Tasks::Rows { .. } | Tasks::Groups { .. } => job.tasks.rows(index).map(Slice::Rows),
            Tasks::Parts { .. } => Some(Slice::Part(sunward_core::ids::place(
                job.tasks.each_index(index),
            ))),
            Tasks::One
            | Tasks::Range(_)
            | Tasks::Items(_)
            | Tasks::Matrix(_)
            | Tasks::Files(_)
            | Tasks::Repeated { .. }
            | Tasks::Beside { .. } => None,
        };
        let mut files = FilesOfTask::new();
        if let Some(groups) = job.tasks.files() {
            let index = job.tasks.each_index(index);
            for (port, dataset) in &job.inputs {
                let part = |row| arrived.part(port, dataset, row);
                if let Some(of_task) = groups.of_task_with(index, port, dataset, part) {
                    files.insert(port.clone(), of_task);
                } else if groups.divides(port) {
                    return Err(Fault::infrastructure(format!(
                        "a file of input {port} has not arrived; this is a bug in Sunward; please report it"
                    )));
                }
            }
        }
        let item = match job.tasks.each() {
            Tasks::Files(groups) => {
                groups.item_of(job.tasks.each_index(index), |port| files.get(port))
            }
            _ => job.tasks.item(index, |port| job.inputs.get(port)),
        };
        let cut = sliced_port(&job.tasks).zip(slice).map(|(port, slice)| Cut {
            port: port.to_owned(),
            slice,
        });
        Ok(Self {
            item,
            repeat: job.tasks.repeat(index),
            matrix: job.tasks.matrix(index).into_iter().collect(),
            cut,
            files,
        })
    }
}
