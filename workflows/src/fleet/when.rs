//! Parses the times of windows, for example `mon-fri 20:00-07:00`, in local time.

/// The times of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Whenever no other window applies.
    Otherwise,
    /// Certain hours on certain days.
    Hours {
        /// The days on which it begins.
        days: Days,
        /// The minute of the day at which it begins.
        from_min: u16,
        /// The minute of the day at which it ends. If it is not after `from_min`, it is on the next
        /// day.
        to_min: u16,
    },
}

/// Days of the week, Monday first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(pub [bool; 7]);

/// Names of the days, Monday first.
const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Minutes of a day.
const DAY_MIN: u16 = 1440;

/// The accepted forms, for messages.
pub(super) const EXPECTED: &str =
    "`otherwise`, days such as `mon-fri` or `sat,sun`, hours such as `20:00-07:00`, or both";

/// Parses a window's times.
pub(super) fn parse(text: &str) -> Option<When> {
    let text = text.trim().to_lowercase();
    if text == "otherwise" {
        return Some(When::Otherwise);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let every = Days([true; 7]);
    let (days, hours) = match words.as_slice() {
        [one] if one.contains(':') => (every, Some(*one)),
        [days] => (parse_days(days)?, None),
        [days, hours] => (parse_days(days)?, Some(*hours)),
        _ => return None,
    };
    let (from_min, to_min) = match hours {
        Some(hours) => parse_hours(hours)?,
        None => (0, DAY_MIN),
    };
    Some(When::Hours {
        days,
        from_min,
        to_min,
    })
}

/// Parses a list of days and ranges of days. A range may cross the week's end.
fn parse_days(text: &str) -> Option<Days> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let place = |name: &str| NAMES.iter().position(|known| *known == name);
        let (mut at, last) = (place(first)?, place(last)?);
        loop {
            *days.get_mut(at)? = true;
            if at == last {
                break;
            }
            at = (at + 1) % 7;
        }
    }
    Some(Days(days))
}

fn parse_hours(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (parse_clock(from)?, parse_clock(to)?);
    (from != to && from < DAY_MIN).then_some((from, to))
}

fn parse_clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let sound = minutes < 60 && (hours < 24 || (hours == 24 && minutes == 0));
    sound.then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::{Days, When, parse};

    #[test]
    fn days_hours_and_both() {
        let nights = When::Hours {
            days: Days([true, true, true, true, true, false, false]),
            from_min: 1200,
            to_min: 420,
        };
        assert_eq!(parse("mon-fri 20:00-07:00"), Some(nights));
        let over = When::Hours {
            days: Days([true, false, false, false, true, true, true]),
            from_min: 0,
            to_min: 1440,
        };
        assert_eq!(parse("Fri-Mon"), Some(over));
        assert!(matches!(parse("00:00-24:00"), Some(When::Hours { .. })));
        assert_eq!(parse("otherwise"), Some(When::Otherwise));
    }

    #[test]
    fn what_is_no_window_is_none() {
        for text in [
            "",
            "monday",
            "mon 8-20",
            "mon 25:00-07:00",
            "20:00-20:00",
            "mon tue wed",
            "24:00-07:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
