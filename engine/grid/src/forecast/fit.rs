//! The regression of a forecast: for each horizon, coefficients fitted on a window of the past with
//! a ridge penalty towards a simple rule.
//!
//! Each hour is weighted by the inverse of its value, because forecasts are judged by relative
//! error. Without weights, the few dirty days of a windy grid dominate its many clean ones. Sums
//! are plain and in a fixed order, so the result is the same on every machine.

use super::lags::{History, LAGS, count};
use crate::trace::Trace;
use crate::whole::whole;

/// The horizons in hours that are fitted. Coefficients between two horizons of the same day are
/// interpolated; the last ones hold beyond.
const ANCHORS: [usize; 17] = [0, 1, 2, 3, 4, 6, 8, 11, 14, 18, 23, 24, 27, 30, 36, 42, 47];

/// The strength of the ridge penalty relative to the variance of the lags: for the current hour,
/// and from a day ahead on, where there is less to learn. Being relative, it suits zones that
/// hardly vary as well.
const RIDGE: (f64, f64) = (0.005, 0.1);

/// The first horizon in hours with the stronger penalty.
const DAY_AHEAD: usize = 23;

/// The share of the last hours' error that remains after an hour: e^(-1/12).
const FADING: f64 = 0.920_044_414_629_323_1;

/// The least value used for weights, as a share of the week's mean. Without it an hour near zero
/// would dominate all others.
const LEAST_SHARE: f64 = 0.05;

/// The least number of rows for a fit.
const ROWS: usize = 200;

type Coefficients = [f64; LAGS];

/// The coefficients of one zone for one week.
#[derive(Debug)]
pub(super) struct Model {
    /// By horizon: the coefficients, and the fit's mean absolute error relative to the week's mean.
    anchors: Vec<(Coefficients, f64)>,
}

impl Model {
    /// Fits a model on the hours `from..until` of a trace.
    pub(super) fn fit(trace: &Trace, from: usize, until: usize) -> Option<Self> {
        let histories: Vec<(usize, History<'_>)> = (from..until)
            .filter_map(|known| Some((known, History::new(trace, known)?)))
            .collect();
        let anchors: Option<Vec<_>> = ANCHORS
            .into_iter()
            .map(|ahead| anchor(trace, &histories, until, ahead))
            .collect();
        Some(Self { anchors: anchors? })
    }

    /// The expected value `ahead` hours ahead in mg/kWh, and its expected error in thousandths.
    pub(super) fn expect(&self, history: &History<'_>, ahead: usize) -> Option<(u32, u16)> {
        let next = ANCHORS.partition_point(|anchor| *anchor <= ahead);
        let low = next.checked_sub(1)?;
        let (near, near_error) = self.anchors.get(low)?;
        let between = ANCHORS
            .get(next)
            .filter(|anchor| **anchor / 24 == ANCHORS[low] / 24)
            .and_then(|anchor| Some((*anchor, self.anchors.get(next)?)));
        let lags = history.lags(ahead);
        let (estimate, error) = match between {
            Some((anchor, (far, far_error))) => {
                let share = count(ahead - ANCHORS[low]) / count(anchor - ANCHORS[low]);
                let mix = |a: f64, b: f64| (1.0 - share) * a + share * b;
                (
                    mix(dot(near, &lags), dot(far, &lags)),
                    mix(*near_error, *far_error),
                )
            }
            None => (dot(near, &lags), *near_error),
        };
        let value = ((estimate + 1.0) * history.week).max(1.0);
        let permille = error * history.week / value * 1000.0;
        Some((
            u32::try_from(whole(value)).unwrap_or(u32::MAX),
            u16::try_from(whole(permille)).unwrap_or(u16::MAX).min(1000),
        ))
    }
}

/// Fits the coefficients of one horizon.
fn anchor(
    trace: &Trace,
    histories: &[(usize, History<'_>)],
    until: usize,
    ahead: usize,
) -> Option<(Coefficients, f64)> {
    let rule = rule(ahead);
    let rows = || {
        histories
            .iter()
            .take_while(move |(known, _)| known + ahead < until)
            .filter_map(move |(known, history)| {
                let step = trace.steps.get(known + ahead)?;
                let target = f64::from(step.average_mg_per_kwh) / history.week - 1.0;
                Some((history.lags(ahead), target))
            })
    };
    let mut gram = [[0.0; LAGS]; LAGS];
    let mut right = [0.0; LAGS];
    let mut seen = 0;
    for (lags, target) in rows() {
        let off = target - dot(&rule, &lags);
        let weight = 1.0 / (target + 1.0).max(LEAST_SHARE);
        for (row, (lag, sum)) in gram.iter_mut().zip(lags.iter().zip(&mut right)) {
            let weighed = weight * lag;
            *sum += weighed * off;
            for (cell, other) in row.iter_mut().zip(&lags) {
                *cell += weighed * other;
            }
        }
        seen += 1;
    }
    if seen < ROWS {
        return None;
    }
    let varies: f64 = gram.iter().enumerate().map(|(at, row)| row[at]).sum();
    let ridge = ridge(ahead) * varies / count(LAGS);
    for (at, row) in gram.iter_mut().enumerate() {
        row[at] += ridge;
    }
    let mut coefficients = solve(gram, right)?;
    for (own, rule) in coefficients.iter_mut().zip(rule) {
        *own += rule;
    }
    let errors: f64 = rows()
        .map(|(lags, target)| (target - dot(&coefficients, &lags)).abs())
        .sum();
    Some((coefficients, errors / count(seen)))
}

/// The strength of the ridge penalty for a horizon.
fn ridge(ahead: usize) -> f64 {
    let (now, day) = RIDGE;
    now + (day - now) * count(ahead.min(DAY_AHEAD)) / count(DAY_AHEAD)
}

/// The rule that the penalty pulls towards: half of yesterday's value, half of the week's mean at
/// that hour, and the last hour's error, fading.
fn rule(ahead: usize) -> Coefficients {
    let mut fading = 1.0;
    for _ in 0..ahead {
        fading *= FADING;
    }
    let mut rule = [0.0; LAGS];
    rule[0] = 0.7 * fading;
    rule[3] = 0.5;
    rule[6] = 0.5;
    rule[8] = -0.35 * fading;
    rule[11] = -0.35 * fading;
    rule
}

fn dot(a: &Coefficients, b: &Coefficients) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}

/// Solves a symmetric positive definite system by Cholesky decomposition.
fn solve(mut a: [[f64; LAGS]; LAGS], mut b: [f64; LAGS]) -> Option<[f64; LAGS]> {
    for column in 0..LAGS {
        let pivot = a[column][column] - product(&a[column][..column], &a[column][..column]);
        if pivot.is_nan() || pivot <= 0.0 {
            return None;
        }
        let root = pivot.sqrt();
        a[column][column] = root;
        for row in column + 1..LAGS {
            let known = product(&a[row][..column], &a[column][..column]);
            a[row][column] = (a[row][column] - known) / root;
        }
    }
    for row in 0..LAGS {
        b[row] = (b[row] - product(&a[row][..row], &b[..row])) / a[row][row];
    }
    for row in (0..LAGS).rev() {
        let known: f64 = (row + 1..LAGS).map(|below| a[below][row] * b[below]).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    Some(b)
}

fn product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}
