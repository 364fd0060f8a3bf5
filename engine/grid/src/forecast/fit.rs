//! The regression of a forecast: for each horizon, coefficients fitted on a window of the past with
//! a ridge penalty towards a simple rule. Hours with a published price or a weather forecast have
//! coefficients of their own.
//!
//! Each hour is weighted by the inverse of its value, because forecasts are judged by relative
//! error. Without weights, the few dirty days of a windy grid dominate its many clean ones. Sums
//! are plain and in a fixed order, so the result is the same on every machine.

use sunward_core::Timestamp;

use super::lags::{History, LAGS, count};
use super::prices::{self, Prices};
use super::skies::{self, Skies};
use crate::market::Market;
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

/// The number of inputs of a horizon with prices.
const PRICED: usize = LAGS + prices::FIGURES;

/// The number of inputs of a horizon with weather.
const WEATHERED: usize = LAGS + skies::FIGURES;

/// The number of inputs of a horizon with both.
const ALL: usize = PRICED + skies::FIGURES;

/// The fit of one horizon: the coefficients, and the mean absolute error relative to the week's
/// mean.
type Anchor<const N: usize> = ([f64; N], f64);

/// The coefficients of one zone for one week.
#[derive(Debug)]
pub(super) struct Model {
    /// By horizon.
    anchors: Vec<Anchor<LAGS>>,
    /// By horizon, for hours with a published price. Shorter, because no hour later than tomorrow
    /// has one, and empty if the zone has no prices.
    priced: Vec<Anchor<PRICED>>,
    /// By horizon, for hours with a weather forecast; empty if there is none.
    weathered: Vec<Anchor<WEATHERED>>,
    /// By horizon, for hours with both.
    all: Vec<Anchor<ALL>>,
}

/// What is known of hours to come at a moment, beside the past.
pub(super) struct Signs<'a> {
    /// Day-ahead prices.
    pub(super) prices: Option<Prices<'a>>,
    /// Weather forecasts.
    pub(super) skies: Option<Skies<'a>>,
}

impl<'a> Signs<'a> {
    /// The prices of a market and the weather, as far as they are published at a moment.
    pub(super) fn new(
        trace: &'a Trace,
        market: Option<&Market>,
        known: usize,
        now: Timestamp,
    ) -> Self {
        Self {
            prices: market.and_then(|market| Prices::new(trace, market, known, now)),
            skies: Skies::new(trace, known, now),
        }
    }

    /// How many hours from the first unknown one on have a price or a weather forecast.
    pub(super) fn ahead(&self) -> usize {
        let priced = self.prices.as_ref().map_or(0, Prices::ahead);
        let weathered = self.skies.as_ref().map_or(0, Skies::ahead);
        priced.max(weathered)
    }

    /// The figures of the price of an hour, if it has one.
    fn prices_at(&self, ahead: usize) -> Option<[f64; prices::FIGURES]> {
        let prices = self.prices.as_ref()?;
        (ahead < prices.ahead()).then(|| prices.figures(ahead))
    }

    /// The figures of the weather of an hour, if there is a forecast.
    fn skies_at(&self, ahead: usize) -> Option<[f64; skies::FIGURES]> {
        let skies = self.skies.as_ref()?;
        (ahead < skies.ahead()).then(|| skies.figures(ahead))
    }
}

/// A moment of the past: the hours that had ended, and what was known.
struct Moment<'a> {
    known: usize,
    history: History<'a>,
    signs: Signs<'a>,
}

impl Model {
    /// Fits a model on the hours `from..until` of a trace.
    pub(super) fn fit(
        trace: &Trace,
        market: Option<&Market>,
        from: usize,
        until: usize,
    ) -> Option<Self> {
        let moments: Vec<Moment<'_>> = (from..until)
            .filter_map(|known| {
                Some(Moment {
                    known,
                    history: History::new(trace, known)?,
                    signs: Signs::new(trace, market, known, trace.ended(known)),
                })
            })
            .collect();
        let anchors: Option<Vec<_>> = ANCHORS
            .into_iter()
            .map(|ahead| {
                let inputs = |moment: &Moment<'_>| Some(moment.history.lags(ahead));
                anchor(&rows(trace, &moments, (ahead, until), inputs), ahead)
            })
            .collect();
        Some(Self {
            anchors: anchors?,
            priced: with_signs(trace, &moments, until, priced),
            weathered: with_signs(trace, &moments, until, weathered),
            all: with_signs(trace, &moments, until, all),
        })
    }

