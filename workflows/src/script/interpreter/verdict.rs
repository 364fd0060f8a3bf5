//! What a word of a command may contain.

use super::super::refusal::Refusal;

/// The mark for a value in the words of a command.
pub(in crate::script) const MARK: char = '\u{1}';

/// What a word may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::script) enum Verdict {
    /// Any text.
    Any,
    /// Text that does not begin with `-`.
    Operand,
    /// No text.
    Refused(Refusal),
}
