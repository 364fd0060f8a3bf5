//! The meaning of an unquoted scalar by YAML 1.2's core schema: `NO` is text and not `false`.

use crate::value::Value;

/// The value of unquoted text. A number keeps the text in which it was written. Digits with leading
/// zeros, integers beyond 64 bits and numbers that no float holds are text, because a number would lose
/// what was written.
#[must_use]
pub(crate) fn resolve(text: &str) -> Value {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        _ => {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let number = if is_padded(text) {
                None
            } else if is_digits(digits) {
                whole(text)
            } else {
                based(text).or_else(|| fraction(text, digits))
            };
            number.unwrap_or_else(|| Value::String(text.to_owned()))
        }
    };
    value.written_as(text)
}

/// True for a number other than zero that a float would hold as zero.
#[must_use]
pub(crate) fn underflows(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    mantissa.contains(|c: char| matches!(c, '1'..='9')) && text.parse::<f64>() == Ok(0.0)
}

/// True for digits with a leading zero, as in `007` and `-00.5`. They are a name rather than an
/// amount.
pub(crate) fn is_padded(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn whole(text: &str) -> Option<Value> {
    let signed = text.parse().ok().map(Value::Int);
    signed.or_else(|| text.parse().ok().map(Value::unsigned))
}

/// Parses an octal or hexadecimal integer.
fn based(text: &str) -> Option<Value> {
    let (digits, radix) = match text.strip_prefix("0o") {
        Some(octal) => (octal, 8),
        None => (text.strip_prefix("0x")?, 16),
    };
    let plain = digits.starts_with(|c: char| c.is_ascii_hexdigit());
    let number = i64::from_str_radix(digits, radix).ok();
    number.filter(|_| plain).map(Value::Int)
}

fn fraction(text: &str, digits: &str) -> Option<Value> {
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], Some(&digits[at + 1..])),
        None => (digits, None),
    };
    let mantissa_fits = match mantissa.split_once('.') {
        None => is_digits(mantissa),
        Some((whole, part)) => {
            (is_digits(whole) || whole.is_empty() && is_digits(part))
                && (is_digits(part) || part.is_empty())
        }
    };
    let exponent_fits = exponent.is_none_or(|e| is_digits(e.strip_prefix(['-', '+']).unwrap_or(e)));
    if mantissa_fits && exponent_fits {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.filter(|_| !underflows(text)).map(Value::Float)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_mean_what_yaml_1_2_says() {
        assert_eq!(resolve("NO"), Value::String("NO".into()));
        assert_eq!(resolve("yes"), Value::String("yes".into()));
        assert_eq!(resolve("true"), Value::Bool(true));
        assert_eq!(resolve(""), Value::Null);
        assert_eq!(resolve("12"), Value::Int(12));
        assert_eq!(resolve("-0x1"), Value::String("-0x1".into()));
        assert_eq!(resolve("0o17").plain(), Value::Int(15));
        assert_eq!(resolve("1e3").plain(), Value::Float(1000.0));
        assert_eq!(resolve(".5").plain(), Value::Float(0.5));
        assert_eq!(resolve("-.inf").plain(), Value::Float(f64::NEG_INFINITY));
        assert_eq!(resolve("1.2.3"), Value::String("1.2.3".into()));
        assert_eq!(resolve("."), Value::String(".".into()));
        assert_eq!(resolve("-"), Value::String("-".into()));
        assert_eq!(resolve("12:30"), Value::String("12:30".into()));
    }

    #[test]
    fn every_scalar_prints_as_it_was_written() {
        let numbers = [
            "1.10",
            "1e5",
            "1E5",
            "0x1F",
            "0o17",
            "+5",
            "-0",
            ".5",
            "5.",
            "1e-07",
            "TRUE",
            "False",
            ".inf",
            "18446744073709551615",
            "12345678901234567890",
            "100000.0",
            "0.1",
            "-7",
        ];
        for text in numbers {
            let value = resolve(text);
            assert_eq!(value.to_text(), text);
            assert!(!matches!(value, Value::String(_)), "{text} is a number");
        }
        let texts = [
            "007",
            "012",
            "-07",
            "00.5",
            "18446744073709551616",
            "-9223372036854775809",
            "1e999",
            "1e-400",
            "-0.5e-400",
            "1_000",
            "99999999999999999999",
            "0x+1",
            "0xFFFFFFFFFFFFFFFFFF",
        ];
        for text in texts {
            assert_eq!(resolve(text), Value::String(text.to_owned()));
        }
    }
}
