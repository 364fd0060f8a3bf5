//! CF calendars: converts between a number with units, a moment and its year.

/// The milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// The first day of the Gregorian calendar, 1582-10-15, in days since 1970-01-01.
const GREGORIAN_START: i64 = -141_427;

/// CF's calendars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calendar {
    /// Julian until 1582-10-04, Gregorian from 1582-10-15.
    Standard,
    ProlepticGregorian,
    Julian,
    NoLeap,
    AllLeap,
    Days360,
}

impl Calendar {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "" | "standard" | "gregorian" => Self::Standard,
            "proleptic_gregorian" => Self::ProlepticGregorian,
            "julian" => Self::Julian,
            "noleap" | "365_day" => Self::NoLeap,
            "all_leap" | "366_day" => Self::AllLeap,
            "360_day" => Self::Days360,
            _ => return None,
        })
    }

    /// Whether dates are real days, so that Arrow's timestamps can represent them.
    pub(super) fn fits_timestamps(self) -> bool {
        matches!(self, Self::Standard | Self::ProlepticGregorian)
    }

    /// The number of days from the calendar's zero to a date. The zero is 1970-01-01 in calendars
    /// with real days, and year 0 in others.
    fn days(self, date: Date) -> Option<i64> {
        if date.month == 0 || date.month > 12 || date.day == 0 || date.day > 31 {
            return None;
        }
        if date.year.abs() > 1_000_000 {
            return None;
        }
        let (m, d) = (date.month, date.day);
        Some(match self {
            Self::ProlepticGregorian => gregorian_days(date),
            Self::Julian => julian_days(date),
            Self::Standard if (date.year, m, d) >= (1582, 10, 15) => gregorian_days(date),
            Self::Standard => julian_days(date),
            Self::NoLeap => date.year * 365 + month_start(m, 28) + d - 1,
            Self::AllLeap => date.year * 366 + month_start(m, 29) + d - 1,
            Self::Days360 => date.year * 360 + (m - 1) * 30 + d - 1,
        })
    }

    /// The year that contains a day.
    fn year(self, day: i64) -> i64 {
        match self {
            Self::NoLeap => day.div_euclid(365),
            Self::AllLeap => day.div_euclid(366),
            Self::Days360 => day.div_euclid(360),
            Self::Julian => year_by_search(day, |year| julian_days(Date::new_year(year))),
            Self::Standard if day < GREGORIAN_START => {
                year_by_search(day, |year| julian_days(Date::new_year(year)))
            }
            Self::Standard | Self::ProlepticGregorian => {
                year_by_search(day, |year| gregorian_days(Date::new_year(year)))
            }
        }
    }
}

/// The last year whose first day is not after `day`.
fn year_by_search(day: i64, first_day: impl Fn(i64) -> i64) -> i64 {
    let mut year = 1970 + day.saturating_mul(4).div_euclid(1461);
    while first_day(year) > day {
        year -= 1;
    }
    while first_day(year + 1) <= day {
        year += 1;
    }
    year
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    fn new_year(year: i64) -> Self {
        Self {
            year,
            month: 1,
            day: 1,
        }
    }
}

/// The number of days of a year before a month, given the length of February.
fn month_start(month: i64, february: i64) -> i64 {
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month - 1).unwrap_or(0).min(12);
    lengths.iter().take(before).sum()
}

/// The days from 1970-01-01 to a Gregorian date. Years are counted from March, so that a leap day
/// is the last day of its year.
fn gregorian_days(date: Date) -> i64 {
    let year = if date.month <= 2 {
        date.year - 1
    } else {
        date.year
    };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + from_march(date) - 719_468
}

/// The days from the Gregorian 1970-01-01 to a Julian date.
fn julian_days(date: Date) -> i64 {
    let year = if date.month <= 2 {
        date.year - 1
    } else {
        date.year
    };
    year * 365 + year.div_euclid(4) + from_march(date) - 719_470
}

fn from_march(date: Date) -> i64 {
    let month = (date.month + 9) % 12;
    (153 * month + 2) / 5 + date.day - 1
}

/// The units of a time axis: a step of milliseconds or months, and the moment from which steps are
/// counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TimeUnits {
    calendar: Calendar,
    /// The moment from which steps are counted, in milliseconds from the calendar's zero.
    origin_ms: i64,
    date: Date,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Milliseconds(i64),
    /// Calendar months. Only whole numbers of months denote a moment.
    Months(i64),
}

