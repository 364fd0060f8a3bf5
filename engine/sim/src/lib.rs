//! The other loop: the same brain on virtual time, in worlds of pools, grids and faults.
//!
//! This room must not have a clock, thread or network of its own, nor a scheduler: it answers the
//! brain's orders as a world would, and counts what came of it.
#![cfg_attr(
    test,
    allow(
        clippy::allow_attributes,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that meets the unexpected should stop there"
    )
)]

pub mod at_home;
pub mod draft;
pub mod meter;
mod random;
pub mod scenario;
pub mod submission;

pub use at_home::{AtHome, at_home};
pub use draft::{RunDraft, StageDraft};
pub use random::Random;
pub use scenario::{Fault, FaultKind, Scenario, read_scenario};
pub use submission::{DataSizes, Submission};
