//! The seam between a seat and what it runs: processes and kernels are its two implementations.

use crate::batch::Batch;
use crate::post::Post;

/// Something that executes attempts.
pub(crate) trait Executor {
    /// Executes every task of the batch, one after the other, and posts the end of each exactly
    /// once. Never panics on account of a task; ends early, with `Cancelled`, once the batch's stop
    /// is set.
    fn execute(&mut self, batch: &Batch, post: &mut Post);
}
