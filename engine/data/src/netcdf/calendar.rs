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
        if !self.has(date) {
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

    /// Whether the calendar has this date, of a year within a million.
    fn has(self, date: Date) -> bool {
        let Date { year, month, day } = date;
        let by_four = year % 4 == 0;
        let gregorian = by_four && (year % 100 != 0 || year % 400 == 0);
        let february = match self {
            Self::Days360 => 30,
            Self::AllLeap => 29,
            Self::NoLeap => 28,
            Self::Julian => 28 + i64::from(by_four),
            Self::Standard if year <= 1582 => 28 + i64::from(by_four),
            Self::Standard | Self::ProlepticGregorian => 28 + i64::from(gregorian),
        };
        let length = match (self, month) {
            (_, 2) => february,
            (Self::Days360, 1..=12) | (_, 4 | 6 | 9 | 11) => 30,
            (_, 1..=12) => 31,
            _ => 0,
        };
        // The days that the reform of 1582 left out.
        let left_out =
            self == Self::Standard && (year, month) == (1582, 10) && (5..15).contains(&day);
        year.abs() <= 1_000_000 && (1..=length).contains(&day) && !left_out
    }

    /// Whether the year before 1 is -1, as historians count, and not 0. CF's default for calendars
    /// with Julian dates.
    fn lacks_year_zero(self) -> bool {
        matches!(self, Self::Standard | Self::Julian)
    }

    /// A year as files write it, counted with a year 0. `None` for a year 0 that does not exist.
    fn year_from_file(self, year: i64) -> Option<i64> {
        match year {
            _ if !self.lacks_year_zero() || year > 0 => Some(year),
            0 => None,
            _ => Some(year + 1),
        }
    }

    /// The reverse of [`Self::year_from_file`].
    fn year_in_file(self, year: i64) -> i64 {
        year - i64::from(self.lacks_year_zero() && year <= 0)
    }

    /// The year that contains a day, counted with a year 0.
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

/// A date. The year before 1 is 0.
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

    fn text(self) -> String {
        let Self { year, month, day } = self;
        format!("{year:04}-{month:02}-{day:02}")
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

impl Step {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "milliseconds" | "millisecond" | "millisec" | "msec" | "msecs" | "ms" => {
                Self::Milliseconds(1)
            }
            "seconds" | "second" | "sec" | "secs" | "s" => Self::Milliseconds(1_000),
            "minutes" | "minute" | "min" | "mins" => Self::Milliseconds(60_000),
            "hours" | "hour" | "hr" | "hrs" | "h" => Self::Milliseconds(3_600_000),
            "days" | "day" | "d" => Self::Milliseconds(DAY_MS),
            "months" | "month" => Self::Months(1),
            "years" | "year" | "yr" | "yrs" => Self::Months(12),
            _ => return None,
        })
    }
}

impl TimeUnits {
    /// Parses units such as `hours since 1900-01-01 00:00:0.0`. Returns `None` for anything else.
    pub(super) fn parse(units: &str, calendar: &str) -> Option<Self> {
        Self::checked(units, calendar).ok().flatten()
    }

