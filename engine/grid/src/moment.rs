//! Moments as text.

use sunward_core::Timestamp;

/// Parses a moment: `2023-03-01T05:00Z`, with or without seconds, with `Z` or an offset.
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Timestamp)
}

/// A moment in UTC to the second: `2023-03-01T05:00:00Z`.
#[must_use]
pub fn moment_shown(at: Timestamp) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| format!("{} ms", at.0), |at| format!("{at:.0}"))
}
