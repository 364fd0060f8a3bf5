//! The seam between a slot and what it runs: processes and kernels are its two implementations.

use crate::batch::Batch;
use crate::pending_ends::PendingEnds;

/// Something that executes attempts.
pub(crate) trait Executor {
    /// Executes every task of the batch, one after the other, and posts the end of each exactly
    /// once. Never panics on account of a task; ends early, with `Cancelled`, once the batch's stop
    /// is set.
    fn execute(&mut self, batch: &Batch, pending_ends: &mut PendingEnds);
}
