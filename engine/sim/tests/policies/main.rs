//! Policies to compare with, on problems small enough to follow by hand.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected should stop there"
)]

mod promises;
mod small;
mod stories;
