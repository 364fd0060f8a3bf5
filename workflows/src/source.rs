//! Where something stands in a file.

use serde::{Deserialize, Serialize};

/// A half-open range of bytes in a workflow's text. Lines and columns are computed when rendering.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// Line and column, both from 1, of a byte; columns count characters.
#[must_use]
pub fn line_column(text: &str, offset: u32) -> (usize, usize) {
    let mut offset = usize::try_from(offset).map_or(text.len(), |at| at.min(text.len()));
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
