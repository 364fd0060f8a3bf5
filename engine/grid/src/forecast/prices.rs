//! The day-ahead prices of a forecast. They are known before their hours begin, and say when wind
//! and sun are expected.

use sunward_core::Timestamp;

use super::lags::{HOURS_OF_WEEK, count};
use crate::market::Market;
use crate::trace::Trace;

/// The number of figures that prices add to the lags.
pub(super) const FIGURES: usize = 8;

/// Prices are cut off at this many times their mean deviation, so that a scarce hour at a hundred
/// times the usual price does not outweigh the others.
const MOST_DEVIATIONS: f64 = 2.0;

/// The scale of the figures, which makes them about as large as lags.
const SCALE: f64 = 0.2;

/// The hours before and after the target that show whether its price belongs to a trough or a peak.
const AROUND_H: usize = 3;

/// A missing price counts as the last one, up to so many hours back. Sources lack the hours in
/// which clocks change.
const CARRY_H: usize = 3;

/// The prices that are known at a moment.
pub(super) struct Prices<'a> {
    trace: &'a Trace,
    known: usize,
    /// The first hour without a published price.
    until: usize,
    /// The first hour of tomorrow.
    tomorrow: usize,
    /// The mean of the last week, in thousandths of a euro per megawatt-hour.
    mean: f64,
    /// The mean deviation from it in the last week.
    deviation: f64,
    /// The mean figures of today and of tomorrow, as far as published.
    of_days: [f64; 2],
    /// The mean figure of the last 24 hours.
    day: f64,
}

impl<'a> Prices<'a> {
    /// The prices that are published at a moment by which `known` hours were measured. `None` if the
    /// zone has no day-ahead market, or a price of the last week or of the current hour is missing.
    pub(super) fn new(
        trace: &'a Trace,
        market: &Market,
        known: usize,
        now: Timestamp,
    ) -> Option<Self> {
        let from = known.checked_sub(HOURS_OF_WEEK)?;
        let days = market.days(now)?;
        let hour = |moment: Timestamp| {
            usize::try_from(moment.since_ms(trace.first) / trace.step_ms).unwrap_or(usize::MAX)
        };
        let published = hour(days.published_until).min(trace.priced_steps());
        let until = (known..published)
            .find(|at| price(trace, *at).is_none())
            .unwrap_or(published);
        let mut prices = Self {
            trace,
            known,
            until,
            tomorrow: hour(days.tomorrow),
            mean: 0.0,
            deviation: 0.0,
            of_days: [0.0; 2],
            day: 0.0,
        };
        let mut sum = 0.0;
        for at in from..known {
            sum += price(trace, at)?;
        }
        prices.mean = sum / count(HOURS_OF_WEEK);
        let apart: f64 = (from..known)
            .filter_map(|at| Some((price(trace, at)? - prices.mean).abs()))
            .sum();
        prices.deviation = apart / count(HOURS_OF_WEEK);
        if prices.until <= known || prices.deviation <= 0.0 {
            return None;
        }
        let today = hour(days.today);
        let tomorrow = prices.tomorrow.min(prices.until);
        prices.of_days = [
            prices.mean_of(today, tomorrow),
            prices.mean_of(tomorrow, prices.until),
        ];
        prices.day = prices.mean_of(known - 24, known);
        Some(prices)
    }

    /// How many hours from the first unknown one on have a published price.
    pub(super) const fn ahead(&self) -> usize {
        self.until - self.known
    }

    /// The figures for the hour that is `ahead` hours after the first unknown one; `ahead` is less
    /// than [`Self::ahead`].
    pub(super) fn figures(&self, ahead: usize) -> [f64; FIGURES] {
        let target = self.known + ahead;
        let newest = target - (ahead / 24 + 1) * 24;
        let usual: f64 = (0..7).map(|days| self.at(newest - 24 * days)).sum();
        let is_tomorrow = usize::from(target >= self.tomorrow);
        let own = self.at(target);
        [
            own,
            own.abs(),
            self.at(newest),
            self.at(self.known - 1),
            usual / 7.0,
            self.mean_of(target - AROUND_H, (target + AROUND_H + 1).min(self.until)),
            self.of_days[is_tomorrow],
            self.day,
        ]
        .map(|figure| figure * SCALE)
    }

    /// An hour's price as deviations from the mean.
    fn at(&self, hour: usize) -> f64 {
        let price = price(self.trace, hour).unwrap_or(self.mean);
        ((price - self.mean) / self.deviation).clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)
    }

    fn mean_of(&self, from: usize, until: usize) -> f64 {
        let sum: f64 = (from..until).map(|hour| self.at(hour)).sum();
        sum / count(until.saturating_sub(from).max(1))
    }
}

/// The price of an hour, or the last one before it.
fn price(trace: &Trace, hour: usize) -> Option<f64> {
    let milli = (0..=CARRY_H).find_map(|back| trace.price_of(hour.checked_sub(back)?))?;
    // Prices are far below 2^31 thousandths.
    i32::try_from(milli).ok().map(f64::from)
}
