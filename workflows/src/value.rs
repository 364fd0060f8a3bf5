//! A value that a user wrote: YAML's scalars, lists and maps, in a form for the journal.

use serde::{Deserialize, Serialize};

use crate::written::Written;

/// A plain value. Unlike a JSON value it survives encodings that do not describe themselves, which
/// is what the journal uses; [`Value::to_json`] and [`Value::from_json`] convert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Self>),
    /// A map, in the order written.
    Map(Vec<(String, Self)>),
    /// A number or boolean that prints as it was written. It is used only where that differs from
    /// the plain form.
    Written(Box<Written>),
}

impl Value {
    /// The same value as JSON. A float that JSON cannot express (NaN, infinity) becomes `null`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Self::Null => J::Null,
            Self::Bool(b) => J::Bool(*b),
            Self::Int(i) => J::from(*i),
            Self::Float(f) => serde_json::Number::from_f64(*f).map_or(J::Null, J::Number),
            Self::String(s) => J::String(s.clone()),
            Self::List(l) => J::Array(l.iter().map(Self::to_json).collect()),
            Self::Map(m) => J::Object(m.iter().map(|(k, v)| (k.clone(), v.to_json())).collect()),
            Self::Written(written) => written.to_json(),
        }
    }

    /// Converts JSON to a value. Integers beyond 64 bits become floats.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as J;
        match json {
            J::Null => Self::Null,
            J::Bool(b) => Self::Bool(*b),
            J::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(number), _) => Self::Int(number),
                (None, Some(number)) => Self::unsigned(number),
                (None, None) => Self::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            J::String(s) => Self::String(s.clone()),
            J::Array(a) => Self::List(a.iter().map(Self::from_json).collect()),
            J::Object(o) => Self::Map(
                o.iter()
                    .map(|(k, v)| (k.clone(), Self::from_json(v)))
                    .collect(),
            ),
        }
    }

    /// The value as text in a command line: a list's values are separated by spaces, a map is JSON,
    /// `null` is empty.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(b) => b.to_string(),
            Self::Int(i) => i.to_string(),
            Self::Float(f) => format!("{f:?}"),
            Self::String(s) => s.clone(),
            Self::List(l) => l.iter().map(Self::to_text).collect::<Vec<_>>().join(" "),
            Self::Map(_) => self.to_written_json(),
            Self::Written(written) => written.text().to_owned(),
        }
    }

    /// The kind of value in users' terms.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::String(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Written(written) => written.plain().kind_name(),
        }
    }
}
