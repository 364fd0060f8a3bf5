//! Compares two cells of a table by value.

use sunward_workflows::{Meaning, Value};

/// How cells of a column are compared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rule {
    /// How far numbers may differ: `|a - b| <= tolerance * max(1, |a|, |b|)`.
    pub(super) tolerance: f64,
    /// Whether numbers without a tolerance are compared digit by digit, as decimals are. Else they are
    /// compared as floating-point numbers, unless they are whole.
    pub(super) digits: bool,
}

/// Where two cells disagree, and what is there. `None` if they agree.
///
/// What the output holds decides: text is compared as text, and a number by its value, however it is
/// written. An empty cell is equal to an empty text, because CSV has one for both.
pub(super) fn disagree(
    expected: &Value,
    found: &Value,
    rule: Rule,
) -> Option<(String, String, String)> {
    let (written, other) = (text(expected), text(found));
    if written == other {
        return None;
    }
    if let Value::List(items) = found
        && let Some(wanted) = list(expected)
        && wanted.len() == items.len()
    {
        let mut pairs = wanted.iter().zip(items).enumerate();
        return pairs.find_map(|(at, (expected, found))| {
            let (inner, expected, found) = disagree(expected, found, rule)?;
            Some((format!("[{at}]{inner}"), expected, found))
        });
    }
    let numbers = Number::of_output(found).and_then(|found| Some((Number::of(expected)?, found)));
    match numbers {
        Some((expected, found)) if expected.agrees(&found, rule) => None,
        _ => Some((String::new(), written, other)),
    }
}

