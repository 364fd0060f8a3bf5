//! The journal, and what is derived from it.
//!
//! A run is what its facts say. Facts are appended in groups. A group is durable as a whole when
//! [`Journal::append`] returns, and folding all groups through `core` gives the state again. In the
//! same transaction a group updates what is derived from it: the listing of runs, the results by
//! task key, and the records of files. Derived rows only save work; the facts decide.
//!
//! This room must not decide anything, know datasets' bytes, or read the clock. Read [`Journal`]
//! and [`Reader`] first, then [`sqlite`]. [`conformance`] holds the tests that every journal must
//! pass.

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

pub mod blob;
pub mod conformance;
pub mod derive;
pub mod error;
mod fold;
pub mod group;
pub mod journal;
pub mod lock;
pub mod sqlite;

pub use derive::digest_params;
pub use error::StateError;
pub use group::{FileRecord, FileStamp, Group, Position};
pub use journal::{CancelRequest, Journal, OpenReader, Reader, RunRow, Scope};
pub use lock::{EngineLock, is_engaged};
pub use sqlite::{Sqlite, SqliteReader};