    /// Like [`Self::parse`], for the units of a file that somebody else wrote. Returns `None` if
    /// these are not units of time, or the calendar, the step or the way to write a date is not
    /// known.
    ///
    /// # Errors
    /// Fails, with the reason, if they are units of time from a moment that does not exist.
    pub(super) fn checked(units: &str, calendar: &str) -> Result<Option<Self>, String> {
        let parts = units.split_once(" since ");
        let parts = parts.and_then(|(step, since)| Some((Step::from_name(step)?, since.trim())));
        let (Some((step, since)), Some(known)) = (parts, Calendar::from_name(calendar)) else {
            return Ok(None);
        };
        let wrong = |what: String| format!("has the units `{units}`, but {what}");
        let Some((written, ms)) = parse_moment(since) else {
            // Words such as `jan 1899` are a way to write a date that is not read.
            let is_of_date = |c: char| c.is_ascii_digit() || "-+:.TtZz ".contains(c);
            if !since.chars().all(is_of_date) {
                return Ok(None);
            }
            let expected = "expected a date and a time, such as 1850-01-01 00:00:00";
            return Err(wrong(format!("`{since}` is not a date: {expected}")));
        };
        let date = known
            .year_from_file(written.year)
            .map(|year| Date { year, ..written });
        let origin = date.and_then(|date| {
            let days = known.days(date)?;
            Some((date, days.checked_mul(DAY_MS)?.checked_add(ms)?))
        });
        let Some((date, origin_ms)) = origin else {
            let day = written.text();
            let calendar = if calendar.trim().is_empty() {
                "standard"
            } else {
                calendar
            };
            return Err(wrong(format!("the calendar `{calendar}` has no {day}")));
        };
        Ok(Some(Self {
            calendar: known,
            origin_ms,
            date,
            step,
        }))
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
        let year = self.calendar.year(moment_ms.div_euclid(DAY_MS));
        i32::try_from(self.calendar.year_in_file(year)).ok()
    }

    /// The moment from which steps are counted, in milliseconds from the calendar's zero.
    pub(super) fn origin_ms(&self) -> i64 {
        self.origin_ms
    }

    /// The units `days since …`, counted from this many milliseconds after the beginning of the day
    /// that these units name.
    pub(super) fn in_days(&self, time_of_day_ms: i64) -> String {
        let date = Date {
            year: self.calendar.year_in_file(self.date.year),
            ..self.date
        };
        let (s, ms) = (time_of_day_ms / 1000, time_of_day_ms % 1000);
        let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
        let fraction = if ms == 0 {
            String::new()
        } else {
            format!(".{ms:03}")
        };
        format!("days since {} {h:02}:{m:02}:{s:02}{fraction}", date.text())
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

/// Parses a date, an optional time of day and an optional time zone. The date is as it is written,
/// whether or not a calendar has it. The time is in milliseconds since the beginning of the day, in
/// UTC.
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
    let is_zone = |zone: &&str| text.ends_with(*zone);
    let zone = ["UTC", "GMT"].into_iter().find(is_zone).unwrap_or_default();
    let text = text.strip_suffix(zone).unwrap_or(text).trim_end();
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
        let (hours, minutes) = (number / 100, number % 100);
        return (hours < 24 && minutes < 60).then_some((hours * 60 + minutes) * 60_000);
    }
    let mut ms = 0.0;
    let units = [(3_600_000.0, 24.0), (60_000.0, 60.0), (1_000.0, 60.0)];
    for (field, (unit, end)) in text.splitn(3, ':').zip(units) {
        let plain = field.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let value: f64 = field.parse().ok().filter(|_| plain)?;
        if value >= end {
            return None;
        }
        ms += value * unit;
    }
    whole(ms)
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

