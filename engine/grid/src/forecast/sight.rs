//! The forecast of a model at one moment.

use sunward_core::Timestamp;

use super::fit::Model;
use super::lags::History;
use super::prices::Prices;
use crate::market::Market;
use crate::trace::Trace;
use crate::whole::whole;

/// What a model expects at one moment.
pub(super) struct Sight {
    /// The expected values in mg/kWh and their errors in thousandths, by wanted step.
    pub(super) figures: Vec<(u32, u16)>,
    /// Whether published prices were used.
    pub(super) has_prices: bool,
    /// The mean of the last week, in mg/kWh.
    week: f64,
}

impl Sight {
    /// The forecast of some of the hours after the first `known` ones of a trace, with the prices
    /// that are published by a moment. The wanted hours are ascending. `None` if the history is too
    /// short.
    pub(super) fn new(
        model: &Model,
        (trace, market): (&Trace, Option<&Market>),
        (known, now): (usize, Timestamp),
        wanted: impl Iterator<Item = usize>,
    ) -> Option<Self> {
        let history = History::new(trace, known)?;
        let prices = market.and_then(|market| Prices::new(trace, market, known, now));
        let prices = prices.filter(|_| model.has_prices());
        let mut priced = Vec::new();
        if let Some(prices) = &prices {
            for step in 0..prices.ahead() {
                priced.push(model.expect_priced(&history, prices, step)?);
            }
        }
        // Hours without a published price follow those with one, as if these had been measured.
        let so_far: Vec<u32> = priced.iter().map(|(value, _)| *value).collect();
        let beyond = History::beyond(trace, known, &so_far)?;
        let inherited = priced.last().map_or(0, |(_, error)| *error);
        let figure = |step: usize| match step.checked_sub(priced.len()) {
            None => priced.get(step).copied(),
            Some(later) => {
                let (value, error) = model.expect(&beyond, later)?;
                Some((value, joined(inherited, error)))
            }
        };
        Some(Self {
            figures: wanted.map(figure).collect::<Option<_>>()?,
            has_prices: prices.is_some(),
            week: history.week,
        })
    }

    /// The size that errors of an expected value are shares of, in mg/kWh. Errors grow with the
    /// value, but less than it: the geometric mean of the value and the week's mean.
    pub(super) fn scale(&self, value: u32) -> f64 {
        (f64::from(value) * self.week).sqrt().max(1.0)
    }
}

/// The error of an estimate from inputs that are estimates themselves, in thousandths. The two
/// errors are independent.
fn joined(inputs: u16, own: u16) -> u16 {
    let squares = u32::from(inputs).pow(2) + u32::from(own).pow(2);
    u16::try_from(squares.isqrt()).unwrap_or(u16::MAX).min(1000)
}

/// The interval around an expected value in mg/kWh, by the bounds of its error as shares of a scale.
pub(super) fn around(value: u32, scale: f64, (below, above): (f64, f64)) -> (u32, u32) {
    let bound = |off: f64| {
        let bound = whole((f64::from(value) + off * scale).max(0.0));
        u32::try_from(bound).unwrap_or(u32::MAX)
    };
    (bound(below).min(value), bound(above).max(value))
}
