//! Published policies on small problems with known answers.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected should stop there"
)]

mod places;
mod promises;
mod small;
mod stories;
