//! The core in a small world: stories of runs, plans and explanations, and properties.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected should stop there; the world offers more than each test uses"
)]

mod explaining;
mod figures;
mod lease_properties;
mod placed_properties;
mod planning;
mod properties;
mod stories;
mod world;
