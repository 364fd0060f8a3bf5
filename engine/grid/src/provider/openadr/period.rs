//! When an interval of an event begins and how long it lasts.

use jiff::{Span, SpanRelativeTo};
use sunward_core::Timestamp;

use crate::moment::moment;

/// A duration of at least this is without end: `P9999Y` stands for that.
const OPEN_MS: u64 = 1000 * 365 * 24 * 3_600_000;

/// When something begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// As soon as the event exists: `0001-01-01T00:00:00Z`, or nothing.
    Now,
    At(Timestamp),
}

/// How long something lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Ms(u64),
    /// Until the event is deleted: `P9999Y`, `PT0S` or nothing.
    Open,
}

/// An `intervalPeriod`, of an event or of one of its intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) start: Start,
    pub(super) length: Length,
    /// The most by which the start may be delayed, in milliseconds.
    pub(super) randomize_ms: u64,
}

impl Start {
    /// Reads a `start`.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.starts_with("0001-01-01") || text.starts_with("0000-00-00") {
            return Some(Self::Now);
        }
        moment(text).map(Self::At)
    }
}

impl Length {
    /// Reads an ISO 8601 duration.
    pub(super) fn read(text: &str) -> Option<Self> {
        if !text.starts_with('P') {
            return None;
        }
        if text.starts_with("P9999Y") {
            return Some(Self::Open);
        }
        let span: Span = text.parse().ok()?;
        // Years and months have their mean lengths: no event depends on the day.
        let days = SpanRelativeTo::days_are_24_hours();
        let months = f64::from(span.get_years()) * 12.0 + f64::from(span.get_months());
        let rest = span.years(0).months(0);
        let seconds = rest.total((jiff::Unit::Second, days)).ok()? + months * 2_629_746.0;
        if !(0.0..=1e15).contains(&seconds) {
            return None;
        }
        Some(match crate::whole::whole(seconds * 1000.0) {
            0 | OPEN_MS.. => Self::Open,
            ms => Self::Ms(ms),
        })
    }

    /// Its milliseconds; `None` without end.
    pub(super) const fn ms(self) -> Option<u64> {
        match self {
            Self::Ms(ms) => Some(ms),
            Self::Open => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use sunward_core::Timestamp;

    use super::{Length, Start};

    #[test]
    fn durations_are_read_as_iso_8601_writes_them() {
        let hour = 3_600_000;
        for (text, length) in [
            ("PT1H", Some(Length::Ms(hour))),
            ("PT15M", Some(Length::Ms(hour / 4))),
            ("P1DT30S", Some(Length::Ms(24 * hour + 30_000))),
            ("P1W", Some(Length::Ms(7 * 24 * hour))),
            ("P1M", Some(Length::Ms(2_629_746_000))),
            ("PT0S", Some(Length::Open)),
            ("P9999Y", Some(Length::Open)),
            ("P2000Y", Some(Length::Open)),
            ("-PT1H", None),
            ("1h", None),
            ("an hour", None),
            ("", None),
        ] {
            assert_eq!(Length::read(text), length, "{text}");
        }
    }

    #[test]
    fn the_first_moment_of_all_means_now() {
        assert_eq!(Start::read("0001-01-01T00:00:00Z"), Some(Start::Now));
        let at = Start::At(Timestamp(1_709_269_200_000));
        assert_eq!(Start::read("2024-03-01T05:00:00.000Z"), Some(at));
        assert_eq!(Start::read("2024-03-01T06:00:00+01:00"), Some(at));
        assert_eq!(Start::read("soon"), None);
    }
}
