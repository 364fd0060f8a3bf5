//! Where something stands in a file.

use serde::{Deserialize, Serialize};

/// A half-open range of bytes in a workflow's text. Lines and columns are computed when rendering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}