    /// Whether a reference exists, and its moment in calendars with real days, are from cftime 1.6.
    #[test]
    fn the_references_that_exist_are_those_of_cftime() {
        const ABSENT: Option<i64> = None;
        let cases = [
            ("2001-02-30", "standard", ABSENT),
            ("2001-02-29", "standard", ABSENT),
            ("1582-10-04", "standard", Some(-12_219_379_200_000)),
            ("1582-10-05", "standard", ABSENT),
            ("1582-10-10", "standard", ABSENT),
            ("1582-10-14", "gregorian", ABSENT),
            ("1582-10-15", "standard", Some(-12_219_292_800_000)),
            (
                "1582-10-10",
                "proleptic_gregorian",
                Some(-12_219_724_800_000),
            ),
            ("0000-01-01", "standard", ABSENT),
            ("0000-01-01", "julian", ABSENT),
            (
                "0000-01-01",
                "proleptic_gregorian",
                Some(-62_167_219_200_000),
            ),
            ("-0001-01-01", "standard", Some(-62_167_392_000_000)),
            (
                "-0001-01-01",
                "proleptic_gregorian",
                Some(-62_198_755_200_000),
            ),
            ("-4712-01-01 12:00", "standard", Some(-210_835_137_600_000)),
            ("2001-04-31", "julian", ABSENT),
            ("1900-02-29", "standard", ABSENT),
            ("1500-02-29", "standard", Some(-14_825_894_400_000)),
            ("1500-02-29", "proleptic_gregorian", ABSENT),
            ("2001-02-29", "noleap", ABSENT),
            ("2001-02-29", "365_day", ABSENT),
            ("2001-02-30", "all_leap", ABSENT),
            ("2001-01-31", "360_day", ABSENT),
            ("2001-13-01", "standard", ABSENT),
            ("2001-00-01", "standard", ABSENT),
            ("2001-01-00", "standard", ABSENT),
            ("2001-01-32", "standard", ABSENT),
            ("2001-01-01 25:00", "standard", ABSENT),
            ("2001-01-01 24:00", "standard", ABSENT),
            ("2001-01-01 23:60", "standard", ABSENT),
            ("2001-01-01 23:59:60", "standard", ABSENT),
            ("2001-01-01 2400", "standard", ABSENT),
            ("2001-01-01 0000", "standard", Some(978_307_200_000)),
            ("2001", "standard", ABSENT),
            ("2001-02-03T04:05:06Z", "standard", Some(981_173_106_000)),
            ("2001-02-03 04:05:06 UTC", "standard", Some(981_173_106_000)),
            ("2001-02-03 04:05:06 GMT", "standard", Some(981_173_106_000)),
            (
                "2001-02-03 04:05:06 +0200",
                "standard",
                Some(981_165_906_000),
            ),
            ("2001-2-3 4:5:6.5", "standard", Some(981_173_106_500)),
        ];
        for (since, calendar, expected) in cases {
            for step in ["days", "seconds", "months"] {
                let found = TimeUnits::checked(&format!("{step} since {since}"), calendar);
                let found = found.map(|units| units.unwrap().origin_ms());
                assert_eq!(
                    found.clone().ok(),
                    expected,
                    "{since} {calendar}: {found:?}"
                );
            }
        }
        for (since, calendar) in [
            ("0000-01-01", "noleap"),
            ("2001-02-29", "all_leap"),
            ("2001-02-30", "360_day"),
            ("1582-10-10", "julian"),
            ("1900-02-29", "julian"),
        ] {
            let units = format!("days since {since}");
            assert!(
                TimeUnits::parse(&units, calendar).is_some(),
                "{since} {calendar}"
            );
        }
    }

    #[test]
    fn years_before_the_first_are_written_as_they_were_read() {
        for (since, calendar, year) in [
            ("-0001-03-01", "standard", -1),
            ("-0044-03-15", "julian", -44),
            ("-0001-03-01", "proleptic_gregorian", -1),
            ("0000-03-01", "noleap", 0),
            ("0001-01-01", "standard", 1),
        ] {
            let units = TimeUnits::parse(&format!("days since {since}"), calendar).unwrap();
            assert_eq!(
                units.year(units.origin_ms()),
                Some(year),
                "{since} {calendar}"
            );
            let again = TimeUnits::parse(&units.in_days(0), calendar);
            assert_eq!(again, Some(units), "{since} {calendar}");
        }
    }

    #[test]
    fn what_is_no_unit_of_time_is_not_guessed() {
        for units in [
            "days",
            "days since yesterday",
            "months since jan 1899",
            "",
            "furlongs since 2000-01-01",
            "days since",
            "K",
        ] {
            assert_eq!(TimeUnits::checked(units, "standard"), Ok(None), "{units}");
        }
        let lunar = TimeUnits::checked("days since 2000-01-01", "lunar");
        assert_eq!(lunar, Ok(None));
        // The months after it have no 31st.
        let ends = TimeUnits::parse("months since 2000-01-31", "standard").unwrap();
        assert_eq!(ends.moment_ms(1.0), None);
        assert!(ends.moment_ms(2.0).is_some());
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
