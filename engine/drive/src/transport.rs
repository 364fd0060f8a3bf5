//! The transport of messages to workers.

use sunward_core::WorkerId;
use sunward_protocol::ToWorker;

/// Carries messages to workers. Workers' messages arrive in the [`crate::Inbox`].
pub trait Transport: Send {
    /// Sends one message. It must not block for long. A worker that cannot be reached is reported
    /// through the inbox as gone, not here.
    fn send(&mut self, to: WorkerId, message: ToWorker);
}

impl<F: FnMut(WorkerId, ToWorker) + Send> Transport for F {
    fn send(&mut self, to: WorkerId, message: ToWorker) {
        self(to, message);
    }
}
