//! Runs as a user sees them.

pub mod at_home;
mod curtailing;
mod failing;
mod flowing;
mod following;
mod last_start;
mod late;
mod late_curtailed;
mod leasing;
mod limits;
mod margins;
mod placing;
mod sharing;
mod stopping;
mod waits;

use sunward_core::Outcome;

use crate::world::gives;

/// An attempt that succeeds.
fn ok(stage: &str, index: u32) -> Outcome {
    Outcome::Succeeded(gives(stage, index, 1))
}
