//! A value that a user wrote: YAML's scalars, lists and maps, in a form for the journal.

use serde::{Deserialize, Serialize};

use crate::written::{Meaning, Written};

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

    /// A whole number from 0 to 2^64 - 1. It is a plain integer if it fits `i64`.
    #[must_use]
    pub fn unsigned(number: u64) -> Self {
        i64::try_from(number).map_or_else(
            |_| {
                let text = number.to_string();
                let means = Meaning::Unsigned(number);
                Self::Written(Box::new(Written::new(text, means)))
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
            Self::Written(written) => written.means(),
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
        Self::Written(Box::new(Written::new(text, means)))
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
        self.write(&mut out, &|written| written.text().to_owned());
        out
    }

    /// JSON, with numbers as they were written wherever JSON can hold them.
    pub(crate) fn to_written_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, &|written| {
            let is_json = serde_json::from_str::<serde_json::Number>(written.text()).is_ok();
            match is_json {
                true => written.text().to_owned(),
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

impl Written {
    /// The plain value. A whole number beyond `i64` becomes the nearest float.
    #[must_use]
    pub fn plain(&self) -> Value {
        match self.means() {
            Meaning::Bool(held) => Value::Bool(held),
            Meaning::Int(number) => Value::Int(number),
            Meaning::Unsigned(number) => {
                Value::Float(number.to_string().parse().unwrap_or(f64::NAN))
            }
            Meaning::Float(number) => Value::Float(number),
        }
    }
}

/// An integer as a float. Beyond 2^53 it is the nearest one, which is enough for comparison with
/// bounds.
pub(crate) fn widen(whole: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "compared with bounds only")]
    let wide = whole as f64;
    wide
}
