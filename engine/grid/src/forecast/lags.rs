//! The inputs of a forecast: the last hours, the same hour on the last days, and means.

use crate::trace::Trace;

/// The number of lags.
pub(super) const LAGS: usize = 17;

/// The hours of history that the lags need.
const REACH_H: usize = 240;

/// The hours of a week.
pub(super) const HOURS_OF_WEEK: usize = 168;

/// The past of a trace up to a moment, with the means that all horizons share.
pub(super) struct History<'a> {
    trace: &'a Trace,
    known: usize,
    /// Expected hours that follow the known ones, in mg/kWh.
    expected: &'a [u32],
    day: f64,
    /// The mean of the last week. Lags are given as multiples of it.
    pub(super) week: f64,
    /// The mean over the last week at the last known hour's time of day.
    usual: f64,
}

impl<'a> History<'a> {
    /// The first `known` hours of a trace; `None` if they are too few or their mean is zero.
    pub(super) fn new(trace: &'a Trace, known: usize) -> Option<Self> {
        Self::beyond(trace, known, &[])
    }

    /// Like [`Self::new`], but as if the expected hours after the known ones had also ended. Lags
    /// count back from the last of them.
    pub(super) fn beyond(trace: &'a Trace, known: usize, expected: &'a [u32]) -> Option<Self> {
        if known < REACH_H || trace.steps.len() < known {
            return None;
        }
        let mut history = Self {
            trace,
            known,
            expected,
            day: 0.0,
            week: 0.0,
            usual: 0.0,
        };
        let mean = |hours: usize| -> f64 {
            let sum: f64 = (1..=hours).map(|back| history.at(back)).sum();
            sum / count(hours)
        };
        let (day, week) = (mean(24), mean(HOURS_OF_WEEK));
        let usual: f64 = (1..=7).map(|days| history.at(1 + 24 * days)).sum();
        if week <= 0.0 {
            return None;
        }
        history.day = day;
        history.week = week;
        history.usual = usual / 7.0;
        Some(history)
    }

    /// The value `back` hours before the first unknown hour.
    fn at(&self, back: usize) -> f64 {
        let hour = (self.known + self.expected.len()).wrapping_sub(back);
        let mg_per_kwh = match hour.checked_sub(self.known) {
            Some(ahead) => self.expected.get(ahead).copied(),
            None => {
                let step = self.trace.steps.get(hour);
                step.map(|step| step.average_mg_per_kwh)
            }
        };
        mg_per_kwh.map_or(0.0, f64::from)
    }

    /// The lags for the hour that is `ahead` hours after the first unknown one.
    pub(super) fn lags(&self, ahead: usize) -> [f64; LAGS] {
        // How far back the newest known hour at the target's time of day is.
        let newest = 24 - ahead % 24;
        let same = |days: usize| self.at(newest + 24 * days);
        let mean: f64 = (0..7).map(same).sum::<f64>() / 7.0;
        let last_week = if ahead < HOURS_OF_WEEK {
            self.at(HOURS_OF_WEEK - ahead)
        } else {
            mean
        };
        let raw = [
            self.at(1),
            self.at(2),
            self.at(3),
            same(0),
            same(1),
            same(2),
            mean,
            last_week,
            self.at(25),
            self.at(26),
            self.at(27),
            self.usual,
            self.day,
            self.week,
            self.at(6),
            self.at(12),
        ];
        let mut lags = [0.1; LAGS];
        for (lag, value) in lags.iter_mut().zip(raw) {
            *lag = value / self.week - 1.0;
        }
        lags
    }
}

/// A small count as a float.
pub(super) fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
