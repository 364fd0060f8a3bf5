//! The names that an expression can read when it is rendered.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::value::Value;

/// The names in scope for one task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// `params.NAME`. It is shared, since all tasks of a run see the same values.
    pub params: Arc<BTreeMap<String, Value>>,
    /// `item`, under `scatter`.
    pub item: Option<Value>,
    /// `matrix.NAME`, under `matrix`.
    pub matrix: BTreeMap<String, Value>,
    /// `repeat`, from 0, under `repeat`.
    pub repeat: Option<u32>,
    /// `inputs.PORT`.
    pub inputs: BTreeMap<String, InputValue>,
    /// `outputs.PORT`: the path that the command creates.
    pub outputs: BTreeMap<String, String>,
    /// `stages.NAME.status`: the status by stage.
    pub stages: BTreeMap<String, String>,
    /// `attempt`, from 1.
    pub attempt: Option<u32>,
    /// `run.FIELD`; the fields are [`RUN_FIELDS`].
    pub run: BTreeMap<String, Value>,
}

/// The fields of `run.`: the run's id and the workflow's name.
pub const RUN_FIELDS: &[&str] = &["id", "name"];

/// One input as a task sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputValue {
    /// `inputs.x`: always one path.
    pub path: String,
    /// `inputs.x.parts` and `inputs.x.files`: the paths of the parts, or of the files.
    pub parts: Vec<String>,
}

impl Scope {
    /// The value of a dotted path, or what is missing.
    pub(crate) fn lookup(&self, path: &[String]) -> Result<Value, String> {
        let unknown = || format!("`{}` has no value here", path.join("."));
        let (root, rest) = path.split_first().ok_or_else(unknown)?;
        let (value, rest) = match root.as_str() {
            "params" => named(rest, |name| self.params.get(name).cloned()),
            "matrix" if rest.is_empty() => Some((self.matrix_value(), rest)),
            "matrix" => named(rest, |name| self.matrix.get(name).cloned()),
            "item" => self.item.clone().map(|item| (item, rest)),
            "outputs" => named(rest, |name| {
                self.outputs.get(name).cloned().map(Value::String)
            }),
            "run" => named(rest, |name| self.run.get(name).cloned()),
            "repeat" => self.repeat.map(|n| (Value::Int(n.into()), rest)),
            "attempt" => self.attempt.map(|n| (Value::Int(n.into()), rest)),
            "inputs" => self.input(rest),
            "stages" => self.status(rest),
            _ => None,
        }
        .ok_or_else(unknown)?;
        member(value, rest).ok_or_else(unknown)
    }

    /// The whole `matrix`.
    pub(crate) fn matrix_value(&self) -> Value {
        Value::Map(
            self.matrix
                .iter()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        )
    }

    fn input<'p>(&self, rest: &'p [String]) -> Option<(Value, &'p [String])> {
        let (name, rest) = rest.split_first()?;
        let input = self.inputs.get(name)?;
        match rest.split_first() {
            None => Some((Value::String(input.path.clone()), rest)),
            Some((field, rest)) if field == "parts" || field == "files" => {
                Some((input.parts_value(), rest))
            }
            Some((field, rest)) if field == "path" => {
                Some((Value::String(input.path.clone()), rest))
            }
            Some(_) => None,
        }
    }

    fn status<'p>(&self, rest: &'p [String]) -> Option<(Value, &'p [String])> {
        let (name, rest) = rest.split_first()?;
        let status = self.stages.get(name)?;
        match rest.split_first() {
            Some((field, rest)) if field == "status" => Some((Value::String(status.clone()), rest)),
            _ => None,
        }
    }
}

impl InputValue {
    /// `inputs.x.parts` as a value.
    pub(crate) fn parts_value(&self) -> Value {
        Value::List(self.parts.iter().cloned().map(Value::String).collect())
    }
}

fn named(
    rest: &[String],
    get: impl FnOnce(&String) -> Option<Value>,
) -> Option<(Value, &[String])> {
    let (name, rest) = rest.split_first()?;
    get(name).map(|value| (value, rest))
}

/// Follows the rest of a dotted path through maps.
fn member(mut value: Value, rest: &[String]) -> Option<Value> {
    for name in rest {
        let Value::Map(entries) = value else {
            return None;
        };
        value = entries.into_iter().find(|(key, _)| key == name)?.1;
    }
    Some(value)
}