impl TimeUnits {
    /// Parses units such as `hours since 1900-01-01 00:00:0.0`. Returns `None` for anything else.
    pub(super) fn parse(units: &str, calendar: &str) -> Option<Self> {
        let calendar = Calendar::from_name(calendar)?;
        let (step, since) = units.split_once(" since ")?;
        let step = match step.trim().to_ascii_lowercase().as_str() {
            "milliseconds" | "millisecond" | "millisec" | "msec" | "msecs" | "ms" => {
                Step::Milliseconds(1)
            }
            "seconds" | "second" | "sec" | "secs" | "s" => Step::Milliseconds(1_000),
            "minutes" | "minute" | "min" | "mins" => Step::Milliseconds(60_000),
            "hours" | "hour" | "hr" | "hrs" | "h" => Step::Milliseconds(3_600_000),
            "days" | "day" | "d" => Step::Milliseconds(DAY_MS),
            "months" | "month" => Step::Months(1),
            "years" | "year" | "yr" | "yrs" => Step::Months(12),
            _ => return None,
        };
        let (date, ms) = parse_moment(since)?;
        let origin_ms = calendar.days(date)?.checked_mul(DAY_MS)?.checked_add(ms)?;
        Some(Self {
            calendar,
            origin_ms,
            date,
            step,
        })
    }

    pub(super) fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// Converts a number in these units to a moment, in milliseconds from the calendar's zero. The
    /// zero is 1970-01-01 if timestamps fit.
    pub(super) fn moment_ms(&self, value: f64) -> Option<i64> {
        match self.step {
            Step::Milliseconds(ms) => self.origin_ms.checked_add(whole(value * millis(ms))?),
            Step::Months(months) => {
                let count = whole(value).filter(|n| (millis(*n) - value).abs() < 1e-9)?;
                let month = self.date.month - 1 + count.checked_mul(months)?;
                let date = Date {
                    year: self.date.year + month.div_euclid(12),
                    month: month.rem_euclid(12) + 1,
                    day: self.date.day,
                };
                let time_of_day = self.origin_ms - self.calendar.days(self.date)? * DAY_MS;
                self.calendar
                    .days(date)?
                    .checked_mul(DAY_MS)?
                    .checked_add(time_of_day)
            }
        }
    }

    /// Whether a millisecond is fine enough for all of these numbers. Of units larger than a second, the
    /// numbers of most files are rounded themselves, and so are numbers of single precision.
    pub(super) fn are_whole_milliseconds(&self, values: &[f64]) -> bool {
        let Step::Milliseconds(step @ (1 | 1_000)) = self.step else {
            return true;
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::float_cmp,
            reason = "asks whether nothing is lost"
        )]
        let is_single = values
            .iter()
            .all(|value| f64::from(*value as f32) == *value);
        values.iter().all(|value| {
            let ms = value * millis(step);
            // The distance of two neighboring numbers, at least a microsecond.
            let precision = if is_single {
                f64::from(f32::EPSILON)
            } else {
                f64::EPSILON
            };
            let noise = (ms.abs() * precision).max(1e-3);
            !ms.is_finite() || (ms - ms.round()).abs() <= noise
        })
    }

    /// Converts a moment to a number in these units. Returns `None` for units of months.
    pub(super) fn value(&self, moment_ms: i64) -> Option<f64> {
        match self.step {
            Step::Milliseconds(ms) => {
                Some(millis(moment_ms.checked_sub(self.origin_ms)?) / millis(ms))
            }
            Step::Months(_) => None,
        }
    }

    /// The calendar year of a moment.
    pub(super) fn year(&self, moment_ms: i64) -> Option<i32> {
        i32::try_from(self.calendar.year(moment_ms.div_euclid(DAY_MS))).ok()
    }

    /// The moment from which steps are counted, in milliseconds from the calendar's zero.
    pub(super) fn origin_ms(&self) -> i64 {
        self.origin_ms
    }

    /// The units `days since …`, counted from this many milliseconds after the beginning of the day
    /// that these units name.
    pub(super) fn in_days(&self, time_of_day_ms: i64) -> String {
        let Date { year, month, day } = self.date;
        let (s, ms) = (time_of_day_ms / 1000, time_of_day_ms % 1000);
        let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
        let fraction = if ms == 0 {
            String::new()
        } else {
            format!(".{ms:03}")
        };
        format!("days since {year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02}{fraction}")
    }

    /// The beginning of the day that the units name, in milliseconds from the calendar's zero.
    pub(super) fn origin_day_ms(&self) -> Option<i64> {
        self.calendar.days(self.date)?.checked_mul(DAY_MS)
    }
}

fn millis(value: i64) -> f64 {
    value as f64
}

/// The nearest integer. `None` beyond the milliseconds of a million years.
fn whole(value: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded and bounded just before"
    )]
    (value.abs() < 9.0e15).then(|| value.round() as i64)
}

