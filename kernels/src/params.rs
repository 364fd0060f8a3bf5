//! Parameters of a task, checked against the kernel's entry, with defaults filled in.

use std::collections::BTreeMap;

use sunward_workflows::catalog::{KernelEntry, ParamSpec};
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use crate::KernelError;
use crate::table::listed;

/// Checked parameters. A parameter whose default is `null` may be left out and then has no value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    kernel: String,
    values: BTreeMap<String, Value>,
}

impl Params {
    /// Checks the values of `with:` (expressions already evaluated) and fills in defaults.
    ///
    /// # Errors
    ///
    /// Fails for an unknown name, a missing one, and a value of the wrong type or out of bounds.
    pub fn resolve<I, S>(entry: &KernelEntry, with: I) -> Result<Self, KernelError>
    where
        I: IntoIterator<Item = (S, Value)>,
        S: Into<String>,
    {
        let mut given: BTreeMap<String, Value> = with
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect();
        let mut values = BTreeMap::new();
        for spec in &entry.params {
            let value = match (given.remove(&spec.name), &spec.default) {
                (Some(value), default) => checked(entry, spec, value, default.as_ref())?,
                (None, Some(default)) => default.clone(),
                (None, None) => {
                    return Err(KernelError::MissingParam {
                        kernel: entry.name.clone(),
                        param: spec.name.clone(),
                        expected: expected(spec),
                    });
                }
            };
            values.insert(spec.name.clone(), value);
        }
        match given.into_keys().next() {
            None => Ok(Self {
                kernel: entry.name.clone(),
                values,
            }),
            Some(param) => Err(KernelError::UnknownParam {
                kernel: entry.name.clone(),
                param,
                known: listed(entry.params.iter().map(|spec| spec.name.as_str())),
            }),
        }
    }

    /// An integer.
    pub(crate) fn int(&self, name: &str) -> Result<i64, KernelError> {
        self.optional_int(name)?
            .ok_or_else(|| self.wrong(name, "a whole number"))
    }

    /// An integer, if it was given.
    pub(crate) fn optional_int(&self, name: &str) -> Result<Option<i64>, KernelError> {
        match self.values.get(name) {
            Some(Value::Int(i)) => Ok(Some(*i)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(name, "a whole number")),
        }
    }

    /// An integer as a count.
    pub(crate) fn count(&self, name: &str) -> Result<usize, KernelError> {
        usize::try_from(self.int(name)?).map_err(|_| self.wrong(name, "a whole number from 0"))
    }

    /// A number.
    pub(crate) fn float(&self, name: &str) -> Result<f64, KernelError> {
        self.optional_float(name)?
            .ok_or_else(|| self.wrong(name, "a number"))
    }

    /// A number, if it was given.
    pub(crate) fn optional_float(&self, name: &str) -> Result<Option<f64>, KernelError> {
        match self.values.get(name) {
            Some(Value::Float(f)) => Ok(Some(*f)),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a user's whole number stands for a real one"
            )]
            Some(Value::Int(i)) => Ok(Some(*i as f64)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(name, "a number")),
        }
    }

    /// Text or a choice.
    pub(crate) fn text(&self, name: &str) -> Result<&str, KernelError> {
        self.optional_text(name)?
            .ok_or_else(|| self.wrong(name, "text"))
    }

    /// Text, if it was given.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<&str>, KernelError> {
        match self.values.get(name) {
            Some(Value::String(s)) => Ok(Some(s)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(name, "text")),
        }
    }

    /// Whether a parameter has a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values
            .get(name)
            .is_some_and(|value| *value != Value::Null)
    }

    /// The error for a value that is invalid for reasons that the entry cannot express.
    pub(crate) fn wrong(&self, name: &str, expected: &str) -> KernelError {
        KernelError::Param {
            kernel: self.kernel.clone(),
            param: name.to_owned(),
            expected: expected.to_owned(),
            found: self
                .values
                .get(name)
                .map_or_else(|| "missing".to_owned(), written),
        }
    }
}

/// The value, if it is valid for the parameter.
fn checked(
    entry: &KernelEntry,
    spec: &ParamSpec,
    value: Value,
    default: Option<&Value>,
) -> Result<Value, KernelError> {
    let within = |number: f64| {
        number.is_finite()
            && spec.min.is_none_or(|min| number >= min)
            && spec.max.is_none_or(|max| number <= max)
    };
    let fits = match (spec.kind, &value) {
        (_, Value::Null) => default == Some(&Value::Null),
        #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
        (ParamType::Int | ParamType::Float, Value::Int(i)) => within(*i as f64),
        (ParamType::Float, Value::Float(f)) => within(*f),
        (ParamType::Bool, Value::Bool(_)) | (ParamType::List, Value::List(_)) => true,
        (ParamType::String | ParamType::Path | ParamType::Table, Value::String(_)) => true,
        (ParamType::Choice, Value::String(s)) => spec.choices.contains(s),
        _ => false,
    };
    if fits {
        return Ok(value);
    }
    Err(KernelError::Param {
        kernel: entry.name.clone(),
        param: spec.name.clone(),
        expected: expected(spec),
        found: written(&value),
    })
}

/// What a parameter accepts, in words: `a whole number from 1 to 100`.
fn expected(spec: &ParamSpec) -> String {
    let what = match spec.kind {
        ParamType::String => "text".to_owned(),
        ParamType::Int => "a whole number".to_owned(),
        ParamType::Float => "a number".to_owned(),
        ParamType::Bool => "true or false".to_owned(),
        ParamType::Path => "a path".to_owned(),
        ParamType::Table => "a table".to_owned(),
        ParamType::List => "a list".to_owned(),
        ParamType::Files => "paths of files".to_owned(),
        ParamType::Choice => format!("one of {}", spec.choices.join(", ")),
    };
    match (spec.min, spec.max) {
        (Some(min), Some(max)) => format!("{what} from {min} to {max}"),
        (Some(min), None) => format!("{what} of at least {min}"),
        (None, Some(max)) => format!("{what} of at most {max}"),
        (None, None) => what,
    }
}

/// A value as a user would write it.
fn written(value: &Value) -> String {
    value.to_json().to_string()
}
