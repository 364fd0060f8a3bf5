//! The messages between coordinator and workers, without any logic.
//!
//! A worker in the same process exchanges them over a channel. Remote workers will use HTTPS. Read
//! [`ToWorker`] and [`FromWorker`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sunward_core::{
    Capacity, Dataset, Lease, PartRef, RunId, Span, StageId, StagedFiles, TaskEnd, TaskId, Tasks,
    WorkerId,
};
use sunward_workflows::{Stage, Value};

/// The version of these messages. A worker supports this one and the one before.
pub const VERSION: u32 = 1;

/// A message from the coordinator to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// A stage's job; it is sent before the first lease of the stage.
    Job(Arc<Job>),
    /// Files of a stage's tasks that were not there yet when its job was sent. They are sent before the
    /// lease of the tasks that get them.
    Files {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageId,
        /// The files.
        files: Vec<ArrivedFile>,
    },
    /// A lease to work on.
    Lease(Lease),
    /// End the run's tasks and drop its waiting leases. Each is answered by an end with
    /// `Cancelled`.
    Revoke {
        /// The run.
        run: RunId,
    },
    /// Give back those of these tasks that have not begun, and end those that run if `stops` is set.
    /// Each is answered by an end with `Preempted`. The worker may be given them again.
    Yield {
        /// The tasks.
        tasks: Span,
        /// Whether running tasks end.
        stops: bool,
    },
    /// Forget the run's jobs, because nothing more of it will come.
    Forget {
        /// The run.
        run: RunId,
    },
    /// Stop now: kill running tasks, and answer [`FromWorker::Goodbye`].
    Stop,
}

/// A message from a worker to the coordinator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The worker has started and holds nothing.
    Hello {
        /// The worker's capacity.
        capacity: Capacity,
    },
    /// These attempts started. It is for display only, sent in batches, and not for every task.
    Started {
        /// The tasks.
        tasks: Vec<TaskId>,
    },
    /// These attempts ended; the parts of their results are durable.
    Ended {
        /// Each attempt with its outcome.
        ends: Vec<TaskEnd>,
    },
    /// A message that the user should read once: `no GPU here: tanimoto_topk runs its CPU twin`.
    Notice {
        /// The line.
        line: String,
    },
    /// The worker has stopped.
    Goodbye,
}

/// A message with its sender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The worker.
    pub worker: WorkerId,
    /// The message.
    pub message: FromWorker,
}

/// The content of one file of a job's input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivedFile {
    /// The input's port.
    pub port: String,
    /// The place of the file in the input.
    pub row: u32,
    /// The file in the store.
    pub part: PartRef,
}

/// A stage of a run, as its executors need it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The run.
    pub run: RunId,
    /// The workflow's name: `run.name` in expressions.
    pub workflow: String,
    /// The stage.
    pub stage_id: StageId,
    /// The checked stage: action, ports, templates, limits.
    pub stage: Stage,
    /// The values of all params.
    pub params: BTreeMap<String, Value>,
    /// The inputs by port. Files of other stages' tasks that were not there yet are awaited parts; they
    /// come as [`ToWorker::Files`].
    pub inputs: BTreeMap<String, Dataset>,
    /// The tasks. A task finds its item or slice here by its index.
    pub tasks: Tasks,
    /// `stages.x.status` of earlier stages: `succeeded`, `skipped`, …
    pub statuses: BTreeMap<String, String>,
    /// The folder of the workflow's file, where `files` are.
    pub folder: String,
    /// The files that its commands get, with the digests that their copies must have.
    pub staged: StagedFiles,
}
