//! Turns a panic of the loop into an error, so that the run can be resumed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sunward_core::{RunId, RunStatus};

use crate::error::DriveError;

/// Drives a run. After a panic nothing more is decided. What was acknowledged is in the journal,
/// which is closed when the engine is dropped.
pub(crate) fn guarded(
    run: RunId,
    drive: impl FnOnce() -> Result<RunStatus, DriveError>,
) -> Result<RunStatus, DriveError> {
    catch_unwind(AssertUnwindSafe(drive)).unwrap_or_else(|panic| {
        Err(DriveError::Panicked {
            run,
            said: said(&*panic).to_owned(),
        })
    })
}

/// The message of a panic.
pub(crate) fn said(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
}
