//! The forecast of a model at one moment.

use sunward_core::Timestamp;

use super::fit::{Model, Signs};
use super::lags::{History, count};
use super::skies::Skies;
use crate::market::Market;
use crate::trace::Trace;
use crate::whole::whole;

/// The hours of a day.
const DAY_H: usize = 24;

/// The days of the past whose mean, at the same hour, is what is usual.
const USUAL_DAYS: usize = 28;

/// The hours beyond a day ahead after which half of an expected value's distance from the usual one
/// is left. Models are fitted for two days ahead; what they know of later days is less.
///
/// Chosen on 2022, where it lowered the mean error of ten zones at 100 hours from 12.9 to 12.5 %, and
/// raised it at no horizon.
const HALF_H: usize = 72;

/// What a forecast uses beside the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sources {
    /// Published prices.
    pub(super) prices: bool,
    /// Weather forecasts.
    pub(super) weather: bool,
}

impl Sources {
    /// Whatever there is.
    pub(super) const ALL: Self = Self {
        prices: true,
        weather: true,
    };
}

/// What a model expects at one moment.
pub(super) struct Sight {
    /// The expected values in mg/kWh and their errors in thousandths, by wanted step.
    pub(super) figures: Vec<(u32, u16)>,
    /// What was used beside the past.
    pub(super) sources: Sources,
    /// The mean of the last week, in mg/kWh.
    week: f64,
}

impl Sight {
    /// The forecast of some of the hours after the first `known` ones of a trace, with what is
    /// published by a moment and may be used. The wanted hours are ascending. `None` if the history is
    /// too short.
    pub(super) fn new(
        model: &Model,
        (trace, market): (&Trace, Option<&Market>),
        (known, now): (usize, Timestamp),
        used: Sources,
        wanted: impl Iterator<Item = usize>,
    ) -> Option<Self> {
        let history = History::new(trace, known)?;
        let mut signs = Signs::new(trace, market, known, now);
        signs.prices = signs.prices.filter(|_| used.prices && model.has_prices());
        signs.skies = signs.skies.filter(|_| used.weather && model.has_weather());
        let mut near = Vec::new();
        for step in 0..signs.ahead() {
            near.push(model.expect_with(&history, &signs, step)?);
        }
        // Later hours follow from these, as if these had been measured.
        let so_far: Vec<u32> = near.iter().map(|(value, _)| *value).collect();
        let beyond = History::beyond(trace, known, &so_far)?;
        let inherited = near.last().map_or(0, |(_, error)| *error);
        let usual = usual(trace, known);
        // A weather forecast tells of its hours what no mean does.
        let weathered = signs.skies.as_ref().map_or(0, Skies::ahead);
        let sure = weathered.max(DAY_H);
        let figure = |step: usize| {
            let (value, error) = match step.checked_sub(near.len()) {
                None => near.get(step).copied()?,
                Some(later) => {
                    let (value, error) = model.expect(&beyond, later)?;
                    (value, joined(inherited, error))
                }
            };
            Some((
                faded(value, step.saturating_sub(sure), usual[step % DAY_H]),
                error,
            ))
        };
        Some(Self {
            figures: wanted.map(figure).collect::<Option<_>>()?,
            sources: Sources {
                prices: signs.prices.is_some(),
                weather: signs.skies.is_some(),
            },
            week: history.week,
        })
    }

    /// The size that errors of an expected value are shares of, in mg/kWh. Errors grow with the
    /// value, but less than it: the geometric mean of the value and the week's mean.
    pub(super) fn scale(&self, value: u32) -> f64 {
        (f64::from(value) * self.week).sqrt().max(1.0)
    }
}

/// An expected value after as much of its distance from the usual one is gone as befits the hours
/// beyond those that models tell well.
fn faded(value: u32, beyond: usize, usual: f64) -> u32 {
    let left = count(HALF_H) / count(HALF_H + beyond);
    let value = left * f64::from(value) + (1.0 - left) * usual;
    u32::try_from(whole(value.max(1.0))).unwrap_or(u32::MAX)
}

/// What is usual in each of the hours from the first unknown one on: the mean of the last days at the
/// same hour, in mg/kWh.
fn usual(trace: &Trace, known: usize) -> [f64; DAY_H] {
    std::array::from_fn(|hour| {
        let days = (1..=USUAL_DAYS).filter_map(|day| {
            let at = (known + hour).checked_sub(day * DAY_H)?;
            Some(f64::from(trace.steps.get(at)?.average_mg_per_kwh))
        });
        let (sum, days) = days.fold((0.0, 0), |(sum, days), one| (sum + one, days + 1));
        sum / count(days.max(1))
    })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sunward_core::Timestamp;

    use super::{DAY_H, HALF_H, USUAL_DAYS, faded, usual};
    use crate::trace::{Step, Trace};

    #[test]
    fn half_of_what_is_unusual_is_expected_three_days_after_tomorrow() {
        assert_eq!(faded(100, HALF_H, 300.0), 200);
        assert_eq!(faded(500, HALF_H, 300.0), 400);
    }

    #[test]
    fn what_is_usual_is_the_mean_of_four_weeks_at_the_same_hour_and_of_nothing_later() {
        let hour = |at: usize| u32::try_from(1000 * (at % DAY_H) + at / DAY_H).unwrap();
        let known = 40 * DAY_H + 5;
        let steps = (0..60 * DAY_H).map(|at| Step {
            average_mg_per_kwh: if at < known { hour(at) } else { u32::MAX },
            ..Step::default()
        });
        let trace = Trace {
            zone: "XX".into(),
            basis: sunward_core::ledger::Basis::default(),
            first: Timestamp(0),
            step_ms: 3_600_000,
            steps: steps.collect(),
            ahead: Vec::new(),
            weather: crate::weather::Weather::default(),
        };
        for (ahead, mean) in usual(&trace, known).into_iter().enumerate() {
            let last = known + ahead - DAY_H;
            let first = last - (USUAL_DAYS - 1) * DAY_H;
            let expected = f64::from(hour(last) + hour(first)) / 2.0;
            assert!((mean - expected).abs() < 1e-6, "{mean} {expected}");
        }
    }

    proptest! {
        #[test]
        fn a_day_is_forecast_as_it_is_and_later_hours_ever_closer_to_the_usual(
            value in 1_u32..2_000_000,
            usual in 1_u32..2_000_000,
            step in 0_usize..400,
        ) {
            let at = |step: usize| faded(value, step.saturating_sub(DAY_H), f64::from(usual));
            prop_assert!(step > DAY_H || at(step) == value);
            let (low, high) = (value.min(usual), value.max(usual));
            prop_assert!((low..=high).contains(&at(step)));
            prop_assert!(at(step + 1).abs_diff(usual) <= at(step).abs_diff(usual));
        }
    }
}
