//! The weather of a forecast: what wind and sun are expected to give in the hour that is forecast,
//! beside what they gave when its lags were measured.

use sunward_core::Timestamp;

use super::lags::{HOURS_OF_WEEK, count};
use crate::trace::Trace;
use crate::weather::Sky;

/// The number of figures that weather adds to the lags.
pub(super) const FIGURES: usize = 8;

/// The scales of turbines, radiation and temperature, which make figures about as large as lags.
const SCALES: [f64; 3] = [1.0 / 1000.0, 1.0 / 1000.0, 1.0 / 300.0];

/// The hours before and after the target whose wind is averaged. Forecasts often have a front at the
/// wrong hour.
const AROUND_H: usize = 3;

/// The weather that is known at a moment.
pub(super) struct Skies<'a> {
    trace: &'a Trace,
    known: usize,
    now: Timestamp,
    /// The first hour without a forecast.
    until: usize,
    /// The means of the last week, by figure.
    means: [f64; 3],
}

impl<'a> Skies<'a> {
    /// The weather that is published at a moment by which `known` hours were measured. `None` if
    /// there is none, or if an hour of the last week or the current one is missing.
    pub(super) fn new(trace: &'a Trace, known: usize, now: Timestamp) -> Option<Self> {
        if trace.weather.hours.is_empty() {
            return None;
        }
        let from = known.checked_sub(HOURS_OF_WEEK)?;
        let mut skies = Self {
            trace,
            known,
            now,
            until: known,
            means: [0.0; 3],
        };
        let mut sums = [0.0; 3];
        for at in from..known {
            let raw = raw(skies.sky(at)?);
            for (sum, value) in sums.iter_mut().zip(raw) {
                *sum += value;
            }
        }
        skies.means = sums.map(|sum| sum / count(HOURS_OF_WEEK));
        while skies.sky(skies.until).is_some() {
            skies.until += 1;
        }
        (skies.until > known).then_some(skies)
    }

    /// How many hours from the first unknown one on have a forecast.
    pub(super) const fn ahead(&self) -> usize {
        self.until - self.known
    }

    /// The figures for the hour that is `ahead` hours after the first unknown one; `ahead` is less
    /// than [`Self::ahead`].
    pub(super) fn figures(&self, ahead: usize) -> [f64; FIGURES] {
        let target = self.known + ahead;
        let [wind, sun, warmth] = self.at(target);
        // When the newest lag at this time of day was measured.
        let [wind_before, sun_before, warmth_before] = self.at(target - (ahead / 24 + 1) * 24);
        let [wind_now, ..] = self.at(self.known - 1);
        let around = target - AROUND_H..(target + AROUND_H + 1).min(self.until);
        let near = around.len();
        let wind_around: f64 = around.map(|hour| self.at(hour)[0]).sum();
        [
            wind,
            wind_before,
            wind_now,
            wind_around / count(near.max(1)),
            sun,
            sun_before,
            warmth,
            warmth_before,
        ]
    }

    /// An hour's weather as deviations from the means.
    fn at(&self, hour: usize) -> [f64; 3] {
        let raw = self.sky(hour).map_or(self.means, raw);
        std::array::from_fn(|figure| (raw[figure] - self.means[figure]) * SCALES[figure])
    }

    fn sky(&self, hour: usize) -> Option<Sky> {
        self.trace.weather.at(self.trace.ended(hour), self.now)
    }
}

fn raw(sky: Sky) -> [f64; 3] {
    [
        f64::from(sky.turbine_permille),
        f64::from(sky.radiation_w_per_m2),
        f64::from(sky.temperature_decicelsius),
    ]
}
