//! Forecasts of a zone whose intensity follows wind and sun, with weather and without.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

use std::ops::Range;

use proptest::prelude::*;
use sunward_core::Timestamp;
use sunward_grid::weather::{Foreseen, Sky, Weather};
use sunward_grid::{Forecaster, How, Step, Trace};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Hours of the record.
const HOURS: usize = 106 * 24;

/// Random numbers from -1000 to 999, as a seed gives them.
struct Random(u64);

impl Random {
    fn next(&mut self) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        i64::try_from(self.0 >> 40).unwrap() % 2000 - 1000
    }
}

fn sky(turbine: i64, radiation: i64) -> Option<Sky> {
    let positive = |value: i64| u32::try_from(value.max(0)).unwrap();
    Some(Sky {
        turbine_permille: positive(turbine.min(1000)),
        radiation_w_per_m2: positive(radiation),
        temperature_decicelsius: 120,
    })
}

/// A zone of 700 g of coal, less wind and sun. Winds change from half day to half day, and clouds from
/// day to day. A forecast of `k` days before is wrong by `k` times `wrong` thousandths.
fn zone(name: &str, wrong: i64) -> Trace {
    let mut random = Random(11);
    let (mut from, mut to, mut clouds) = (400, 500, 0);
    let mut steps = Vec::new();
    let mut hours = Vec::new();
    for hour in 0..i64::try_from(HOURS).unwrap() {
        if hour % 12 == 0 {
            (from, to) = (to, (to + random.next() * 6 / 10).clamp(0, 1000));
        }
        if hour % 24 == 0 {
            clouds = random.next() / 2 + 500;
        }
        let wind = from + (to - from) * (hour % 12) / 12;
        let noon = (6 - (hour % 24 - 12).abs()).max(0);
        let sun = noon * (1300 - clouds) / 10;
        let grams = 700 - 4 * wind / 10 - sun / 4 + random.next() / 50;
        steps.push(Step {
            average_mg_per_kwh: u32::try_from(grams.max(20) * 1000).unwrap(),
            ..Step::default()
        });
        let mut made = |days: i64| {
            let off = days * wrong;
            sky(
                wind + off * random.next() / 1000,
                sun + noon * off * random.next() / 10_000,
            )
        };
        hours.push(Foreseen {
            newest: None,
            days_before: [made(1), made(2), made(3)],
        });
    }
    let first = Timestamp(1_704_067_200_000);
    Trace {
        zone: name.into(),
        basis: sunward_core::ledger::Basis::default(),
        first,
        step_ms: HOUR_MS,
        steps,
        ahead: Vec::new(),
        weather: Weather {
            first,
            issued_at: first,
            hours,
        },
    }
}

/// The moments of forecasts: of two weeks, and at all hours of the day.
fn moments() -> impl Iterator<Item = usize> {
    (95 * 24..HOURS - 72).step_by(7)
}

/// The mean error of forecasts for some hours ahead, as a share.
fn off(forecaster: &Forecaster, trace: &Trace, hours: Range<usize>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for known in moments() {
        let expected = forecaster.expect(trace, known, hours.end).mg_per_kwh;
        for ahead in hours.clone() {
            let truth = f64::from(trace.steps[known + ahead].average_mg_per_kwh);
            sum += (f64::from(expected[ahead]) - truth).abs() / truth;
            count += 1.0;
        }
    }
    sum / count
}

/// The same zone without weather. It has another name, because fitted models are kept by it.
fn without(trace: &Trace, zone: &str) -> Trace {
    Trace {
        zone: zone.into(),
        weather: Weather::default(),
        ..trace.clone()
    }
}