    /// Whether hours with a published price have coefficients of their own.
    pub(super) fn has_prices(&self) -> bool {
        !self.priced.is_empty()
    }

    /// Whether hours with a weather forecast have coefficients of their own.
    pub(super) fn has_weather(&self) -> bool {
        !self.weathered.is_empty()
    }

    /// The expected value `ahead` hours ahead in mg/kWh, and its expected error in thousandths.
    pub(super) fn expect(&self, history: &History<'_>, ahead: usize) -> Option<(u32, u16)> {
        expect(&self.anchors, &history.lags(ahead), history.week, ahead)
    }

    /// Like [`Self::expect`], with all that is known of the hour. `None` if that is nothing but the past.
    pub(super) fn expect_with(
        &self,
        history: &History<'_>,
        signs: &Signs<'_>,
        ahead: usize,
    ) -> Option<(u32, u16)> {
        let week = history.week;
        let by_all = all(history, signs, ahead);
        if let Some(figure) = by_all.and_then(|inputs| expect(&self.all, &inputs, week, ahead)) {
            return Some(figure);
        }
        match priced(history, signs, ahead) {
            Some(inputs) => expect(&self.priced, &inputs, week, ahead),
            None => {
                let inputs = weathered(history, signs, ahead)?;
                expect(&self.weathered, &inputs, week, ahead)
            }
        }
    }
}

/// The lags and the figures of the price, if there is one.
fn priced(history: &History<'_>, signs: &Signs<'_>, ahead: usize) -> Option<[f64; PRICED]> {
    let figures = signs.prices_at(ahead)?;
    Some(joined(&[&history.lags(ahead), &figures]))
}

/// The lags and the figures of the weather, if there is a forecast.
fn weathered(history: &History<'_>, signs: &Signs<'_>, ahead: usize) -> Option<[f64; WEATHERED]> {
    let figures = signs.skies_at(ahead)?;
    Some(joined(&[&history.lags(ahead), &figures]))
}

/// The lags and the figures of the price and of the weather, if there are both.
fn all(history: &History<'_>, signs: &Signs<'_>, ahead: usize) -> Option<[f64; ALL]> {
    let (prices, skies) = (signs.prices_at(ahead)?, signs.skies_at(ahead)?);
    Some(joined(&[&history.lags(ahead), &prices, &skies]))
}

fn joined<const N: usize>(parts: &[&[f64]]) -> [f64; N] {
    let mut all = [0.0; N];
    let inputs = parts.iter().copied().flatten();
    for (place, input) in all.iter_mut().zip(inputs) {
        *place = *input;
    }
    all
}

/// The fits of the horizons at which the moments know more than the past, up to the first with too
/// few rows.
fn with_signs<const N: usize>(
    trace: &Trace,
    moments: &[Moment<'_>],
    until: usize,
    inputs: impl Fn(&History<'_>, &Signs<'_>, usize) -> Option<[f64; N]>,
) -> Vec<Anchor<N>> {
    let fits = ANCHORS.into_iter().map_while(|ahead| {
        let of = |moment: &Moment<'_>| inputs(&moment.history, &moment.signs, ahead);
        anchor(&rows(trace, moments, (ahead, until), of), ahead)
    });
    fits.collect()
}

/// The expected value by the coefficients of the horizons around `ahead`.
fn expect<const N: usize>(
    anchors: &[Anchor<N>],
    inputs: &[f64; N],
    week: f64,
    ahead: usize,
) -> Option<(u32, u16)> {
    let next = ANCHORS.partition_point(|anchor| *anchor <= ahead);
    let low = next.checked_sub(1)?.min(anchors.len().checked_sub(1)?);
    let (near, near_error) = anchors.get(low)?;
    let between = ANCHORS
        .get(next)
        .filter(|anchor| **anchor / 24 == ANCHORS[low] / 24)
        .and_then(|anchor| Some((*anchor, anchors.get(next)?)));
    let (estimate, error) = match between {
        Some((anchor, (far, far_error))) => {
            let share = count(ahead - ANCHORS[low]) / count(anchor - ANCHORS[low]);
            let mix = |a: f64, b: f64| (1.0 - share) * a + share * b;
            (
                mix(dot(near, inputs), dot(far, inputs)),
                mix(*near_error, *far_error),
            )
        }
        None => (dot(near, inputs), *near_error),
    };
    let value = ((estimate + 1.0) * week).max(1.0);
    let permille = error * week / value * 1000.0;
    Some((
        u32::try_from(whole(value)).unwrap_or(u32::MAX),
        u16::try_from(whole(permille)).unwrap_or(u16::MAX).min(1000),
    ))
}

/// The inputs and targets of one horizon, of all moments whose target had ended before `until`.
fn rows<'a, const N: usize>(
    trace: &Trace,
    moments: &'a [Moment<'a>],
    (ahead, until): (usize, usize),
    inputs: impl Fn(&'a Moment<'a>) -> Option<[f64; N]>,
) -> Vec<([f64; N], f64)> {
    moments
        .iter()
        .take_while(|moment| moment.known + ahead < until)
        .filter_map(|moment| {
            let step = trace.steps.get(moment.known + ahead)?;
            let target = f64::from(step.average_mg_per_kwh) / moment.history.week - 1.0;
            Some((inputs(moment)?, target))
        })
        .collect()
}

