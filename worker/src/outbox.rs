//! The way of messages to the coordinator.

use std::sync::Arc;

use sunward_core::{TaskEnd, TaskId};
use sunward_protocol::FromWorker;

/// Sends messages to the coordinator. It never blocks for long.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<dyn Fn(FromWorker) + Send + Sync>);

impl Outbox {
    pub(crate) fn new(send: impl Fn(FromWorker) + Send + Sync + 'static) -> Self {
        Self(Arc::new(send))
    }

    pub(crate) fn send(&self, message: FromWorker) {
        (self.0)(message);
    }

    /// Sends one line of text for the user.
    pub(crate) fn notice(&self, line: String) {
        self.send(FromWorker::Notice { line });
    }

    /// Reports that a task is executing.
    pub(crate) fn started(&self, task: TaskId) {
        self.send(FromWorker::Started { tasks: vec![task] });
    }

    /// Reports the ends of attempts.
    pub(crate) fn ended(&self, ends: Vec<TaskEnd>) {
        self.send(FromWorker::Ended { ends });
    }
}
