//! Values for parameters: those that the caller gives, else the defaults; checked one by one.

use std::collections::BTreeMap;

use crate::model::{Param, ParamType, Workflow};
use crate::names::{nearest, one_of};
use crate::value::Value;
use crate::yaml::scalar;

/// A parameter's value as the caller gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// From `-p name=value`: read by the parameter's type.
    Text(String),
    /// From a parameter file: it has a type already.
    Value(Value),
}

/// Why a value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// No such parameter.
    #[error("this workflow has no parameter `{name}`; it has {known}{}", did_you_mean(.suggestion.as_deref()))]
    Unknown {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
        /// The nearest of them.
        suggestion: Option<String>,
    },
    /// A required parameter was not given.
    #[error("parameter `{name}` ({kind}) has no default and was not given; add -p {name}=…")]
    Missing {
        /// Its name.
        name: String,
        /// Its type.
        kind: &'static str,
    },
    /// The value does not fit.
    #[error("parameter `{name}`: {message}")]
    Unfit {
        /// Its name.
        name: String,
        /// What was found and expected.
        message: String,
    },
    /// Given more than once.
    #[error("parameter `{0}` is given more than once; give it once")]
    Twice(String),
}

fn did_you_mean(word: Option<&str>) -> String {
    word.map(|word| format!("; did you mean `{word}`?"))
        .unwrap_or_default()
}

/// All parameters' values, in the types that the workflow declares. Paths stay as given.
///
/// # Errors
/// Every value that is unknown, missing or does not fit.
pub fn bind(
    workflow: &Workflow,
    given: &[(String, Given)],
) -> Result<BTreeMap<String, Value>, Vec<BindError>> {
    let mut errors = Vec::new();
    let mut values = BTreeMap::new();
    let mut named = std::collections::BTreeSet::new();
    for (name, value) in given {
        if !named.insert(name.as_str()) {
            errors.push(BindError::Twice(name.clone()));
            continue;
        }
        let Some(param) = workflow.params.get(name) else {
            let known = || workflow.params.keys().map(String::as_str);
            errors.push(BindError::Unknown {
                name: name.clone(),
                known: one_of(known()),
                suggestion: nearest(name, known()).map(str::to_owned),
            });
            continue;
        };
        match read(param, value) {
            Ok(value) => {
                values.insert(name.clone(), value);
            }
            Err(message) => errors.push(BindError::Unfit {
                name: name.clone(),
                message,
            }),
        }
    }
    for (name, param) in &workflow.params {
        if named.contains(name.as_str()) {
            continue;
        }
        match &param.default {
            Some(default) => {
                values.insert(name.clone(), default.clone());
            }
            None => errors.push(BindError::Missing {
                name: name.clone(),
                kind: param.kind.name(),
            }),
        }
    }
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(errors)
    }
}

fn read(param: &Param, given: &Given) -> Result<Value, String> {
    let value = match given {
        Given::Value(value) => value.clone(),
        Given::Text(text) => from_text(param, text),
    };
    param.fit(&value)
}

/// Text from a command line, read by the parameter's type; what does not read stays text, and is
/// refused as such.
fn from_text(param: &Param, text: &str) -> Value {
    match param.kind {
        ParamType::String | ParamType::Path | ParamType::Table => Value::String(text.to_owned()),
        ParamType::Int | ParamType::Float | ParamType::Bool => scalar::resolve(text.trim()),
        ParamType::List => list_from_text(text),
        ParamType::Choice => param
            .choices
            .iter()
            .find(|choice| choice.to_text() == text)
            .cloned()
            .unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

/// `a,b,c`, or a list in brackets as YAML and JSON write it.
fn list_from_text(text: &str) -> Value {
    let text = text.trim();
    if text.starts_with('[') {
        return serde_yaml::from_str::<serde_json::Value>(text)
            .map_or_else(|_| Value::String(text.to_owned()), |j| Value::from_json(&j));
    }
    if text.is_empty() {
        return Value::List(Vec::new());
    }
    Value::List(text.split(',').map(|w| scalar::resolve(w.trim())).collect())
}

/// What a typed value must keep to.
pub(crate) struct Bounds<'a> {
    /// Its type.
    pub(crate) kind: ParamType,
    /// Smallest number.
    pub(crate) min: Option<f64>,
    /// Largest number.
    pub(crate) max: Option<f64>,
    /// For a choice.
    pub(crate) choices: Vec<&'a Value>,
}

impl Bounds<'_> {
    /// The value in the declared type; a whole number may stand for any number.
    pub(crate) fn fit(&self, value: &Value) -> Result<Value, String> {
        let fitted = match (self.kind, value) {
            (ParamType::String | ParamType::Path | ParamType::Table, Value::String(_))
            | (ParamType::Int, Value::Int(_))
            | (ParamType::Bool, Value::Bool(_))
            | (ParamType::List, Value::List(_)) => value.clone(),
            (ParamType::Float, Value::Float(f)) if f.is_finite() => value.clone(),
            (ParamType::Float, Value::Int(i)) => Value::Float(widen(*i)),
            (ParamType::Choice, value) => return self.choose(value),
            _ => {
                return Err(format!(
                    "expected {}, found {}",
                    self.kind.expected(),
                    shown(value)
                ));
            }
        };
        let number = match &fitted {
            Value::Int(i) => Some(widen(*i)),
            Value::Float(f) => Some(*f),
            _ => None,
        };
        if let Some(number) = number {
            if let Some(min) = self.min.filter(|min| number < *min) {
                return Err(format!("{} is below the minimum {min}", fitted.to_text()));
            }
            if let Some(max) = self.max.filter(|max| number > *max) {
                return Err(format!("{} is above the maximum {max}", fitted.to_text()));
            }
        }
        Ok(fitted)
    }

    fn choose(&self, value: &Value) -> Result<Value, String> {
        if self.choices.contains(&value) {
            return Ok(value.clone());
        }
        let words: Vec<String> = self.choices.iter().map(|c| c.to_text()).collect();
        let words = || words.iter().map(String::as_str);
        let text = value.to_text();
        let hint = did_you_mean(nearest(&text, words()));
        Err(format!("`{text}` is not one of {}{hint}", one_of(words())))
    }
}

impl Param {
    /// The value in this parameter's type, or what is wrong with it.
    ///
    /// # Errors
    /// What was expected, and what was found.
    pub fn fit(&self, value: &Value) -> Result<Value, String> {
        Bounds {
            kind: self.kind,
            min: self.min,
            max: self.max,
            choices: self.choices.iter().collect(),
        }
        .fit(value)
    }
}

impl ParamType {
    /// The word that YAML uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Path => "path",
            Self::Table => "table",
            Self::List => "list",
            Self::Choice => "choice",
        }
    }

    /// What a message says was expected.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Bool => "true or false",
            Self::Path => "a path",
            Self::Table => "the path of a table",
            Self::List => "a list",
            Self::Choice => "one of its choices",
        }
    }
}

pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::List(_) | Value::Map(_) => value.kind_name().to_owned(),
        Value::String(_) => format!("the text `{}`", value.to_text()),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => format!("`{}`", value.to_text()),
    }
}

/// A whole number as a float; beyond 2^53 the nearest one, which is enough to compare with bounds.
pub(crate) fn widen(whole: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "compared with bounds only")]
    let wide = whole as f64;
    wide
}
