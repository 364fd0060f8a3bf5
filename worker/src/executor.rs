//! The interface between a slot and what it runs. Processes and kernels are its two
//! implementations.

use crate::batch::Batch;
use crate::pending_ends::PendingEnds;

/// Executes attempts.
pub(crate) trait Executor {
    /// Executes every task of the batch in sequence, and posts the end of each exactly once. It
    /// never panics because of a task. It ends early, with `Cancelled`, once the batch's stop is
    /// set.
    fn execute(&mut self, batch: &Batch, pending_ends: &mut PendingEnds);
}
