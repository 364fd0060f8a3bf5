//! Reads answers: JSON of a known shape, and times and numbers in providers' notations.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use sunward_core::Timestamp;
use sunward_workflows::quoted;

use super::error::SignalError;
use crate::moment::moment;

/// The most letters of an unexpected answer that are shown.
const SHOWN_LETTERS: usize = 40;

/// Reads the JSON answer of `host` to `path`.
///
/// # Errors
///
/// Fails if it is not JSON or has another shape.
pub(crate) fn json<T: DeserializeOwned>(
    host: &str,
    path: &str,
    bytes: &[u8],
) -> Result<T, SignalError> {
    let begins = bytes
        .iter()
        .copied()
        .find(|byte| !byte.is_ascii_whitespace());
    if !matches!(begins, Some(b'{' | b'[')) {
        return Err(foreign(host, "JSON", bytes));
    }
    serde_json::from_slice(bytes).map_err(|error| SignalError::Schema {
        what: if error.is_eof() {
            format!("the answer ends in the middle ({error})")
        } else {
            error.to_string()
        },
        place: format!("{host}{path}"),
    })
}

/// The error for an answer of another type.
pub(crate) fn foreign(host: &str, expected: &'static str, bytes: &[u8]) -> SignalError {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    let lower = text.get(..14).unwrap_or(text).to_lowercase();
    let found = if text.is_empty() {
        "nothing".to_owned()
    } else if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        "a web page".to_owned()
    } else {
        let letters = text.chars().filter(|letter| !letter.is_control());
        let begins: String = letters.take(SHOWN_LETTERS).collect();
        quoted(&begins).to_string()
    };
    SignalError::NotJson {
        host: host.to_owned(),
        expected,
        found,
    }
}

/// A field that must be present and may be `null`.
pub(crate) fn nullable<'de, D, T>(source: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(source)
}

/// A moment in providers' notation: with or without seconds, with `Z` or an offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = String::deserialize(source)?;
        moment(&text).map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "{} is not a time; expected one such as 2024-03-01T05:00Z",
                quoted(&text)
            ))
        })
    }
}

/// A moment in UTC in a provider's own pattern.
pub(crate) fn written(at: Timestamp, pattern: &str) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| String::new(), |at| at.strftime(pattern).to_string())
}

/// `2024-03-01T05:00:00Z`.
pub(crate) const TO_SECONDS: &str = "%Y-%m-%dT%H:%M:%SZ";

/// `2024-03-01T05:00Z`.
pub(crate) const TO_MINUTES: &str = "%Y-%m-%dT%H:%MZ";

/// Spans of at most `most_ms` that cover `from` to `until`.
pub(crate) fn spans(
    from: Timestamp,
    until: Timestamp,
    most_ms: u64,
) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let mut next = from;
    std::iter::from_fn(move || {
        let begin = next;
        next = begin.after_ms(most_ms).min(until);
        (begin < until).then_some((begin, next))
    })
}

#[cfg(test)]
mod tests {
    use sunward_core::Timestamp;

    use super::{TO_MINUTES, foreign, moment, spans, written};

    #[test]
    fn times_are_read_as_they_come_and_written_as_they_are_wanted() {
        let at = Timestamp(1_709_269_200_000);
        for text in [
            "2024-03-01T05:00Z",
            "2024-03-01T05:00:00.000Z",
            "2024-03-01T06:00:00+01:00",
        ] {
            assert_eq!(moment(text), Some(at), "{text}");
        }
        assert_eq!(written(at, TO_MINUTES), "2024-03-01T05:00Z");
        assert_eq!(moment("yesterday"), None);
    }

    #[test]
    fn spans_cover_all_and_no_more() {
        let all: Vec<(u64, u64)> = spans(Timestamp(1), Timestamp(8), 3)
            .map(|(a, b)| (a.0, b.0))
            .collect();
        assert_eq!(all, [(1, 4), (4, 7), (7, 8)]);
        assert_eq!(spans(Timestamp(8), Timestamp(8), 3).count(), 0);
    }

    #[test]
    fn a_strange_answer_is_shown_by_its_beginning() {
        assert!(
            foreign("h", "JSON", b"<html>x")
                .to_string()
                .contains("a web page")
        );
        assert!(
            foreign("h", "JSON", b" oops\n")
                .to_string()
                .contains("`oops`")
        );
    }
}
