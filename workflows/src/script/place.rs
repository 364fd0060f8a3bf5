//! A place in a script, and the form of a reference there.

use super::refusal::Refusal;
use crate::value::Value;

/// Where an expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Outside quotes, or a quoted string that is exactly this expression.
    Word {
        /// Whether a list becomes several words.
        words: bool,
        /// Whether the quotes around the expression are dropped.
        quoted: bool,
        /// True if an interpreter would take a value that starts with `-` as an option.
        operand: bool,
    },
    /// Within `"…"` or a here-document: `${V}`.
    Within,
    /// In a comment.
    Comment,
    /// Text is not allowed here.
    Refused(Refusal),
}

impl Place {
    /// The place of an expression that was not found.
    pub(crate) const UNKNOWN: Self = Self::Refused(Refusal::NotUnderstood);

    pub(super) fn is_quoted(self) -> bool {
        matches!(self, Self::Word { quoted: true, .. })
    }

    pub(super) fn takes_words(self) -> bool {
        matches!(self, Self::Word { words: true, .. })
    }

    /// The reference to a variable.
    pub(super) fn reference(self, name: &str) -> String {
        match self {
            Self::Within => format!("${{{name}}}"),
            Self::Word { .. } | Self::Comment | Self::Refused(_) => format!("\"${{{name}}}\""),
        }
    }

    /// Checks that this text is allowed here.
    pub(super) fn allows(self, text: &str) -> Result<(), String> {
        match self {
            Self::Word { operand: true, .. } if text.starts_with('-') => Err(format!(
                "`{text}` begins with `-`, so it would be an option here; put a folder in front of it, as in `./${{{{ … }}}}`"
            )),
            Self::Word { .. } | Self::Within | Self::Comment | Self::Refused(_) => Ok(()),
        }
    }

    /// A list of numbers, written literally.
    pub(super) fn literals(self, list: &[Value]) -> Result<String, String> {
        let words: Vec<String> = list.iter().map(Value::to_text).collect();
        let joined = words.join(" ");
        match self {
            Self::Word { words: false, .. } => Ok(format!("\"{joined}\"")),
            Self::Word { words: true, .. } | Self::Within | Self::Comment => Ok(joined),
            Self::Refused(_) if list.len() == 1 => Ok(joined),
            Self::Refused(refusal) => Err(format!("a list is not allowed {}", refusal.place())),
        }
    }
}
