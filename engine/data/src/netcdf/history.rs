//! The line that Sunward adds to the history of a file.

/// The line that Sunward adds to the history of a file.
pub(super) const WRITTEN: &str = concat!(
    "Sunward ",
    env!("CARGO_PKG_VERSION"),
    ": written from a table"
);

/// Whether a line of a history was written by any version of Sunward.
pub(super) fn is_own_history(line: &str) -> bool {
    line.starts_with("Sunward ") && line.ends_with(": written from a table")
}
