//! Numbers that print as they were written: `1.10`, `1e5`, `0x1F`, `TRUE`.
//!
//! A command gets the text that its author wrote. An expression computes with what the text means.

use serde::{Deserialize, Serialize};

use crate::value::Value;

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

    /// The plain value. A whole number beyond `i64` becomes the nearest float.
    #[must_use]
    pub fn plain(&self) -> Value {
        match self.means {
            Meaning::Bool(held) => Value::Bool(held),
            Meaning::Int(number) => Value::Int(number),
            Meaning::Unsigned(number) => {
                Value::Float(number.to_string().parse().unwrap_or(f64::NAN))
            }
            Meaning::Float(number) => Value::Float(number),
        }
    }

    /// The plain value as JSON, without loss.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self.means {
            Meaning::Unsigned(number) => number.into(),
            Meaning::Bool(_) | Meaning::Int(_) | Meaning::Float(_) => self.plain().to_json(),
        }
    }
}

impl Value {
    /// A whole number from 0 to 2^64 - 1. It is a plain integer if it fits `i64`.
    #[must_use]
    pub fn unsigned(number: u64) -> Self {
        i64::try_from(number).map_or_else(
            |_| {
                let text = number.to_string();
                let means = Meaning::Unsigned(number);
                Self::Written(Box::new(Written { text, means }))
            },
            Self::Int,
        )
    }

    /// Returns this number or boolean with the text in which it was written. Other values are
    /// returned unchanged. So is a value whose text is its plain form, or could have a meaning for
    /// a shell.
    #[must_use]
    pub fn written_as(self, text: &str) -> Self {
        let means = match &self {
            Self::Bool(held) => Meaning::Bool(*held),
            Self::Int(number) => Meaning::Int(*number),
            Self::Float(number) => Meaning::Float(*number),
            Self::Written(written) => written.means,
            Self::Null | Self::String(_) | Self::List(_) | Self::Map(_) => return self,
        };
        let harmless = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !harmless || text == self.to_text() {
            return self;
        }
        let text = text.to_owned();
        Self::Written(Box::new(Written { text, means }))
    }

    /// The value with all numbers in their plain form, for code that computes with it.
    #[must_use]
    pub fn plain(&self) -> Self {
        match self {
            Self::Written(written) => written.plain(),
            Self::List(list) => Self::List(list.iter().map(Self::plain).collect()),
            Self::Map(map) => Self::Map(
                map.iter()
                    .map(|(key, value)| (key.clone(), value.plain()))
                    .collect(),
            ),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::String(_) => {
                self.clone()
            }
        }
    }

    /// The value as text for a key: JSON, with numbers as they were written. Two values that a
    /// command could distinguish have different texts.
    #[must_use]
    pub fn to_key(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, &|written| written.text.clone());
        out
    }

    /// JSON, with numbers as they were written wherever JSON can hold them.
    pub(crate) fn to_written_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, &|written| {
            let is_json = serde_json::from_str::<serde_json::Number>(&written.text).is_ok();
            match is_json {
                true => written.text.clone(),
                false => written.to_json().to_string(),
            }
        });
        out
    }

    fn write(&self, out: &mut String, number: &dyn Fn(&Written) -> String) {
        match self {
            Self::Written(written) => out.push_str(&number(written)),
            Self::Float(float) if !float.is_finite() => out.push_str(&format!("{float:?}")),
            Self::List(list) => {
                out.push('[');
                for (at, item) in list.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out, number);
                }
                out.push(']');
            }
            Self::Map(map) => {
                out.push('{');
                for (at, (key, value)) in map.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(&serde_json::Value::from(key.as_str()).to_string());
                    out.push(':');
                    value.write(out, number);
                }
                out.push('}');
            }
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::String(_) => {
                out.push_str(&self.to_json().to_string());
            }
        }
    }
}
