//! Tests providers with a local server, which answers as their documentation says, or as they fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod carbon_aware;
mod conformance;
mod electricity_maps;
mod kept;
mod openadr;
mod order;
mod prices;
mod quirks;
mod server;
mod sites;
mod watttime;
mod weather;
