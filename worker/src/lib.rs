//! The worker: it takes leases, executes attempts, and reports their ends.
//!
//! It resolves inputs, runs processes and kernels within its cores and memory, keeps a log of every
//! attempt, stores outputs durably, and meters the cost. It speaks `sunward_protocol` with its
//! coordinator. This room knows nothing of journals, plans or placement. It never decides what
//! runs, nor whether something is retried.
//!
//! Read [`Worker`] first, then `queue` (what may start), `slot` (the one thread that runs an
//! attempt) and `process::watch` (what happens while a command runs).
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        reason = "a test that cannot go on should say so and stop"
    )
)]

mod arrived;
mod attempt;
mod batch;
mod clock;
mod context;
pub mod device;
mod devices;
mod ends;
pub mod environments;
mod executor;
mod fault;
mod host;
mod inputs;
mod job;
mod kernels;
mod live;
mod log;
mod memo;
mod meter;
mod named;
mod options;
mod outbox;
mod outputs;
mod panics;
mod pending_ends;
mod process;
mod queue;
mod rejects;
mod render;
mod secrets;
mod shared_queue;
mod slices;
mod slot;
mod space;
mod staged;
mod stop;
pub mod supervisor;
mod tail;
mod task_folder;
mod wakeups;
mod worker;

pub use devices::can_serve;
pub use host::Host;
pub use live::{LeftRunning, sweep};
pub use meter::{MeterFiles, NoMeter};
pub use options::Options;
pub use secrets::{masked, secret, secret_problem};
pub use space::Space;
pub use worker::{Worker, WorkerError};
