//! Infers the type of a column from the text of all its cells.

use arrow::array::timezone::Tz;
use arrow::compute::kernels::cast_utils::{Parser as _, string_to_datetime};
use arrow::datatypes::Date32Type;
use arrow_schema::{DataType, TimeUnit};

/// The largest integer up to which a 64-bit floating-point number holds all integers: 2^53.
const EXACT: u64 = 1 << 53;

/// The kinds of cells found in a column so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Guess {
    kinds: Vec<Kind>,
}

/// The kind of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    /// A non-negative integer up to 2^53.
    Int,
    /// A larger integer that fits a signed 64-bit integer. A floating-point number would round it.
    Large,
    /// An integer that needs all 64 bits of an unsigned integer.
    Unsigned,
    /// A negative integer from -2^53 on.
    Negative,
    /// A negative integer below -2^53.
    LargeNegative,
    Float,
    Date,
    /// A date with a time in this unit. The flag says whether it has an offset from UTC.
    Instant(TimeUnit, bool),
    Text,
}

impl Guess {
    /// Adds a cell.
    pub(super) fn add(&mut self, cell: &str, decimal_comma: bool) {
        if self.kinds.contains(&Kind::Text) {
            return;
        }
        let kind = kind(cell, decimal_comma);
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
    }

    /// The narrowest type that holds every cell. It is text if there is no such type, or no cell. A
    /// column of decimals and integers beyond 2^53 is text, because numbers would round it.
    pub(super) fn data_type(&self) -> DataType {
        let only = |fits: fn(&Kind) -> bool| self.kinds.iter().all(fits);
        if self.kinds.is_empty() {
            return DataType::Utf8;
        }
        if only(|kind| *kind == Kind::Bool) {
            return DataType::Boolean;
        }
        if only(|kind| {
            matches!(
                kind,
                Kind::Int | Kind::Large | Kind::Negative | Kind::LargeNegative
            )
        }) {
            return DataType::Int64;
        }
        if only(|kind| matches!(kind, Kind::Int | Kind::Large | Kind::Unsigned)) {
            return DataType::UInt64;
        }
        if only(|kind| matches!(kind, Kind::Int | Kind::Negative | Kind::Float)) {
            return DataType::Float64;
        }
        if only(|kind| *kind == Kind::Date) {
            return DataType::Date32;
        }
        self.instant()
    }

    fn instant(&self) -> DataType {
        let mut finest = TimeUnit::Second;
        let (mut with, mut without) = (false, false);
        for kind in &self.kinds {
            match kind {
                Kind::Instant(unit, offset) => {
                    finest = finest.max(*unit);
                    with |= offset;
                    without |= !offset;
                }
                // In a column of times without an offset, a date without a time means midnight.
                Kind::Date => without = true,
                _ => return DataType::Utf8,
            }
        }
        match (with, without) {
            (true, true) => DataType::Utf8,
            (true, false) => DataType::Timestamp(finest, Some("UTC".into())),
            _ => DataType::Timestamp(finest, None),
        }
    }
}

fn kind(cell: &str, decimal_comma: bool) -> Kind {
    let first = cell.bytes().next().unwrap_or(b' ');
    if first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.' | b',') {
        let number = number(cell, decimal_comma);
        if number != Kind::Text {
            return number;
        }
    }
    if cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false") {
        return Kind::Bool;
    }
    if matches!(cell, "NaN" | "nan" | "inf" | "-inf") {
        return Kind::Float;
    }
    time(cell)
}

/// The kind of a cell that may be a number. Digits are text if they may be an identifier: with
/// leading zeros, or beyond 64 bits.
fn number(cell: &str, decimal_comma: bool) -> Kind {
    let digits = cell.trim_start_matches(['+', '-']);
    if cell.len() - digits.len() > 1 {
        return Kind::Text;
    }
    let mut bytes = digits.bytes();
    if bytes.next() == Some(b'0') && bytes.next().is_some_and(|byte| byte.is_ascii_digit()) {
        return Kind::Text;
    }
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match (cell.parse::<i64>(), cell.parse::<u64>()) {
            (Ok(number), _) => match (number < 0, number.unsigned_abs() > EXACT) {
                (false, false) => Kind::Int,
                (false, true) => Kind::Large,
                (true, false) => Kind::Negative,
                (true, true) => Kind::LargeNegative,
            },
            (_, Ok(_)) => Kind::Unsigned,
            _ => Kind::Text,
        };
    }
    let text;
    let digits = if decimal_comma {
        if digits.contains('.') {
            return Kind::Text;
        }
        text = digits.replacen(',', ".", 1);
        text.as_str()
    } else {
        digits
    };
    let plain = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    match digits.parse::<f64>() {
        Ok(number) if plain && number.is_finite() && !is_below_floats(digits, number) => {
            Kind::Float
        }
        _ => Kind::Text,
    }
}

/// Whether a number is so small that its nearest float is zero, such as a p-value of `1e-400`.
fn is_below_floats(digits: &str, number: f64) -> bool {
    let mantissa = digits.split(['e', 'E']).next().unwrap_or_default();
    number == 0.0 && mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

fn time(cell: &str) -> Kind {
    let bytes = cell.as_bytes();
    let is_dated = bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-';
    if !is_dated || !cell.is_ascii() {
        return Kind::Text;
    }
    if bytes.len() == 10 {
        return match Date32Type::parse(cell) {
            Some(_) => Kind::Date,
            None => Kind::Text,
        };
    }
    let tail = cell.get(11..).unwrap_or_default();
    let is_timed = matches!(bytes[10], b'T' | b' ') && tail.len() >= 8;
    let Some(instant) = "+00:00"
        .parse::<Tz>()
        .ok()
        .filter(|_| is_timed)
        .and_then(|utc| string_to_datetime(&utc, cell).ok())
    else {
        return Kind::Text;
    };
    let rest = tail.get(8..).unwrap_or_default();
    let fraction = rest.strip_prefix('.').map_or(0, |rest| {
        1 + rest.bytes().take_while(u8::is_ascii_digit).count()
    });
    let unit = match fraction {
        0 | 1 => TimeUnit::Second,
        2..=4 => TimeUnit::Millisecond,
        5..=7 => TimeUnit::Microsecond,
        _ if instant.timestamp_nanos_opt().is_some() => TimeUnit::Nanosecond,
        _ => return Kind::Text,
    };
    Kind::Instant(unit, rest.len() > fraction)
}
