//! What a plain scalar means: YAML 1.2's core schema, so that `NO` is a zone and not `false`.

use crate::value::Value;

/// The value of unquoted text.
#[must_use]
pub(crate) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1.0, &text[1..]),
        Some(b'+') => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    match digits {
        ".inf" | ".Inf" | ".INF" => return Value::Float(sign * f64::INFINITY),
        _ => {}
    }
    whole(text, digits)
        .or_else(|| fraction(text, digits))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn whole(text: &str, digits: &str) -> Option<Value> {
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().map(Value::Int);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Value::Int);
    }
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !plain {
        return None;
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    unsigned.parse().ok().map(Value::Int)
}

fn fraction(text: &str, digits: &str) -> Option<Value> {
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], Some(&digits[at + 1..])),
        None => (digits, None),
    };
    let numeric = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        None => numeric(mantissa),
        Some((whole, part)) => {
            (numeric(whole) || whole.is_empty() && numeric(part))
                && (numeric(part) || part.is_empty())
        }
    };
    let exponent_fits = exponent.is_none_or(|e| numeric(e.strip_prefix(['-', '+']).unwrap_or(e)));
    if mantissa_fits && exponent_fits {
        text.parse().ok().map(Value::Float)
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
        assert_eq!(resolve("0o17"), Value::Int(15));
        assert_eq!(resolve("1e3"), Value::Float(1000.0));
        assert_eq!(resolve(".5"), Value::Float(0.5));
        assert_eq!(resolve("1.2.3"), Value::String("1.2.3".into()));
        assert_eq!(resolve("."), Value::String(".".into()));
        assert_eq!(resolve("-"), Value::String("-".into()));
        assert_eq!(resolve("-.inf"), Value::Float(f64::NEG_INFINITY));
        assert_eq!(resolve("12:30"), Value::String("12:30".into()));
    }
}
