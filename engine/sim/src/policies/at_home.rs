//! Policies that wait at home for something else than carbon: for the night, or for cheap power.

use std::collections::BTreeMap;

use sunward_core::PoolId;

use super::ruled::{Rating, Rule, Turn};
use super::steps::Steps;
use super::view::{Spot, View};
use crate::locale::Locales;

/// The local hours from which on, and until which, it is night.
const NIGHT: (u8, u8) = (20, 8);

/// Added to prices in thousandths of a euro per megawatt-hour, so that none is negative. Europe's
/// market allows none below -500 EUR/MWh, and no market one below -10 000.
const NEVER_BELOW: i64 = 10_000_000;

/// The rule of thumb that machines and power are free at night: the first start at which the stage
/// runs at night only, else the one with the least of the day.
#[derive(Clone, Debug)]
pub struct NightsOnly {
    locales: Locales,
    /// By home: whether it is day, 0 or 1.
    day: BTreeMap<PoolId, Steps>,
}

impl NightsOnly {
    /// The rule for pools in these places.
    #[must_use]
    pub const fn new(locales: Locales) -> Self {
        Self {
            locales,
            day: BTreeMap::new(),
        }
    }
}

impl Rule for NightsOnly {
    fn begin(&mut self, view: &View<'_>) {
        self.day = by_home(view, |home| {
            let locale = self.locales.get(home)?;
            let is_day = |hour| u64::from((NIGHT.1..NIGHT.0).contains(&hour));
            Some(view.steps(|slots| slots.iter().map(|at| is_day(locale.hour(*at))).collect()))
        });
    }

    fn rate(&self, _view: &View<'_>, _turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        Some((over(&self.day, spot), spot.start_ms))
    }
}

/// The cheapest window before the deadline, by the prices that are published. Without prices, at
/// once.
#[derive(Clone, Debug)]
pub struct CheapestWindow {
    locales: Locales,
    /// By home: the price above [`NEVER_BELOW`].
    price: BTreeMap<PoolId, Steps>,
}

impl CheapestWindow {
    /// The rule for pools in these places.
    #[must_use]
    pub const fn new(locales: Locales) -> Self {
        Self {
            locales,
            price: BTreeMap::new(),
        }
    }
}

impl Rule for CheapestWindow {
    fn begin(&mut self, view: &View<'_>) {
        self.price = by_home(view, |home| {
            let tariff = self.locales.get(home)?.tariff.as_ref()?;
            Some(view.steps(|slots| {
                let known = tariff.known(view.problem.now, slots);
                // An unknown price counts as the mean of the known ones: it is no reason to wait.
                let sum: i64 = known.iter().flatten().sum();
                let count = i64::try_from(known.iter().flatten().count()).unwrap_or(1);
                let mean = sum.checked_div(count).unwrap_or(0);
                let above = known
                    .iter()
                    .map(|price| price.unwrap_or(mean) + NEVER_BELOW);
                above
                    .map(|price| u64::try_from(price).unwrap_or(0))
                    .collect()
            }))
        });
    }

    fn rate(&self, _view: &View<'_>, _turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        Some((over(&self.price, spot), spot.start_ms))
    }
}

/// A figure for each home of a problem's stages.
fn by_home(view: &View<'_>, figure: impl Fn(PoolId) -> Option<Steps>) -> BTreeMap<PoolId, Steps> {
    let mut figures = BTreeMap::new();
    for ask in &view.problem.asks {
        if !figures.contains_key(&ask.home)
            && let Some(steps) = figure(ask.home)
        {
            figures.insert(ask.home, steps);
        }
    }
    figures
}

/// The figure's sum over a window; 0 where it is not known.
fn over(figures: &BTreeMap<PoolId, Steps>, spot: Spot) -> u64 {
    let steps = figures.get(&spot.pool);
    steps.map_or(0, |steps| steps.over(spot.start_ms, spot.end_ms))
}
