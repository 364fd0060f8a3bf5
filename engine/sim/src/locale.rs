//! What a policy may know of the pools' places besides carbon: local time, and the price of power.

use std::sync::Arc;

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;
use sunward_core::{PoolId, Timestamp};
use sunward_grid::{Grid, Tariff};

/// The place of one pool.
#[derive(Clone, Debug)]
pub struct Locale {
    clock: TimeZone,
    /// The prices of its zone, if the grid has any.
    pub tariff: Option<Tariff>,
}

impl Locale {
    /// A place in a grid zone. An unknown time zone counts as UTC; fleet files are checked for that
    /// before.
    #[must_use]
    pub fn new(timezone: &str, zone: &str, grid: &Arc<Grid>) -> Self {
        Self {
            clock: TimeZone::get(timezone).unwrap_or(TimeZone::UTC),
            tariff: Tariff::of(grid, zone),
        }
    }

    /// The hour of the day at a moment, from 0 to 23.
    #[must_use]
    pub fn hour(&self, at: Timestamp) -> u8 {
        let instant = i64::try_from(at.0).ok();
        let instant = instant.and_then(|ms| Instant::from_millisecond(ms).ok());
        let local = self.clock.to_datetime(instant.unwrap_or_default());
        u8::try_from(local.hour()).unwrap_or(0)
    }
}

/// The places of all pools, by [`PoolId`].
#[derive(Clone, Debug, Default)]
pub struct Locales(Arc<Vec<Locale>>);

impl Locales {
    /// The place of a pool, if it is known.
    #[must_use]
    pub fn get(&self, pool: PoolId) -> Option<&Locale> {
        self.0.get(pool.place())
    }
}

impl FromIterator<Locale> for Locales {
    fn from_iter<I: IntoIterator<Item = Locale>>(locales: I) -> Self {
        Self(Arc::new(locales.into_iter().collect()))
    }
}
