//! Values in messages, between backticks.

use std::fmt::{self, Display, Formatter};

/// The mark around code, names and values in messages.
const MARK: char = '`';

/// Shows a value between backticks. Names that Sunward checked need only `` `{name}` ``; this is for
/// text from files and settings, which may hold backticks itself.
///
/// As in Markdown, the marks are one backtick longer than any in the text, and a space keeps them
/// apart from a backtick at its start or end. Control characters are escaped.
#[must_use]
pub fn quoted(value: impl Display) -> Quoted {
    let mut text = String::new();
    for one in value.to_string().chars() {
        match one.is_control() {
            true => text.extend(one.escape_debug()),
            false => text.push(one),
        }
    }
    Quoted(text)
}

/// A value as a message shows it. See [`quoted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted(String);

impl Display for Quoted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = match self.0.as_str() {
            // Two marks alone read as one.
            "" => "\"\"",
            text => text,
        };
        let runs = text.split(|one| one != MARK).map(str::len);
        let longest = runs.max().unwrap_or_default();
        let marks = MARK.to_string().repeat(longest + 1);
        let space = match text.starts_with(MARK) || text.ends_with(MARK) {
            true => " ",
            false => "",
        };
        write!(f, "{marks}{space}{text}{space}{marks}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_are_longer_than_any_in_the_value() {
        for (value, shown) in [
            ("a", "`a`"),
            ("", "`\"\"`"),
            ("it's", "`it's`"),
            ("a\tb\u{1b}[m", "`a\\tb\\u{1b}[m`"),
            ("a`b", "``a`b``"),
            ("`date`", "`` `date` ``"),
            ("a``b`", "``` a``b` ```"),
        ] {
            assert_eq!(quoted(value).to_string(), shown);
        }
    }
}
