//! Finds and checks the values of parameters: those that the caller gives, or else the defaults.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::expr::{Scope, render_value};
use crate::model::{Param, ParamType, Used, Workflow, full_name, params_of};
use crate::names::{nearest, one_of};
use crate::quoted::quoted;
use crate::value::{Value, widen};
use crate::written::Meaning;
use crate::yaml::scalar::{self, is_padded};
use crate::{codes, yaml};

/// A parameter's value as the caller gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// From `-p name=value`; it is parsed by the parameter's type.
    Text(String),
    /// From a parameter file; it already has a type.
    Value(Value),
}

/// Why a value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// There is no such parameter.
    #[error("this workflow has no parameter `{name}`; expected {known}{}", did_you_mean(.suggestion.as_deref()))]
    Unknown {
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: String,
        /// The most similar of them.
        suggestion: Option<String>,
    },
    /// A required parameter is missing.
    #[error("parameter `{name}` ({kind}) has no default and was not given; add -p {name}=…")]
    Missing {
        /// Its name.
        name: String,
        /// Its type.
        kind: &'static str,
    },
    /// The value does not fit the parameter.
    #[error("parameter `{name}`: {message}")]
    Unfit {
        /// Its name.
        name: String,
        /// What was found and what was expected.
        message: String,
    },
    /// It was given more than once.
    #[error("parameter `{0}` is given more than once; give it once")]
    Twice(String),
}

fn did_you_mean(word: Option<&str>) -> String {
    word.map(|word| format!("; did you mean `{word}`?"))
        .unwrap_or_default()
}

/// The values of all parameters, in the types that the workflow declares. Paths stay as given.
///
/// # Errors
///
/// Returns every value that is unknown, missing or does not fit.
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
        let value = read(param, value);
        match value.and_then(|value| paths_of_list(workflow, name, value)) {
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
            Some(default) => match paths_of_list(workflow, name, default.clone()) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(message) => errors.push(BindError::Unfit {
                    name: name.clone(),
                    message,
                }),
            },
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

/// Adds the values of the parameters of the files that stages use, by their full names, to the
/// workflow's own. `settle` sees each value before others read it, for example to make paths absolute.
///
/// # Errors
///
/// Returns every value that does not fit.
pub fn bind_used(
    workflow: &Workflow,
    values: &mut BTreeMap<String, Value>,
    settle: &mut dyn FnMut(&str, &Param, &mut Value),
) -> Result<(), Vec<BindError>> {
    let mut errors = Vec::new();
    // A file comes before the files in it.
    for (around, used) in &workflow.uses {
        let scope = Scope {
            params: Arc::new(params_of(around, values).into_owned()),
            ..Scope::default()
        };
        for (name, param) in &used.params {
            let full = full_name(Some(around), name);
            match value_in(used, (name, param), values, &scope) {
                Ok(mut value) => {
                    settle(&full, param, &mut value);
                    values.insert(full, value);
                }
                Err(message) => errors.push(BindError::Unfit {
                    name: full,
                    message,
                }),
            }
        }
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors),
    }
}

/// The value of one parameter of a file that a stage uses.
fn value_in(
    used: &Used,
    (name, param): (&str, &Param),
    values: &BTreeMap<String, Value>,
    scope: &Scope,
) -> Result<Value, String> {
    if let Some(other) = used.same_as.get(name) {
        let value = values.get(other).cloned().unwrap_or_default();
        return param.fit(&value);
    }
    if let Some(template) = used.with.get(name) {
        let value = render_value(template, scope).map_err(|error| error.to_string())?;
        return param.fit(&value);
    }
    param
        .default
        .clone()
        .ok_or_else(|| "the stage that uses this file gives it no value".to_owned())
}

fn read(param: &Param, given: &Given) -> Result<Value, String> {
    let value = match given {
        Given::Value(value) => value.clone(),
        Given::Text(text) => from_text(param, text),
    };
    param.fit(&value)
}

/// The value of a list that inputs read, whose elements are paths. Any other value stays as it is.
fn paths_of_list(workflow: &Workflow, name: &str, value: Value) -> Result<Value, String> {
    match value {
        Value::List(list) if workflow.readers(name).next().is_some() => {
            let paths = list.iter().enumerate().map(|(at, one)| {
                path(one).map_err(|why| format!("element {} of the list: {why}", at + 1))
            });
            Ok(Value::List(paths.collect::<Result<_, _>>()?))
        }
        other => Ok(other),
    }
}

