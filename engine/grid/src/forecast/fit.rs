//! The regression: by horizon, coefficients that are fitted on a window and drawn towards a rule.
//! Hours weigh by one over their value: forecasts are judged by errors relative to it, and without
//! weights a windy grid's few dirty days outweigh its many clean ones.
//! Plain sums in a fixed order, so that it is the same on every machine.

use super::lags::{History, LAGS, count};
use crate::trace::Trace;
use crate::whole::whole;

/// Horizons, in hours, that are fitted; between two of the same day coefficients are interpolated,
/// and the last holds beyond.
const ANCHORS: [usize; 17] = [0, 1, 2, 3, 4, 6, 8, 11, 14, 18, 23, 24, 27, 30, 36, 42, 47];

/// How strongly coefficients are drawn to the rule's, as a share of what lags vary by (so that it is
/// the same in a zone that hardly varies): for the hour that goes on, and from a day ahead on, where
/// there is less to learn.
const RIDGE: (f64, f64) = (0.005, 0.1);

/// The first horizon, in hours, of the stronger draw.
const DAY_AHEAD: usize = 23;

/// What is left after an hour of what the last hours were off by: e^(-1/12).
const FADING: f64 = 0.920_044_414_629_323_1;

/// Hours below this share of the week's mean weigh no more: one that is nearly nothing would outweigh
/// all others.
const LEAST_SHARE: f64 = 0.05;

/// Rows that a fit needs at least.
const ROWS: usize = 200;

type Coefficients = [f64; LAGS];

/// The coefficients of one zone for one week.
#[derive(Debug)]
pub(super) struct Model {
    /// By anchor, with the mean absolute error of the fit relative to the week's mean.
    anchors: Vec<(Coefficients, f64)>,
}

impl Model {
    /// Fits on the hours `from..until` of a trace.
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

    /// What is expected so many hours ahead, in mg/kWh, and the error in thousandths.
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

/// The coefficients of one horizon.
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

/// How strongly coefficients are drawn to the rule's so many hours ahead.
fn ridge(ahead: usize) -> f64 {
    let (now, day) = RIDGE;
    now + (day - now) * count(ahead.min(DAY_AHEAD)) / count(DAY_AHEAD)
}

/// The rule towards which all is drawn: half yesterday, half the week's mean of that hour, and what
/// the last hour was off by, fading.
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

/// Solves a symmetric positive definite system by Cholesky's decomposition.
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
