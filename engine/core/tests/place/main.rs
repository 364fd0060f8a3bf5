//! Tests of placement: stories and properties.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a test that meets the unexpected should stop there"
)]

mod absurd;
mod caution;
mod competing;
mod deadlines;
mod graphs;
mod preferences;
mod properties;
mod stories;
mod waiting;
mod world;