/// A value as a path. The empty text is not one: it would mean the folder in which paths begin.
pub(crate) fn path(value: &Value) -> Result<Value, String> {
    match as_text(value) {
        Some(Value::String(text)) if text.is_empty() => Err(
            "the path is empty; expected the path of a file or folder (`.` is the current folder)"
                .to_owned(),
        ),
        Some(path) => Ok(path),
        None => Err(format!("expected a path, found {}", shown(value))),
    }
}

/// Reads text from a command line like the same words in a file. Text that cannot be read stays
/// text. [`Bounds::fit`] then decides, for a file and a command line alike.
fn from_text(param: &Param, text: &str) -> Value {
    match param.kind {
        ParamType::String | ParamType::Path | ParamType::Table | ParamType::Choice => {
            Value::String(text.to_owned())
        }
        ParamType::Int | ParamType::Float | ParamType::Bool => scalar::resolve(text.trim()),
        ParamType::List => list_from_text(text),
        ParamType::Files => files_from_text(text),
    }
}

/// Parses one path or pattern, or a list in brackets. A comma may be part of a name.
fn files_from_text(text: &str) -> Value {
    match text.trim().starts_with('[') {
        true => list_from_text(text),
        false => Value::String(text.to_owned()),
    }
}

/// A value as a list of paths and patterns.
fn files(value: &Value) -> Result<Value, String> {
    match value {
        Value::List(list) => list
            .iter()
            .map(path)
            .collect::<Result<_, _>>()
            .map(Value::List),
        one => Ok(Value::List(vec![path(one)?])),
    }
}

/// Parses `a,b,c`, or a list in brackets as in YAML and JSON.
fn list_from_text(text: &str) -> Value {
    let text = text.trim();
    if text.starts_with('[') {
        let mut found = Vec::new();
        return match yaml::read(text, &mut found) {
            Some(node) if found.is_empty() => node.value(),
            _ => Value::String(text.to_owned()),
        };
    }
    if text.is_empty() {
        return Value::List(Vec::new());
    }
    Value::List(text.split(',').map(|w| scalar::resolve(w.trim())).collect())
}

/// Reads a parameter file: a map from names to values, in YAML or JSON. Values mean the same as in
/// a workflow. An empty file has no values.
///
/// # Errors
/// Fails if the text is neither YAML nor JSON, or is not a map. The message names the line of a
/// mistake in YAML.
pub fn read_params(text: &str) -> Result<Vec<(String, Value)>, String> {
    let mut found = Vec::new();
    let node = yaml::read(text, &mut found);
    let Some(mistake) = found.first() else {
        return map_of(node.map(|node| node.value()).unwrap_or_default());
    };
    if mistake.code == codes::EMPTY {
        return Ok(Vec::new());
    }
    match (node, serde_json::from_str(text)) {
        // JSON that is indented with tabs is not valid YAML.
        (None, Ok(json)) => map_of(Value::from_json(&json)),
        _ => {
            let lines = crate::source::Lines::new(text);
            let line = lines.line_column(mistake.span.start).0;
            Err(format!("line {line}: {}", mistake.message))
        }
    }
}

fn map_of(value: Value) -> Result<Vec<(String, Value)>, String> {
    match value {
        Value::Map(map) => Ok(map),
        _ => Err("expected a map from names to values, as in `top_k: 10`".to_owned()),
    }
}

/// The type of a value, and its limits.
pub(crate) struct Bounds<'a> {
    /// Its type.
    pub(crate) kind: ParamType,
    /// The smallest allowed number.
    pub(crate) min: Option<f64>,
    /// The largest allowed number.
    pub(crate) max: Option<f64>,
    /// The allowed values of a choice.
    pub(crate) choices: Vec<&'a Value>,
}

