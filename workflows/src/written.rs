//! Numbers that print as they were written: `1.10`, `1e5`, `0x1F`, `TRUE`.
//!
//! A command gets the text that its author wrote. An expression computes with what the text means.

use serde::{Deserialize, Serialize};

/// A number or boolean whose text is not the plain form of its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    text: String,
    means: Meaning,
}

/// The value that a text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Meaning {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits `i64`.
    Int(i64),
    /// A whole number that fits `u64` but not `i64`.
    Unsigned(u64),
    /// Any other number.
    Float(f64),
}

impl Written {
    /// A number or boolean with its text, which must not be the plain form.
    pub(crate) const fn new(text: String, means: Meaning) -> Self {
        Self { text, means }
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value that the text stands for.
    #[must_use]
    pub const fn means(&self) -> Meaning {
        self.means
    }

    /// True unless the value is infinite or NaN.
    #[must_use]
    pub const fn is_finite(&self) -> bool {
        match self.means {
            Meaning::Float(number) => number.is_finite(),
            Meaning::Bool(_) | Meaning::Int(_) | Meaning::Unsigned(_) => true,
        }
    }

    /// The plain value as JSON, without loss.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self.means {
            Meaning::Bool(held) => held.into(),
            Meaning::Int(number) => number.into(),
            Meaning::Unsigned(number) => number.into(),
            Meaning::Float(number) => serde_json::Number::from_f64(number)
                .map_or(serde_json::Value::Null, serde_json::Value::Number),
        }
    }
}