/// A list, which CSV writes as JSON.
fn list(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(list) => Some(list.clone()),
        Value::String(text) if text.starts_with('[') => {
            let json: serde_json::Value = serde_json::from_str(text).ok()?;
            match Value::from_json(&json) {
                Value::List(list) => Some(list),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A cell as text.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::List(_) | Value::Map(_) => value.to_json().to_string(),
        _ => value.to_text(),
    }
}

/// A number with its exact value.
enum Number {
    Whole(i128),
    /// Any other, with the text in which it is written.
    Other(f64, String),
}

impl Number {
    /// The number in a cell of an output. Text is no number, even if it looks like one.
    fn of_output(value: &Value) -> Option<Self> {
        match value {
            Value::String(_) => None,
            _ => Self::of(value),
        }
    }

    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(whole) => Some(Self::Whole((*whole).into())),
            Value::Float(number) => Some(Self::Other(*number, value.to_text())),
            Value::String(text) => Self::read(text),
            Value::Written(written) => match written.means() {
                Meaning::Int(whole) => Some(Self::Whole(whole.into())),
                Meaning::Unsigned(whole) => Some(Self::Whole(whole.into())),
                Meaning::Float(number) => Some(Self::Other(number, written.text().to_owned())),
                Meaning::Bool(_) => None,
            },
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The number that a text is. With leading zeros it is none, such as an identifier.
    fn read(text: &str) -> Option<Self> {
        let digits = text.trim_start_matches(['+', '-']).as_bytes();
        if matches!(digits, [b'0', next, ..] if next.is_ascii_digit()) {
            return None;
        }
        match text.parse() {
            Ok(whole) => Some(Self::Whole(whole)),
            Err(_) => Some(Self::Other(text.parse().ok()?, text.to_owned())),
        }
    }

    fn agrees(&self, other: &Self, rule: Rule) -> bool {
        if let (Self::Whole(a), Self::Whole(b)) = (self, other) {
            // The difference is exact, so that large numbers are not rounded to the same.
            let apart = i128::checked_sub(*a, *b).map_or(f64::INFINITY, |apart| wide(apart).abs());
            return within(apart, wide(*a), wide(*b), rule.tolerance);
        }
        let (a, b) = (self.float(), other.float());
        if !a.is_finite() || !b.is_finite() {
            return a == b || a.is_nan() && b.is_nan();
        }
        match rule.digits && rule.tolerance == 0.0 {
            true => self.digits() == other.digits(),
            false => within((a - b).abs(), a, b, rule.tolerance),
        }
    }

    fn float(&self) -> f64 {
        match self {
            Self::Whole(whole) => wide(*whole),
            Self::Other(number, _) => *number,
        }
    }

    /// The text without a sign that says nothing and without trailing zeros.
    fn digits(&self) -> String {
        let text = match self {
            Self::Whole(whole) => whole.to_string(),
            Self::Other(_, text) => text.trim_start_matches('+').to_owned(),
        };
        match text.contains('.') && !text.contains(['e', 'E']) {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    }
}

fn within(apart: f64, a: f64, b: f64, tolerance: f64) -> bool {
    apart <= tolerance * a.abs().max(b.abs()).max(1.0)
}

/// A whole number as a float; beyond 2^53 the nearest one.
fn wide(whole: i128) -> f64 {
    whole.to_string().parse().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    #[test]
    fn cells_agree_by_what_the_output_holds() {
        let exact = Rule::default();
        let near = Rule {
            tolerance: 1.0e-6,
            digits: false,
        };
        let list = Value::List(vec![Value::Int(1), Value::Float(2.5)]);
        for (expected, found, rule, agree) in [
            (string("1"), Value::Int(1), exact, true),
            (string("01"), Value::Int(1), exact, false),
            (Value::Float(1.0), Value::Int(1), exact, true),
            (Value::Null, string(""), exact, true),
            (Value::Null, Value::Int(0), exact, false),
            (string("[1, 2.5]"), list.clone(), exact, true),
            (string("[1, 2.6]"), list.clone(), exact, false),
            (string("[1]"), list, near, false),
            (string("a"), string("a"), exact, true),
            // Text that looks like a number is text.
            (string("1000"), string("1e3"), near, false),
            (Value::Int(7), string("007"), near, false),
            (string("[1]"), string("[1.0]"), near, false),
            // Whole numbers are compared exactly.
            (
                Value::Int(9_007_199_254_740_993),
                Value::Int(9_007_199_254_740_992),
                exact,
                false,
            ),
            (
                Value::unsigned(u64::MAX),
                Value::unsigned(u64::MAX - 1),
                exact,
                false,
            ),
            (
                string("18446744073709551615"),
                Value::unsigned(u64::MAX),
                exact,
                true,
            ),
            (Value::Int(1_000_000), Value::Int(1_000_001), near, true),
            // An infinite number is near no other.
            (Value::Float(f64::INFINITY), Value::Int(5), near, false),
            (Value::Int(5), Value::Float(f64::NEG_INFINITY), near, false),
            (
                Value::Float(f64::INFINITY),
                Value::Float(f64::NEG_INFINITY),
                near,
                false,
            ),
            (string("inf"), Value::Float(f64::INFINITY), near, true),
            (string("nan"), Value::Float(f64::NAN), near, true),
            (Value::Int(5), Value::Float(f64::NAN), near, false),
            (Value::Bool(true), Value::Int(1), near, false),
        ] {
            let told = disagree(&expected, &found, rule);
            assert_eq!(told.is_none(), agree, "{expected:?} {found:?}: {told:?}");
        }
    }

    #[test]
    fn decimals_are_compared_digit_by_digit() {
        let decimal = |text: &str| {
            let number: f64 = text.parse().unwrap();
            Value::Float(number).written_as(text)
        };
        let agree = |a: &str, b: &str, digits: bool| {
            let rule = Rule {
                tolerance: 0.0,
                digits,
            };
            disagree(&decimal(a), &decimal(b), rule).is_none()
        };
        assert!(agree("1.50", "1.5", true) && agree("0.10", "0.1", true));
        let (a, b) = ("12345678901234567890.10", "12345678901234567890.11");
        assert!(!agree(a, b, true) && agree(a, b, false));
    }
}
