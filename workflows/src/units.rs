//! Parses durations, sizes, percentages and power as users write them: `90s`, `4GiB`, `5%`, `350W`.

/// Milliseconds of a duration such as `90s`, `15m`, `2h`, `1d`, `500ms` or `1h30m`.
///
/// # Errors
///
/// Returns what was expected if the text is not a duration.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    const UNITS: &[(&str, u64)] = &[
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];
    let expected = || "a duration such as 90s, 15m, 2h or 1d".to_owned();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(expected());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, after) = split_number(rest).ok_or_else(expected)?;
        let end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, tail) = after.split_at(end);
        let factor = lookup(UNITS, unit).ok_or_else(expected)?;
        let part = scale(number, factor).ok_or_else(expected)?;
        total = total.checked_add(part).ok_or_else(expected)?;
        rest = tail;
    }
    Ok(total)
}

/// A duration as it must be written, for one in other words: `5m` for `5min` or `5 minutes`.
pub(crate) fn meant_duration(text: &str) -> Option<String> {
    let mut rest = text.trim();
    let mut meant = String::new();
    while !rest.is_empty() {
        let (_, after) = split_number(rest)?;
        let number = &rest[..rest.len() - after.len()];
        let after = after.trim_start();
        let end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (word, tail) = after.split_at(end);
        let unit = match word.to_ascii_lowercase().as_str() {
            "ms" | "msec" | "millisecond" | "milliseconds" => "ms",
            "s" | "sec" | "secs" | "second" | "seconds" => "s",
            "m" | "min" | "mins" | "minute" | "minutes" => "m",
            "h" | "hr" | "hrs" | "hour" | "hours" => "h",
            "d" | "day" | "days" => "d",
            _ => return None,
        };
        meant.push_str(number.trim());
        meant.push_str(unit);
        rest = tail.trim_start_matches([' ', ',']);
    }
    (meant != text && parse_duration(&meant).is_ok()).then_some(meant)
}

/// Bytes of a size such as `512MiB`, `4GiB` or `10GB`.
///
/// # Errors
///
/// Returns what was expected if the text is not a size.
pub fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: &[(&str, u64)] = &[
        ("B", 1),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("PB", 1_000_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("PiB", 1 << 50),
    ];
    with_unit(text, UNITS).ok_or_else(|| "a size such as 512MiB, 4GiB or 10GB".to_owned())
}

/// A size for people: `1023 B`, `1.5 KiB`, `9.3 GiB`.
#[must_use]
pub fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let unit = |step: usize| 1_u64 << (10 * (step + 1));
    let last = UNITS.len() - 1;
    let step = (0..last)
        .find(|step| bytes < unit(step + 1))
        .unwrap_or(last);
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(unit(step) / 2)) / u128::from(unit(step));
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[step])
}

/// Watts of a power such as `350W` or `1.2kW`.
///
/// # Errors
///
/// Returns what was expected if the text is not a power.
pub fn parse_power(text: &str) -> Result<f64, String> {
    let expected = || "a power such as 350W or 1.2kW".to_owned();
    let (number, unit) = split_number(text.trim()).ok_or_else(expected)?;
    let value: f64 = number.parse().map_err(|_| expected())?;
    match unit.trim_start() {
        "W" => Ok(value),
        "kW" => Ok(value * 1_000.0),
        "MW" => Ok(value * 1_000_000.0),
        _ => Err(expected()),
    }
}

/// The fraction of a percentage: `5%` is 0.05.
///
/// # Errors
///
/// Returns what was expected if the text is not a percentage.
pub fn parse_percent(text: &str) -> Result<f64, String> {
    let expected = || "a percentage such as 5%".to_owned();
    let (number, unit) = split_number(text.trim()).ok_or_else(expected)?;
    let value: f64 = number.parse().map_err(|_| expected())?;
    if unit.trim_start() == "%" {
        Ok(value / 100.0)
    } else {
        Err(expected())
    }
}

/// Parts per million that a percentage from 0 to 100 means: `5%` is 50 000.
///
/// # Errors
/// Says what was expected when the text is no such percentage.
pub fn parse_share(text: &str) -> Result<u32, String> {
    let share = parse_percent(text)?;
    if !(0.0..=1.0).contains(&share) {
        return Err("a percentage from 0% to 100%".to_owned());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and a million"
    )]
    let millionths = (share * 1e6).round() as u32;
    Ok(millionths)
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = split_number(text.trim())?;
    scale(number, lookup(units, unit.trim_start())?)
}

fn lookup(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units.iter().find(|(name, _)| *name == unit).map(|u| u.1)
}

/// Splits `1.5GiB` into `1.5` and `GiB`; `None` if it does not begin with a number.
fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let dots = number.len() - digits;
    (number.starts_with(|c: char| c.is_ascii_digit()) && dots <= 1 && !number.ends_with('.'))
        .then_some((number, unit))
}

/// A decimal times a factor, exactly, rounded down.
fn scale(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().ok()?;
    let mut total = whole.checked_mul(factor)?;
    if !fraction.is_empty() {
        let digits = u32::try_from(fraction.len()).ok()?;
        let divisor = 10_u128.checked_pow(digits)?;
        let part = fraction.parse::<u128>().ok()?.checked_mul(factor.into())? / divisor;
        total = total.checked_add(u64::try_from(part).ok()?)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_mean_milliseconds() {
        assert_eq!(parse_duration("90s"), Ok(90_000));
        assert_eq!(parse_duration("1h30m"), Ok(5_400_000));
        assert_eq!(parse_duration("1.5h"), Ok(5_400_000));
        assert_eq!(parse_duration("500ms"), Ok(500));
        for bad in [
            "",
            "90",
            "s",
            "-1s",
            "1 year",
            "1..5h",
            "999999999999999999d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_mean_bytes_in_both_families() {
        assert_eq!(parse_size("4GiB"), Ok(4 << 30));
        assert_eq!(parse_size("10GB"), Ok(10_000_000_000));
        assert_eq!(parse_size("0.5 MiB"), Ok(1 << 19));
        for bad in ["4", "4G", "GiB", "1.GiB", "4gib"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_read_well() {
        let all = [0, 1023, 1024, 1536, 512 << 20, 10_000_000_000, u64::MAX].map(size_text);
        assert_eq!(
            all,
            [
                "0 B",
                "1023 B",
                "1.0 KiB",
                "1.5 KiB",
                "512.0 MiB",
                "9.3 GiB",
                "16384.0 PiB"
            ]
        );
    }

    #[test]
    fn power_and_percent_carry_their_unit() {
        assert_eq!(parse_power("350W"), Ok(350.0));
        assert_eq!(parse_power("1.2kW"), Ok(1200.0));
        assert!(parse_power("350").is_err());
        assert_eq!(parse_percent("5%"), Ok(0.05));
        assert!(parse_percent("5").is_err());
        assert_eq!(parse_share("29%"), Ok(290_000));
        assert_eq!(parse_share("100%"), Ok(1_000_000));
        for wrong in ["101%", "-1%", "10", "0.1", "%"] {
            assert!(parse_share(wrong).is_err(), "{wrong}");
        }
    }
}
