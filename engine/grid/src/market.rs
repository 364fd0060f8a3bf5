//! Day-ahead markets: which hours of a zone have a published price.
//!
//! An auction sets the prices of all hours of a day on the day before. Europe's results are out at
//! about 12:55 Central European Time, and those of the others listed here before 14:00 local time.
//! So at 14:00 local time the prices of tomorrow count as published, and nothing later.

use jiff::Timestamp as Instant;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use sunward_core::Timestamp;

use crate::trace::Trace;

/// A price below this, in thousandths of a euro per megawatt-hour, is near zero or negative: more
/// power is offered than is used.
pub(crate) const SURPLUS_MILLI_EUR_PER_MWH: i64 = 1_000;

/// The local hour from which on the prices of the next day count as published.
const PUBLISHED_AT: i8 = 14;

/// Countries whose days are auctioned together, by Central European Time (the single day-ahead
/// coupling and its neighbors).
const EUROPE: &[&str] = &[
    "AL", "AT", "BA", "BE", "BG", "CH", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IT", "LT", "LU", "LV", "ME", "MK", "NL", "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK",
];

/// Other zones, or countries, with the time zone of their market. Longer names come first.
const OTHERS: &[(&str, &str)] = &[
    ("US-CAL", "America/Los_Angeles"),
    ("US-TEX", "America/Chicago"),
    ("US-CENT-SWPP", "America/Chicago"),
    ("US-MIDW-MISO", "America/Chicago"),
    ("US-MIDA-PJM", "America/New_York"),
    ("US-NE-ISNE", "America/New_York"),
    ("US-NY-NYIS", "America/New_York"),
    ("GB", "Europe/London"),
    ("IE", "Europe/Dublin"),
    ("IN", "Asia/Kolkata"),
    ("JP", "Asia/Tokyo"),
];

/// The day-ahead market of a zone.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    clock: TimeZone,
}

/// The days that a market knows at a moment: their first moments, and the end of the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    /// When the current local day began.
    pub(crate) today: Timestamp,
    /// When the next one begins.
    pub(crate) tomorrow: Timestamp,
    /// The end of the hours whose prices are published.
    pub(crate) published_until: Timestamp,
}

impl Market {
    /// The market of a zone. `None` if prices there are not set a day ahead, as in Australia, or
    /// are published later in the day.
    pub(crate) fn of(zone: &str) -> Option<Self> {
        let country = zone.split('-').next().unwrap_or(zone);
        let within = |name: &str| {
            zone.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let other = OTHERS.iter().find(|(name, _)| within(name));
        let clock = match other {
            Some((_, clock)) => clock,
            None if EUROPE.contains(&country) => "Europe/Brussels",
            None => return None,
        };
        Some(Self {
            clock: TimeZone::get(clock).ok()?,
        })
    }

    /// The days whose prices are published at a moment.
    pub(crate) fn days(&self, now: Timestamp) -> Option<Days> {
        let ms = i64::try_from(now.0).ok()?;
        let local: DateTime = self.clock.to_datetime(Instant::from_millisecond(ms).ok()?);
        let tomorrow = local.date().tomorrow().ok()?;
        let last = match local.hour() < PUBLISHED_AT {
            true => tomorrow,
            false => tomorrow.tomorrow().ok()?,
        };
        Some(Days {
            today: self.begin(local.date())?,
            tomorrow: self.begin(tomorrow)?,
            published_until: self.begin(last)?,
        })
    }

    /// The first step of a trace whose price is not published at a moment.
    pub(crate) fn unpublished(&self, trace: &Trace, now: Timestamp) -> Option<usize> {
        let until = self.days(now)?.published_until;
        let steps = until.since_ms(trace.first) / trace.step_ms.max(1);
        Some(usize::try_from(steps).ok()?.min(trace.priced_steps()))
    }

    fn begin(&self, day: Date) -> Option<Timestamp> {
        let midnight = self.clock.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
        Some(Timestamp(u64::try_from(midnight.as_millisecond()).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::{Days, Market};
    use sunward_core::Timestamp;

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().unwrap();
        Timestamp(u64::try_from(moment.as_millisecond()).unwrap())
    }

    fn days(zone: &str, now: &str) -> Days {
        Market::of(zone).unwrap().days(at(now)).unwrap()
    }

    #[test]
    fn tomorrow_is_published_at_two_in_the_afternoon() {
        // 13:59 and 14:00 in Berlin.
        let before = days("DE", "2023-01-10T12:59:00Z");
        assert_eq!(before.today, at("2023-01-09T23:00:00Z"));
        assert_eq!(before.tomorrow, at("2023-01-10T23:00:00Z"));
        assert_eq!(before.published_until, at("2023-01-10T23:00:00Z"));
        let after = days("DE", "2023-01-10T13:00:00Z");
        assert_eq!(after.published_until, at("2023-01-11T23:00:00Z"));
    }

    #[test]
    fn days_have_as_many_hours_as_their_clock_gives_them() {
        // Clocks go forward on 26 March 2023, and back on 29 October.
        for (now, hours) in [
            ("2023-03-25T13:00:00Z", 23),
            ("2023-10-28T12:00:00Z", 25),
            ("2023-06-01T12:00:00Z", 24),
        ] {
            let days = days("FR", now);
            let length = days.published_until.since_ms(days.tomorrow);
            assert_eq!(length, hours * 3_600_000, "{now}");
        }
    }

    #[test]
    fn zones_go_by_the_clock_of_their_market() {
        for (zone, midnight) in [
            ("SE-SE3", "2023-07-01T22:00:00Z"),
            ("PT", "2023-07-01T22:00:00Z"),
            ("GB", "2023-07-01T23:00:00Z"),
            ("GB-NIR", "2023-07-01T23:00:00Z"),
            ("US-CAL-CISO", "2023-07-02T07:00:00Z"),
            ("US-TEX-ERCO", "2023-07-02T05:00:00Z"),
            ("JP-TK", "2023-07-01T15:00:00Z"),
        ] {
            let found = days(zone, "2023-07-02T08:00:00Z");
            let begins = [found.today, found.tomorrow];
            assert!(begins.contains(&at(midnight)), "{zone}: {found:?}");
        }
    }

    #[test]
    fn zones_without_a_day_ahead_auction_have_no_market() {
        for zone in [
            "AU-NSW",
            "ZA",
            "BR-CS",
            "US-NW-PACW",
            "XX",
            "",
            "DEX",
            "GBX",
        ] {
            assert!(Market::of(zone).is_none(), "{zone}");
        }
    }
}
