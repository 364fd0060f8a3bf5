//! Providers of grid signals: what they publish over HTTP becomes [`Series`].
//!
//! A figure is returned only if it was understood: it has the expected unit, is finite, not
//! negative, not above what any grid emits, and belongs to the requested time. Everything else is a
//! [`SignalError`] with the remedy. The current moment is always a parameter. Keys come in as
//! values ([`Access`]), and no error or debug output shows one.

mod access;
mod cache;
mod carbon_aware;
mod chain;
mod client;
mod document;
mod eia;
mod electricity_maps;
mod entsoe;
mod entsoe_document;
mod error;
mod factors;
mod mix;
mod open_meteo;
pub mod openadr;
mod options;
mod points;
mod prices;
mod secret;
mod series;
mod uk;
mod watttime;
mod weather_feed;
mod zones;

use sunward_core::Timestamp;

pub use access::{Access, Provider};
pub use cache::Kept;
pub use chain::{Answer, Chain, ChainError};
pub use client::{Client, Limits, Wait, really_wait};
pub use error::SignalError;
pub use factors::{FACTORS, Factor, Fuel};
pub use open_meteo::{OPEN_METEO, OpenMeteo};
pub use options::{ApiVersion, ElectricityMapsOptions, Ghg, OpenAdrOptions, Options};
pub use points::{Point, Points};
pub use prices::Prices;
pub use secret::Secret;
pub use series::Series;
pub use weather_feed::{Told as ToldWeather, WeatherFeed, WeatherOptions};

/// A source of carbon intensities. Calls block until there is an answer or an error.
pub trait GridSignal: Send + Sync + std::fmt::Debug {
    /// The provider's name, for example `uk`.
    fn name(&self) -> &'static str;

    /// The past, from the step that begins at or after `from` to the last known step that begins
    /// before `until`, without gaps. If more than a few steps are missing, only the part after the
    /// gap is returned. Zones have the names of Electricity Maps where possible.
    ///
    /// # Errors
    ///
    /// Fails if there is no usable answer, or it ends too early.
    fn history(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Series, SignalError>;

    /// The forecast from the current step on; `None` if the provider publishes none.
    ///
    /// # Errors
    ///
    /// Fails if there is no usable answer, or the forecast is too old.
    fn forecast(&self, zone: &str, now: Timestamp) -> Result<Option<Series>, SignalError>;

    /// The day-ahead prices of the hours between two moments, in euros. `until` may be later than
    /// `now`, but not later than the last hour whose price is published. `None` if the provider
    /// publishes none for this zone.
    ///
    /// # Errors
    ///
    /// Fails if there is no usable answer.
    fn prices(
        &self,
        _zone: &str,
        _from: Timestamp,
        _until: Timestamp,
        _now: Timestamp,
    ) -> Result<Option<Prices>, SignalError> {
        Ok(None)
    }

    /// What the account may ask for, in words: `only the region CAISO_NORTH`. `None` if the provider
    /// does not tell.
    ///
    /// # Errors
    ///
    /// Fails if there is no usable answer.
    fn covers(&self, _now: Timestamp) -> Result<Option<String>, SignalError> {
        Ok(None)
    }

    /// The name under which answers are cached. It differs where settings change the figures.
    fn kept_as(&self) -> String {
        self.name().to_owned()
    }
}