/// Fits the coefficients of one horizon. `None` if there are too few rows.
fn anchor<const N: usize>(rows: &[([f64; N], f64)], ahead: usize) -> Option<Anchor<N>> {
    if rows.len() < ROWS {
        return None;
    }
    let rule = rule(ahead);
    let mut gram = [[0.0; N]; N];
    let mut right = [0.0; N];
    for (inputs, target) in rows {
        let off = target - dot(&rule, inputs);
        let weight = 1.0 / (target + 1.0).max(LEAST_SHARE);
        for (row, (input, sum)) in gram.iter_mut().zip(inputs.iter().zip(&mut right)) {
            let weighed = weight * input;
            *sum += weighed * off;
            for (cell, other) in row.iter_mut().zip(inputs) {
                *cell += weighed * other;
            }
        }
    }
    let varies: f64 = gram.iter().enumerate().map(|(at, row)| row[at]).sum();
    let ridge = ridge(ahead) * varies / count(N);
    for (at, row) in gram.iter_mut().enumerate() {
        row[at] += ridge;
    }
    let mut coefficients = solve(gram, right)?;
    for (own, rule) in coefficients.iter_mut().zip(rule) {
        *own += rule;
    }
    let errors: f64 = rows
        .iter()
        .map(|(inputs, target)| (target - dot(&coefficients, inputs)).abs())
        .sum();
    Some((coefficients, errors / count(rows.len())))
}

/// The strength of the ridge penalty for a horizon.
fn ridge(ahead: usize) -> f64 {
    let (now, day) = RIDGE;
    now + (day - now) * count(ahead.min(DAY_AHEAD)) / count(DAY_AHEAD)
}

/// The rule that the penalty pulls towards: half of yesterday's value, half of the week's mean at
/// that hour, and the last hour's error, fading.
fn rule<const N: usize>(ahead: usize) -> [f64; N] {
    let mut fading = 1.0;
    for _ in 0..ahead {
        fading *= FADING;
    }
    let mut rule = [0.0; N];
    rule[0] = 0.7 * fading;
    rule[3] = 0.5;
    rule[6] = 0.5;
    rule[8] = -0.35 * fading;
    rule[11] = -0.35 * fading;
    rule
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}

/// Solves a symmetric positive definite system by Cholesky decomposition.
fn solve<const N: usize>(mut a: [[f64; N]; N], mut b: [f64; N]) -> Option<[f64; N]> {
    for column in 0..N {
        let pivot = a[column][column] - product(&a[column][..column], &a[column][..column]);
        if pivot.is_nan() || pivot <= 0.0 {
            return None;
        }
        let root = pivot.sqrt();
        a[column][column] = root;
        for row in column + 1..N {
            let known = product(&a[row][..column], &a[column][..column]);
            a[row][column] = (a[row][column] - known) / root;
        }
    }
    for row in 0..N {
        b[row] = (b[row] - product(&a[row][..row], &b[..row])) / a[row][row];
    }
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|below| a[below][row] * b[below]).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    Some(b)
}

fn product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}
