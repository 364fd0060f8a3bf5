//! Numbers that print as they were written: `1.10`, `1e5`, `0x1F`, `TRUE`.
//!
//! A command gets the text that its author wrote. An expression computes with what the text means.

use serde::{Deserialize, Serialize};

use crate::value::Value;

/// A number or truth value whose text is not the plain form of what it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    text: String,
    means: Meaning,
}

/// What a text means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Meaning {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that takes all 64 bits.
    Unsigned(u64),
    /// Any other number.
    Float(f64),
}

impl Written {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it means.
    #[must_use]
    pub const fn means(&self) -> Meaning {
        self.means
    }

    /// True unless it is infinite or no number.
    #[must_use]
    pub const fn is_finite(&self) -> bool {
        match self.means {
            Meaning::Float(number) => number.is_finite(),
            Meaning::Bool(_) | Meaning::Int(_) | Meaning::Unsigned(_) => true,
        }
    }

    /// What it means as a plain value. A whole number beyond `i64` becomes the nearest float.
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

    /// The same as JSON, exactly.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self.means {
            Meaning::Unsigned(number) => number.into(),
            Meaning::Bool(_) | Meaning::Int(_) | Meaning::Float(_) => self.plain().to_json(),
        }
    }
}

impl Value {
    /// A whole number of all 64 bits.
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

    /// This number or truth value, which was written as `text`. Other values, and text that could
    /// mean something to a shell, change nothing.
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

    /// The value with numbers in their plain form, for whoever computes with it.
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

    /// The value as text that differs for values that a command could tell apart: JSON, with numbers
    /// as they were written.
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
