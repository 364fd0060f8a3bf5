//! Forecasts with prices of hours that were not measured yet, as live providers tell them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

use proptest::prelude::*;
use sunward_core::Timestamp;
use sunward_grid::{Forecaster, How, Step, Trace, merge_trace, read_trace};

const HOUR_MS: u64 = 3_600_000;

/// Three months in Germany from midnight in Berlin on. Prices fall with the wind.
fn record() -> Trace {
    let mut seed: u64 = 3;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        i64::try_from(seed >> 40).unwrap() % 1000
    };
    let mut wind = 0;
    let steps = (0..95 * 24).map(|hour| {
        if hour % 12 == 0 {
            wind = random();
        }
        Step {
            average_mg_per_kwh: u32::try_from(500_000 - 350 * wind).unwrap(),
            price_milli_eur_per_mwh: Some(90_000 - 80 * wind + 5 * random()),
            ..Step::default()
        }
    });
    Trace {
        zone: "DE".into(),
        basis: sunward_core::ledger::Basis::default(),
        // 2023-01-09T23:00Z.
        first: Timestamp(1_673_305_200_000),
        step_ms: HOUR_MS,
        steps: steps.collect(),
        ahead: Vec::new(),
        weather: sunward_grid::Weather::default(),
    }
}

/// The first hour whose price is not published, in hours after the record's begin, which is a
/// midnight. The clock changes on day 76.
fn published(hour: usize) -> usize {
    let summer = usize::from(hour >= 75 * 24 + 2);
    let local = hour + summer;
    let days = local / 24 + if local % 24 < 14 { 1 } else { 2 };
    let end = days * 24;
    end - usize::from(end > 75 * 24 + 1)
}

/// What a provider tells at an hour, if measurements come `late` hours late: the measured hours, and
/// the prices that are published.
fn live(all: &Trace, hour: usize, late: usize) -> Trace {
    let known = hour - late;
    let prices = all.steps[known..published(hour)].iter();
    Trace {
        steps: all.steps[..known].to_vec(),
        ahead: prices.map(|step| step.price_milli_eur_per_mwh).collect(),
        ..all.clone()
    }
}

#[test]
fn live_prices_give_the_forecast_that_the_record_gives() {
    let all = record();
    for hour in [80 * 24 + 9, 80 * 24 + 14, 81 * 24 + 23, 82 * 24] {
        let told = live(&all, hour, 0);
        let expected = Forecaster::default().expect(&all, hour, 60);
        assert_eq!(expected.how, How::Priced);
        assert_eq!(Forecaster::default().expect(&told, hour, 60), expected);
        // Without prices of hours to come, it goes by the past.
        let mut plain = told.clone();
        plain.ahead.clear();
        let other = Forecaster::default().expect(&plain, hour, 60);
        assert_eq!(other.how, How::Fitted);
        assert_ne!(other.mg_per_kwh, expected.mg_per_kwh);
    }
}

#[test]
fn prices_of_tomorrow_count_at_two_however_late_measurements_are() {
    let all = record();
    // 14:00 in summer time is 13 hours after midnight in winter time.
    let (hour, late) = (85 * 24 + 13, 5);
    let told = live(&all, hour, late);
    let forecaster = Forecaster::default();
    let at_end = forecaster.expect(&told, hour - late, 48);
    let now = forecaster.expect_at(&told, hour - late, told.ended(hour), 48);
    assert_eq!((at_end.how, now.how), (How::Priced, How::Priced));
    // Both know the prices of today; only the later one knows those of tomorrow.
    // The hours around a target tell of it too, so its last three hours differ.
    let today = 24 - 1 - (13 - late);
    let same = today - 3;
    assert_eq!(at_end.mg_per_kwh[..same], now.mg_per_kwh[..same]);
    assert_ne!(at_end.mg_per_kwh[today..], now.mg_per_kwh[today..]);
}

#[test]
fn a_record_with_prices_of_hours_to_come_is_read_as_it_was_written_and_grows() {
    let all = record();
    let hour = 30 * 24 + 15;
    let told = live(&all, hour, 2);
    assert_eq!(told.ahead.len(), 33 + 2);
    let bytes = merge_trace("DE.csv", None, &told, false).unwrap();
    assert_eq!(read_trace("DE", "DE.csv", &bytes).unwrap(), told);
    // A day later the hours have been measured, and more prices are published.
    let later = live(&all, hour + 24, 0);
    let grown = merge_trace("DE.csv", Some(&bytes), &later, false).unwrap();
    assert_eq!(read_trace("DE", "DE.csv", &grown).unwrap(), later);
    // The older answer takes nothing back.
    let again = merge_trace("DE.csv", Some(&grown), &told, false).unwrap();
    assert_eq!(read_trace("DE", "DE.csv", &again).unwrap(), later);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    /// Garbage in prices that are not published at a moment changes no forecast at it, whether they
    /// belong to hours that the record has measured or not.
    #[test]
    fn nothing_that_is_published_later_is_used(
        hour in 70 * 24_usize..92 * 24,
        late in 0_usize..8,
        garbage in prop::collection::vec(-90_000_i64..90_000, 95 * 24),
    ) {
        let all = record();
        let known = hour - late;
        let now = all.ended(hour);
        let expected = Forecaster::default().expect_at(&live(&all, hour, late), known, now, 60);
        let mut spoiled = all.clone();
        for (at, price) in garbage.into_iter().enumerate().skip(published(hour)) {
            spoiled.steps[at].price_milli_eur_per_mwh = Some(price);
        }
        for step in &mut spoiled.steps[known..] {
            step.average_mg_per_kwh = 1;
        }
        let seen = Forecaster::default().expect_at(&spoiled, known, now, 60);
        prop_assert_eq!(&seen, &expected);
        // The same with the garbage beyond what was measured.
        let prices = spoiled.steps[known..].iter();
        let ahead = Trace {
            steps: spoiled.steps[..known].to_vec(),
            ahead: prices.map(|step| step.price_milli_eur_per_mwh).collect(),
            ..spoiled.clone()
        };
        prop_assert_eq!(&Forecaster::default().expect_at(&ahead, known, now, 60), &expected);
    }
}
