//! What coordinator and workers say to each other. Messages only, no logic.
//!
//! The laptop's in-process worker speaks them over a channel; remote ones will over HTTPS. Read
//! [`ToWorker`] and [`FromWorker`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sunward_core::{
    Capacity, Dataset, Lease, RunId, StageId, StagedFiles, TaskEnd, TaskId, Tasks, WorkerId,
};
use sunward_workflows::{Stage, Value};

/// The version of these messages; a worker speaks this one and the one before.
pub const VERSION: u32 = 1;

/// From the coordinator to one worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// What a stage is; sent before the first lease of it.
    Job(Arc<Job>),
    /// A lease to work on.
    Lease(Lease),
    /// End what runs and drop what waits of this run; each is answered by an end with `Cancelled`.
    Revoke {
        /// Whose tasks.
        run: RunId,
    },
    /// Nothing more of this run will come: forget its jobs.
    Forget {
        /// Which.
        run: RunId,
    },
    /// Finish nothing, leave now: kill what runs and say goodbye.
    Stop,
}

/// From a worker to the coordinator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// It is there and holds nothing.
    Hello {
        /// What it can run at once.
        capacity: Capacity,
    },
    /// These attempts' executions began (told for display only, in batches, and not for every task).
    Started {
        /// Which tasks.
        tasks: Vec<TaskId>,
    },
    /// These attempts ended; the parts of their results are durable.
    Ended {
        /// Each with its outcome.
        ends: Vec<TaskEnd>,
    },
    /// Something a user should read, once: `no GPU here: tanimoto_topk runs its CPU twin`.
    Notice {
        /// The line.
        line: String,
    },
    /// It is gone.
    Goodbye,
}

/// A message with its sender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Who.
    pub worker: WorkerId,
    /// What.
    pub message: FromWorker,
}

/// What a stage of a run is, for those who execute it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Run.
    pub run: RunId,
    /// The workflow's name: `run.name` in expressions.
    pub workflow: String,
    /// Stage.
    pub stage_id: StageId,
    /// The stage as checked: action, ports, templates, limits.
    pub stage: Stage,
    /// Every param's value.
    pub params: BTreeMap<String, Value>,
    /// Its inputs by port.
    pub inputs: BTreeMap<String, Dataset>,
    /// How it is cut into tasks; a task finds its item or slice here by its index.
    pub tasks: Tasks,
    /// `stages.x.status` of the stages before it: `succeeded`, `skipped`, …
    pub statuses: BTreeMap<String, String>,
    /// The folder of the workflow's file: `files` are found there.
    pub folder: String,
    /// The files that its commands get, with the digests that their copies must have.
    pub staged: StagedFiles,
}
