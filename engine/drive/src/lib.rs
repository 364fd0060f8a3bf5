//! The live loop: the journal, the core, and a transport to workers.
//!
//! Messages arrive in the [`Inbox`]. The core decides what each means. Facts go to the journal in
//! groups as soon as its writer is idle. Orders leave once the group that holds their facts is
//! durable; meanwhile the core goes on deciding. The laptop's `run` and the server use this same
//! loop.
//!
//! This room must not decide anything itself, execute tasks, or print. It changes the state only by
//! applying facts. Read [`Setup`] and [`run`] first, then `engine` (the loop) and `resolver` (slow
//! questions).

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        reason = "tests may panic"
    )
)]

mod bucket_files;
mod cancel;
pub mod clock;
pub mod demand;
mod engine;
pub mod error;
pub mod event;
pub mod feed;
mod file_sets;
mod files_read;
mod foreseen;
mod guard;
mod history;
mod ignored;
pub mod inbox;
mod local;
mod losses;
mod observer;
mod path_key;
mod pending;
mod questions;
mod recall;
mod registry;
pub mod resolver;
pub mod row_files;
mod row_tasks;
pub mod setup;
mod solver;
pub mod transport;
mod versions;
mod view;
mod writer;

pub use cancel::cancel;
pub use clock::{Clock, ScaledClock, SystemClock};
pub use demand::{DemandFeed, Demanded};
pub use engine::run;
pub use error::DriveError;
pub use event::Event;
pub use feed::ForecastFeed;
pub use foreseen::{Listed, foreseen};
pub use history::{earlier_stages, earlier_times};
pub use ignored::IgnoredRecords;
pub use inbox::{Control, Inbox, Line, inbox};
pub use local::LocalResolver;
pub use observer::Observer;
pub use recall::FileRecall;
pub use resolver::{InputResolver, Resolution, ResolveRequest, Source};
pub use setup::{Ended, Limits, Setup, Start};
pub use transport::Transport;
