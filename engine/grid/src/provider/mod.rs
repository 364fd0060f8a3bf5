//! Providers of grid signals: what they publish over HTTP becomes [`Series`].
//!
//! A figure is given out only when it was understood: with the unit that was expected, finite, not
//! negative, no more than any grid emits, and for the time that was asked for. Anything else is a
//! [`SignalError`] that says what to do. The moment is always passed in; keys come in as values
//! ([`Access`]), and no error or debug output shows one.

mod access;
mod cache;
mod carbon_aware;
mod chain;
mod client;
mod document;
mod eia;
mod electricity_maps;
mod entsoe;
mod error;
mod factors;
mod mix;
mod secret;
mod series;
mod uk;
mod watttime;
mod zones;

use sunward_core::Timestamp;

pub use access::{Access, Provider};
pub use cache::Kept;
pub use chain::{Answer, Chain, ChainError};
pub use client::{Client, Limits, Wait, really_wait};
pub use error::SignalError;
pub use factors::{FACTORS, Factor, Fuel};
pub use secret::Secret;
pub use series::Series;

/// A source of carbon intensities. Calls block until there is an answer or an error.
pub trait GridSignal: Send + Sync + std::fmt::Debug {
    /// The word that names it: `uk`.
    fn name(&self) -> &'static str;

    /// What was, from the step that begins at or after `from` to the last that is known and begins
    /// before `until`; unbroken. When longer than a few steps are missing in between, only what comes
    /// after them is given. `zone` is named as Electricity Maps names it where that is possible.
    ///
    /// # Errors
    /// When there is no answer that can be used, or it ends too early.
    fn history(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Series, SignalError>;

    /// What is expected, from the step that goes on; `None` from a provider that does not say.
    ///
    /// # Errors
    /// When there is no answer that can be used, or it is too old to tell of the future.
    fn forecast(&self, zone: &str, now: Timestamp) -> Result<Option<Series>, SignalError>;
}
