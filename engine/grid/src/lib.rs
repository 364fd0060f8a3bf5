//! Grid signals: recorded traces and providers' APIs become series, and series become the
//! [`sunward_core::place::Outlook`] on which the core decides.
//!
//! This room must not decide where anything runs. It must never return a figure that was published
//! after the moment of the request.
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

pub mod almanac;
pub mod calendar;
pub mod forecast;
mod market;
mod moment;
pub mod provider;
mod published;
mod tariff;
pub mod trace;
pub mod weather;
mod whole;

pub use almanac::{Almanac, Foresight, Told};
pub use calendar::{Calendar, Opened, knows_timezone, most_open, pool_of};
pub use forecast::{Expected, Forecaster, How};
pub use moment::{moment, moment_shown};
pub use tariff::Tariff;
pub use trace::{Grid, Step, Trace, TraceError, merge_trace, read_trace};
pub use weather::Weather;
pub use whole::whole;
