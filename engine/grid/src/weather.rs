//! The weather of a zone by the hour, as it was forecast, and which forecast was known when.

use serde::{Deserialize, Serialize};
use sunward_core::Timestamp;

/// An hour in milliseconds.
const HOUR_MS: u64 = 3_600_000;

/// A day in milliseconds.
const DAY_MS: u64 = 24 * HOUR_MS;

/// How many days before an hour its oldest forecast was made.
pub const DAYS: usize = 3;

/// How long after its nominal time a forecast is published, in milliseconds. Global models are out
/// four to six hours after they start.
const DELAY_MS: u64 = 6 * HOUR_MS;

/// How many missing hours are taken as the last one that is known.
const CARRY_H: u64 = 3;

/// How much later than `now` the last hour begins whose weather of [`DAYS`] days before is known.
pub(crate) const REACH_MS: u64 = 3 * DAY_MS - DELAY_MS;

/// The weather of an hour: means over the points of a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sky {
    /// What wind turbines give, in thousandths of what they can.
    pub turbine_permille: u32,
    /// Solar radiation on the ground, in watts per square meter.
    pub radiation_w_per_m2: u32,
    /// The temperature of the air, in tenths of a degree Celsius.
    pub temperature_decicelsius: i32,
}

/// The forecasts of an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreseen {
    /// The newest one.
    pub newest: Option<Sky>,
    /// Those that were made one, two and three days before the hour.
    pub days_before: [Option<Sky>; DAYS],
}

/// Forecasts of a zone's weather, hour by hour.
///
/// A model that was fitted on the weather as it came would trust forecasts too much, and a past that
/// is replayed must not know it. So an hour has the forecasts of the days before it, and each is known
/// from when it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// When the first hour begins.
    pub first: Timestamp,
    /// When the newest forecasts were received.
    pub issued_at: Timestamp,
    /// The hours in order.
    pub hours: Vec<Foreseen>,
}

impl Weather {
    /// When the last hour ends.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let hours = u64::try_from(self.hours.len()).unwrap_or(u64::MAX);
        self.first.after_ms(hours.saturating_mul(HOUR_MS))
    }

    /// What is known at a moment of the hour that contains another moment. A missing hour is as the
    /// last one before it, for a few hours.
    #[must_use]
    pub fn at(&self, moment: Timestamp, now: Timestamp) -> Option<Sky> {
        (0..=CARRY_H).find_map(|back| {
            let begin = Timestamp(moment.0.checked_sub(back * HOUR_MS)?);
            self.of_hour(begin, now)
        })
    }

    /// The newest forecast of an hour among those that are published at a moment.
    fn of_hour(&self, moment: Timestamp, now: Timestamp) -> Option<Sky> {
        let hour = moment.0.checked_sub(self.first.0)? / HOUR_MS;
        let foreseen = self.hours.get(usize::try_from(hour).ok()?)?;
        if self.issued_at <= now && foreseen.newest.is_some() {
            return foreseen.newest;
        }
        let begin = self.first.0 + hour * HOUR_MS;
        let published = |days: u64| begin.saturating_sub(days * DAY_MS) + DELAY_MS <= now.0;
        let known = (1..).zip(foreseen.days_before);
        known
            .filter(|(days, _)| published(*days))
            .find_map(|(_, sky)| sky)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sunward_core::Timestamp;

    use super::{DAY_MS, DELAY_MS, Foreseen, HOUR_MS, REACH_MS, Sky, Weather};

    fn sky(turbine_permille: u32) -> Option<Sky> {
        Some(Sky {
            turbine_permille,
            ..Sky::default()
        })
    }

    /// Ten days whose forecasts tell by how many days before they were made, and 0 for the newest.
    fn weather() -> Weather {
        let hour = Foreseen {
            newest: sky(0),
            days_before: [sky(1), sky(2), sky(3)],
        };
        Weather {
            first: Timestamp(100 * DAY_MS),
            issued_at: Timestamp(107 * DAY_MS),
            hours: vec![hour; 240],
        }
    }

    #[test]
    fn a_forecast_is_known_from_when_it_was_made() {
        let all = weather();
        let begin = Timestamp(104 * DAY_MS);
        let seen = |before_ms: u64| {
            let sky = all.of_hour(begin, Timestamp(begin.0 - before_ms));
            sky.map(|sky| sky.turbine_permille)
        };
        assert_eq!(seen(0), Some(1));
        assert_eq!(seen(DAY_MS - DELAY_MS), Some(1));
        assert_eq!(seen(DAY_MS - DELAY_MS + 1), Some(2));
        assert_eq!(seen(REACH_MS), Some(3));
        assert_eq!(seen(REACH_MS + 1), None);
        let after = all.of_hour(begin, all.issued_at).unwrap();
        assert_eq!(after.turbine_permille, 0, "the newest");
    }

    #[test]
    fn an_hour_that_is_missing_is_as_the_last_one_for_a_while() {
        let mut all = weather();
        for hour in &mut all.hours[10..20] {
            *hour = Foreseen::default();
        }
        let at = |hour: u64| all.at(all.first.after_ms(hour * HOUR_MS), all.issued_at);
        assert!(at(9).is_some() && at(12).is_some() && at(20).is_some());
        assert_eq!((at(13), at(19), at(240 + 4)), (None, None, None));
    }

    proptest! {
        /// Garbage in all that is published after a moment changes nothing that is known at it.
        #[test]
        fn nothing_is_known_before_it_is_published(
            now_h in 0_u64..300,
            hour in 0_u64..240,
            garbage in prop::collection::vec(10_u32..999, 4 * 240),
        ) {
            let all = weather();
            let now = all.first.after_ms(now_h * HOUR_MS);
            let mut spoiled = all.clone();
            let mut garbage = garbage.into_iter();
            for (at, foreseen) in spoiled.hours.iter_mut().enumerate() {
                let begin = all.first.0 + u64::try_from(at).unwrap() * HOUR_MS;
                if all.issued_at > now {
                    foreseen.newest = sky(garbage.next().unwrap());
                }
                for (days, made) in (1..).zip(&mut foreseen.days_before) {
                    if begin + DELAY_MS > now.0 + days * DAY_MS {
                        *made = sky(garbage.next().unwrap());
                    }
                }
            }
            let begin = all.first.after_ms(hour * HOUR_MS);
            prop_assert_eq!(all.at(begin, now), spoiled.at(begin, now));
        }
    }
}
