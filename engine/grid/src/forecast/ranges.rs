//! The intervals of forecasts: between which figures an hour's intensity lies in four of five cases.
//!
//! They are quantiles of the errors that forecasts had in the last weeks, by horizon and hour of the
//! day (split conformal prediction). Each of those forecasts was made by a model that had been fitted
//! before it, so the errors are those of real use. A longer horizon has fewer independent errors in
//! the same weeks, and its season moves on further, so its quantiles lie further out.

use super::lags::count;

/// The horizons in hours whose errors are collected. Quantiles between two of them are interpolated;
/// those of the last hold beyond.
pub(super) const LEADS: [usize; 17] = [
    0, 1, 2, 3, 5, 7, 11, 15, 19, 23, 30, 38, 47, 71, 95, 131, 167,
];

/// The least number of errors that give a quantile.
const LEAST: usize = 40;

/// The hours of the day before and after an hour whose errors count for it.
const AROUND_H: usize = 2;

/// The share of errors below the interval, and above it, for the current hour and at the last of
/// [`LEADS`]. On 2022 these shares gave intervals that held four of five hours at every horizon.
const TAILS: (f64, f64) = (0.097, 0.077);

/// The errors of one horizon, as shares of the scale, with the hour of the day of each.
pub(super) type Errors = Vec<(usize, f64)>;

/// The quantiles by horizon and hour of the day.
#[derive(Debug)]
pub(super) struct Ranges {
    /// One entry for each of [`LEADS`], as far as there were enough errors.
    leads: Vec<[(f64, f64); 24]>,
}

impl Ranges {
    /// The quantiles of these errors, one entry for each of [`LEADS`]. `None` if they are too few.
    pub(super) fn of(errors: &[Errors]) -> Option<Self> {
        let leads: Vec<_> = errors
            .iter()
            .zip(LEADS)
            .map_while(|(errors, lead)| quantiles(errors, lead))
            .collect();
        (!leads.is_empty()).then_some(Self { leads })
    }

    /// The bounds of the error at a horizon and an hour of the day, as shares of the scale.
    pub(super) fn at(&self, ahead: usize, hour: usize) -> (f64, f64) {
        let last = self.leads.len().saturating_sub(1);
        let next = LEADS.partition_point(|lead| *lead <= ahead).min(last);
        let before = next.saturating_sub(usize::from(LEADS[next] > ahead));
        let bounds = |place: usize| {
            self.leads
                .get(place)
                .map_or((0.0, 0.0), |hours| hours[hour % 24])
        };
        let (near, far) = (bounds(before), bounds(next));
        if before == next {
            return near;
        }
        let share = count(ahead - LEADS[before]) / count(LEADS[next] - LEADS[before]);
        let mix = |near: f64, far: f64| near + share * (far - near);
        (mix(near.0, far.0), mix(near.1, far.1))
    }
}

/// The quantiles of one horizon, for each hour of the day.
fn quantiles(errors: &[(usize, f64)], lead: usize) -> Option<[(f64, f64); 24]> {
    let tail = tail(lead);
    let mut hours = [(0.0, 0.0); 24];
    for (hour, bounds) in hours.iter_mut().enumerate() {
        let near = |at: usize| {
            let apart = (at + 24 - hour) % 24;
            apart.min(24 - apart) <= AROUND_H
        };
        let mut near: Vec<f64> = errors
            .iter()
            .filter(|(at, _)| near(*at))
            .map(|(_, error)| *error)
            .collect();
        if near.len() < LEAST {
            return None;
        }
        near.sort_unstable_by(f64::total_cmp);
        *bounds = (
            quantile(&near, tail).min(0.0),
            quantile(&near, 1.0 - tail).max(0.0),
        );
    }
    Some(hours)
}

/// The share of errors that is left out at each end.
fn tail(lead: usize) -> f64 {
    let (now, last) = TAILS;
    let whole = count(LEADS[LEADS.len() - 1]);
    now + (last - now) * count(lead) / whole
}

/// A quantile of sorted numbers, interpolated. Ranks are those of `n + 1` intervals of equal chance,
/// one of which holds the next number.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len() - 1;
    let rank = (share * count(sorted.len() + 1) - 1.0).clamp(0.0, count(last));
    let low = crate::whole::whole(rank.floor());
    let low = usize::try_from(low).unwrap_or(0).min(last);
    let part = rank - count(low);
    let next = (low + 1).min(last);
    sorted[low] + part * (sorted[next] - sorted[low])
}
