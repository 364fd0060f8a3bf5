//! The registry of workers, and of the jobs that each has received.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sunward_core::{Lease, RunId, StageId, State, WorkerId};
use sunward_protocol::{Job, ToWorker};

use crate::transport::Transport;
use crate::view;

/// The workers that are present.
pub(crate) struct WorkerRegistry {
    transport: Box<dyn Transport>,
    /// By worker: the stages whose job it has received.
    told: BTreeMap<WorkerId, BTreeSet<(RunId, StageId)>>,
    /// Jobs by stage. Many workers get the same one.
    jobs: BTreeMap<(RunId, StageId), Arc<Job>>,
    /// True once a worker has joined.
    manned: bool,
}

impl WorkerRegistry {
    pub(crate) fn new(transport: Box<dyn Transport>) -> Self {
        Self {
            transport,
            told: BTreeMap::new(),
            jobs: BTreeMap::new(),
            manned: false,
        }
    }

    /// Adds a worker, which has no jobs yet.
    pub(crate) fn joined(&mut self, worker: WorkerId) {
        self.manned = true;
        self.told.insert(worker, BTreeSet::new());
    }

    /// Removes a worker.
    pub(crate) fn left(&mut self, worker: WorkerId) {
        self.told.remove(&worker);
    }

    /// True if there were workers and all have left.
    pub(crate) fn is_deserted(&self) -> bool {
        self.manned && self.told.is_empty()
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, worker: WorkerId, message: ToWorker) {
        if self.told.contains_key(&worker) {
            self.transport.send(worker, message);
        }
    }

    /// Sends a lease to a worker, with the job if it has not received it.
    pub(crate) fn dispatch(&mut self, state: &State, worker: WorkerId, lease: Lease) {
        let stage = (lease.run, lease.stage);
        let Some(told) = self.told.get_mut(&worker) else {
            // The worker left after the decision. The core knows it already, or soon will.
            return;
        };
        if told.insert(stage) {
            let job = match self.jobs.get(&stage) {
                Some(job) => Arc::clone(job),
                None => {
                    let Some(job) = view::job(state, lease.run, lease.stage) else {
                        return;
                    };
                    let job = Arc::new(job);
                    self.jobs.insert(stage, Arc::clone(&job));
                    job
                }
            };
            self.transport.send(worker, ToWorker::Job(job));
        }
        let files = view::files_of(state, &lease);
        if !files.is_empty() {
            let (run, stage) = stage;
            let message = ToWorker::Files { run, stage, files };
            self.transport.send(worker, message);
        }
        self.transport.send(worker, ToWorker::Lease(lease));
    }

    /// Forgets the jobs of stages that are restarted, because they have changed.
    pub(crate) fn forget_stages(&mut self, run: RunId, stages: &[StageId]) {
        for stage in stages {
            self.jobs.remove(&(run, *stage));
            for told in self.told.values_mut() {
                told.remove(&(run, *stage));
            }
        }
    }

    /// Forgets a run that is over.
    pub(crate) fn forget(&mut self, run: RunId) {
        self.jobs.retain(|(of, _), _| *of != run);
        for (worker, told) in &mut self.told {
            told.retain(|(of, _)| *of != run);
            self.transport.send(*worker, ToWorker::Forget { run });
        }
    }

    /// Tells all workers to stop.
    pub(crate) fn stop_all(&mut self) {
        for worker in self.told.keys() {
            self.transport.send(*worker, ToWorker::Stop);
        }
    }
}