/// Parses a date, an optional time of day and an optional time zone. The time is in milliseconds
/// since the beginning of the day, in UTC.
fn parse_moment(text: &str) -> Option<(Date, i64)> {
    let text = text.trim();
    let (date, rest) = text
        .split_once(|c: char| c == 'T' || c == 't' || c.is_whitespace())
        .unwrap_or((text, ""));
    let (sign, digits) = date.strip_prefix('-').map_or((1, date), |d| (-1, d));
    let mut fields = digits.splitn(3, '-');
    let mut field = || -> Option<i64> {
        let text = fields.next()?;
        (text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().ok())
            .flatten()
    };
    let date = Date {
        year: sign * field()?,
        month: field()?,
        day: field()?,
    };
    Some((date, parse_time_of_day(rest.trim())?))
}

fn parse_time_of_day(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let text = text.strip_suffix("UTC").unwrap_or(text).trim_end();
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text).trim_end();
    let zone_at = text.find(['+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at_checked(zone_at)?;
    let zone_ms = match zone.chars().next() {
        None => 0,
        Some('-') => -clock_ms(&zone[1..])?,
        Some(_) => clock_ms(&zone[1..])?,
    };
    Some(clock_ms(clock.trim())? - zone_ms)
}

/// Parses `h`, `h:m`, `h:m:s.f` or `hhmm`.
fn clock_ms(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    if text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return Some((number / 100 * 60 + number % 100) * 60_000);
    }
    let mut ms = 0.0;
    let mut unit = 3_600_000.0;
    for field in text.splitn(3, ':') {
        let plain = field.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let value: f64 = field.parse().ok().filter(|_| plain)?;
        ms += value * unit;
        unit /= 60.0;
    }
    whole(ms).filter(|ms| *ms <= DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected moments are from cftime 1.6.
    #[test]
    fn moments_are_those_of_cftime() {
        let cases = [
            (
                "hours since 1-1-1 00:00:0.0",
                "gregorian",
                17_067_420.0,
                -693_057_600_000,
                1948,
            ),
            (
                "days since 1850-01-01",
                "standard",
                0.0,
                -3_786_825_600_000,
                1850,
            ),
            (
                "days since 1582-10-04",
                "standard",
                1.0,
                -12_219_292_800_000,
                1582,
            ),
            (
                "days since 0001-01-01",
                "proleptic_gregorian",
                0.0,
                -62_135_596_800_000,
                1,
            ),
            (
                "seconds since 1970-01-01T00:00:00Z",
                "standard",
                1.5,
                1_500,
                1970,
            ),
            (
                "minutes since 1970-01-01 02:00 +02:00",
                "",
                -1.0,
                -60_000,
                1969,
            ),
            (
                "months since 1999-12-15",
                "standard",
                2.0,
                950_572_800_000,
                2000,
            ),
            (
                "years since 2000-02-01 06:00:00",
                "standard",
                1.0,
                981_007_200_000,
                2001,
            ),
        ];
        for (units, calendar, value, moment, year) in cases {
            let units_parsed = TimeUnits::parse(units, calendar).unwrap();
            let found = units_parsed.moment_ms(value).unwrap();
            assert_eq!(found, moment, "{units}");
            assert_eq!(units_parsed.year(found), Some(year), "{units}");
        }
    }

    #[test]
    fn what_is_no_unit_of_time_is_not_guessed() {
        for units in [
            "months since jan 1899",
            "days",
            "days since 2000-13-01",
            "furlongs since 2000-01-01",
            "days since 2000-01-01 25:00",
        ] {
            assert_eq!(TimeUnits::parse(units, "standard"), None, "{units}");
        }
        assert_eq!(TimeUnits::parse("days since 2000-01-01", "lunar"), None);
        let months = TimeUnits::parse("months since 2000-01-01", "standard").unwrap();
        assert_eq!(months.moment_ms(0.5), None);
        assert_eq!(months.moment_ms(f64::NAN), None);
    }

    #[test]
    fn every_day_of_a_few_centuries_has_the_year_that_holds_it() {
        for calendar in [
            Calendar::Standard,
            Calendar::ProlepticGregorian,
            Calendar::Julian,
            Calendar::NoLeap,
            Calendar::AllLeap,
            Calendar::Days360,
        ] {
            for year in 1400..2100 {
                let first = calendar.days(Date::new_year(year)).unwrap();
                assert_eq!(calendar.year(first), year, "{calendar:?}");
                assert_eq!(calendar.year(first - 1), year - 1, "{calendar:?}");
            }
        }
    }
}