impl Bounds<'_> {
    /// Converts a value to the declared type. Text is what was written, even if it looks like a
    /// number. A number gets its plain form, and may have leading zeros.
    pub(crate) fn fit(&self, value: &Value) -> Result<Value, String> {
        let fitted = match self.kind {
            ParamType::Path | ParamType::Table if as_text(value).is_some() => Some(path(value)?),
            ParamType::String | ParamType::Path | ParamType::Table => as_text(value),
            ParamType::Int => whole(value),
            ParamType::Float => number(value),
            ParamType::Bool => match value.plain() {
                Value::Bool(held) => Some(Value::Bool(held)),
                _ => None,
            },
            ParamType::Files => Some(files(value)?),
            ParamType::List => match value {
                Value::List(_) => Some(value.clone()),
                _ => None,
            },
            ParamType::Choice => return self.choose(value),
        };
        let Some(fitted) = fitted else {
            return Err(self.unfit(value));
        };
        let number = match &fitted {
            Value::Int(i) => Some(widen(*i)),
            Value::Float(f) => Some(*f),
            _ => None,
        };
        if let Some(number) = number {
            if let Some(min) = self.min.filter(|min| number < *min) {
                return Err(format!("{} is below the minimum {min}", value.to_text()));
            }
            if let Some(max) = self.max.filter(|max| number > *max) {
                return Err(format!("{} is above the maximum {max}", value.to_text()));
            }
        }
        Ok(fitted)
    }

    fn unfit(&self, value: &Value) -> String {
        let digits = value.to_text();
        let is_large = digits.len() > 18
            && digits
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-'));
        let is_number = matches!(self.kind, ParamType::Int | ParamType::Float);
        let beyond = digits.parse::<f64>().is_ok_and(f64::is_infinite)
            && digits.ends_with(|c: char| c.is_ascii_digit());
        let why = match self.kind {
            ParamType::Int if is_large => ", which is beyond 64 bits",
            _ if is_number && scalar::underflows(&digits) => {
                ", which is closer to 0 than the smallest float (about 5e-324)"
            }
            ParamType::Float if beyond => ", which is beyond the largest float (about 1.8e308)",
            _ => "",
        };
        format!(
            "expected {}, found {}{why}",
            self.kind.expected(),
            shown(value)
        )
    }

    /// The choice whose text equals the value's text.
    fn choose(&self, value: &Value) -> Result<Value, String> {
        let text = value.to_text();
        let is_scalar = as_text(value).is_some();
        let mut choices = self.choices.iter();
        if let Some(choice) = choices.find(|choice| is_scalar && choice.to_text() == text) {
            return Ok((*choice).clone());
        }
        let words: Vec<String> = self.choices.iter().map(|c| c.to_text()).collect();
        let words = || words.iter().map(String::as_str);
        let hint = did_you_mean(nearest(&text, words()));
        Err(format!(
            "`{text}` is not one of its choices; expected {}{hint}",
            one_of(words())
        ))
    }
}

/// The text of a scalar; `None` for null, lists and maps.
fn as_text(value: &Value) -> Option<Value> {
    match value {
        Value::String(_) => Some(value.clone()),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Written(_) => {
            Some(Value::String(value.to_text()))
        }
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

fn whole(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) => Some(value.clone()),
        Value::Written(written) => match written.means() {
            Meaning::Int(number) => Some(Value::Int(number)),
            Meaning::Bool(_) | Meaning::Unsigned(_) | Meaning::Float(_) => None,
        },
        Value::String(text) => padded(text)?.parse().ok().map(Value::Int),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => None,
    }
}

fn number(value: &Value) -> Option<Value> {
    match value.plain() {
        Value::Int(whole) => Some(Value::Float(widen(whole))),
        Value::Float(number) if number.is_finite() => Some(Value::Float(number)),
        Value::String(text) => {
            let number = padded(&text)?.parse().ok();
            number
                .filter(|number: &f64| number.is_finite())
                .map(Value::Float)
        }
        _ => None,
    }
}

/// Digits with leading zeros, with or without a sign; `None` for anything else. They are text,
/// except where a number is declared.
fn padded(text: &str) -> Option<&str> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (plain && is_padded(text)).then_some(text)
}

impl Param {
    /// Converts the value to this parameter's type.
    ///
    /// # Errors
    ///
    /// Returns what was expected and what was found.
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
    /// The type's name in YAML.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Path => "path",
            Self::Table => "table",
            Self::Files => "files",
            Self::List => "list",
            Self::Choice => "choice",
        }
    }

    /// The type's description in messages.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Bool => "true or false",
            Self::Path => "a path",
            Self::Table => "the path of a table",
            Self::Files => "a path, a pattern such as ./data/*.nc, or a list of these",
            Self::List => "a list",
            Self::Choice => "one of its choices",
        }
    }
}

pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::List(_) | Value::Map(_) => value.kind_name().to_owned(),
        Value::String(_) => format!("the text {}", quoted(value.to_text())),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Written(_) => {
            quoted(value.to_text()).to_string()
        }
    }
}
