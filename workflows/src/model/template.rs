//! Text with `${{ … }}`.

use serde::{Deserialize, Serialize};

use crate::source::Span;

/// The word under `env:` that passes on a variable of Sunward's own environment.
const INHERIT: &str = "inherit";

/// Text, with or without `${{ … }}`. A template that is exactly one expression keeps the
/// expression's type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The text as written.
    pub source: String,
    /// Its place in the file.
    pub span: Span,
}

impl Template {
    /// Whether the variable's value comes from Sunward's own environment.
    #[must_use]
    pub fn is_inherited(&self) -> bool {
        self.source == INHERIT
    }
}
