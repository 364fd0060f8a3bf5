//! Simulations of small worlds.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    reason = "a test that meets the unexpected should stop there"
)]

mod crowds;
mod curtailed;
mod deadlines;
mod elastic;
mod idle;
mod lengths;
mod same;
mod stories;
mod world;
