//! The simulator: the same core as in live runs, on virtual time, in a world of pools, grids and
//! faults.
//!
//! This room must not have a clock, thread or network of its own, nor a scheduler. It answers the
//! core's orders as a world would, and counts the result. Start with [`Setup`] (what a simulation
//! consists of), then read [`simulate()`].
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
mod capacity;
pub mod clairvoyant;
pub mod clear;
pub mod contenders;
pub mod draft;
mod faulty;
mod flow;
pub mod generate;
mod group;
mod idle;
pub mod limit;
mod locale;
pub mod meter;
pub mod piece;
pub mod policies;
mod queue;
mod random;
pub mod recorded;
pub mod report;
pub mod scenario;
pub mod schedule;
pub mod setup;
pub mod simulate;
pub mod submission;
pub mod tally;
mod vacancy;
pub mod workload;
mod world;

pub use at_home::{AtHome, at_home};
pub use capacity::Open;
pub use clear::PerfectFeed;
pub use contenders::contender;
pub use draft::{RunDraft, StageDraft};
pub use generate::{Generated, generate};
pub use limit::limit;
pub use locale::{Locale, Locales};
pub use piece::Piece;
pub use random::Random;
pub use recorded::{
    RecordedFeed, arrivals_of_the_first_day, check_span, fleet_of, openings_of, truth_of,
};
pub use report::{Bound, BoundReport, PolicyReport, Report};
pub use scenario::{Fault, FaultKind, Scenario, read_scenario};
pub use schedule::schedule;
pub use setup::{Contender, ForecastFeed, Opening, Setup, SimError};
pub use simulate::simulate;
pub use submission::{DataSizes, Submission};
pub use tally::{Played, Tally};
pub use vacancy::check_vacancy;
pub use workload::{Arrival, Lengths, Mistakes, read_jobs, read_trace_of_jobs, submissions};