#[test]
fn with_weather_a_forecast_of_wind_and_sun_is_better_than_without() {
    let with = zone("XX", 60);
    let plain = without(&with, "YY");
    let forecaster = Forecaster::default();
    for (hours, most) in [(6..24, 0.5), (24..48, 0.5), (48..66, 0.7)] {
        let ours = off(&forecaster, &with, hours.clone());
        let theirs = off(&forecaster, &plain, hours.clone());
        println!("{hours:?} hours ahead: {ours:.3} with weather, {theirs:.3} without");
        assert!(ours < most * theirs, "{hours:?}: {ours} against {theirs}");
    }
    let how = |trace: &Trace| forecaster.expect(trace, 95 * 24, 30).how;
    assert_eq!(how(&with), How::Weather { with_prices: false });
    assert_eq!(how(&plain), How::Fitted);
    // Its intervals are those of such forecasts: narrower, and they hold.
    let (mut within, mut count, mut widths) = (0_u32, 0_u32, [0_u64; 2]);
    for known in moments() {
        let all = [&with, &plain].map(|trace| forecaster.expect(trace, known, 48));
        for ahead in 0..48 {
            let truth = with.steps[known + ahead].average_mg_per_kwh;
            for (expected, width) in all.iter().zip(&mut widths) {
                let (low, high) = (
                    expected.low_mg_per_kwh[ahead],
                    expected.high_mg_per_kwh[ahead],
                );
                *width += u64::from(high - low);
            }
            let [ours, _] = &all;
            within += u32::from(
                (ours.low_mg_per_kwh[ahead]..=ours.high_mg_per_kwh[ahead]).contains(&truth),
            );
            count += 1;
        }
    }
    assert!(within * 100 >= count * 76, "{within} of {count}");
    assert!(2 * widths[0] < widths[1], "{widths:?}");
}

#[test]
fn weather_that_is_forecast_badly_is_trusted_little() {
    let with = zone("XX", 3000);
    let forecaster = Forecaster::default();
    let ours = off(&forecaster, &with, 6..48);
    let theirs = off(&forecaster, &without(&with, "YY"), 6..48);
    println!("{ours:.3} with useless weather, {theirs:.3} without");
    assert!(ours < 1.1 * theirs, "{ours} against {theirs}");
}

#[test]
fn weather_counts_beside_prices_and_for_hours_whose_price_is_not_published() {
    let mut both = zone("DE", 60);
    // Prices follow the sun alone.
    for (step, hour) in both.steps.iter_mut().zip(&both.weather.hours) {
        let sun = hour.days_before[0].unwrap().radiation_w_per_m2;
        step.price_milli_eur_per_mwh = Some(90_000 - 80 * i64::from(sun));
    }
    let priced = without(&both, "FR");
    let forecaster = Forecaster::default();
    let how = |trace: &Trace| forecaster.expect(trace, 95 * 24, 30).how;
    assert_eq!(how(&both), How::Weather { with_prices: true });
    assert_eq!(how(&priced), How::Priced);
    for hours in [1..12, 24..48] {
        let ours = off(&forecaster, &both, hours.clone());
        let theirs = off(&forecaster, &priced, hours.clone());
        assert!(ours < 0.7 * theirs, "{hours:?}: {ours} against {theirs}");
    }
}

#[test]
fn weather_that_ends_before_now_changes_nothing() {
    let mut with = zone("XX", 60);
    with.weather.hours.truncate(90 * 24);
    let expect = |trace: &Trace| Forecaster::default().expect(trace, 95 * 24, 48);
    assert_eq!(expect(&with), expect(&without(&with, "XX")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]

    /// Garbage in all weather that is published after a moment, and in all hours that have not ended,
    /// changes no forecast at it.
    #[test]
    fn nothing_that_is_published_later_is_used(
        known in 75 * 24_usize..104 * 24,
        late in 0_usize..5,
        is_newest_known in any::<bool>(),
        garbage in prop::collection::vec(0_i64..1000, 64),
    ) {
        let mut all = zone("XX", 60);
        let now = all.ended(known + late);
        // The newest forecasts may have been received before this moment, or after it.
        all.weather.issued_at = Timestamp(now.0 + u64::from(!is_newest_known));
        for hour in &mut all.weather.hours[known..] {
            hour.newest = hour.days_before[0];
        }
        let mut spoiled = all.clone();
        let mut garbage = garbage.into_iter().cycle();
        let mut bad = || sky(garbage.next().unwrap(), garbage.next().unwrap());
        for (at, hour) in spoiled.weather.hours.iter_mut().enumerate() {
            let begin = all.ended(at);
            if !is_newest_known {
                hour.newest = bad();
            }
            for (days, made) in (1..).zip(&mut hour.days_before) {
                if begin.0 + 6 * HOUR_MS > now.0 + days * DAY_MS {
                    *made = bad();
                }
            }
        }
        for step in &mut spoiled.steps[known..] {
            step.average_mg_per_kwh = 1;
        }
        let expect = |trace: &Trace| Forecaster::default().expect_at(trace, known, now, 80);
        let expected = expect(&all);
        prop_assert_eq!(expected.how, How::Weather { with_prices: false });
        prop_assert_eq!(expected, expect(&spoiled));
    }
}
