//! Converts values and errors between the engine's form and ours.

use minijinja::Value as Dynamic;
use minijinja::value::ValueKind;

use super::condition::short;
use super::explain::explain;
use super::limits::{DEPTH_LIMIT, LIST_LIMIT};
use super::object::WrittenNumber;
use crate::value::Value;

/// A value in the engine's form.
pub(super) fn to_dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::from(()),
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => (*i).into(),
        Value::Float(f) => (*f).into(),
        Value::String(s) => s.as_str().into(),
        Value::List(list) => list.iter().map(to_dynamic).collect::<Vec<_>>().into(),
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), to_dynamic(value)))
            .collect(),
        Value::Written(written) => Dynamic::from_object(WrittenNumber((**written).clone())),
    }
}

/// A value of the engine in our form. `depth` is its depth in the whole value.
pub(super) fn from_dynamic(value: &Dynamic, depth: usize) -> Result<Value, String> {
    if depth > DEPTH_LIMIT {
        return Err(format!(
            "the value is nested deeper than {DEPTH_LIMIT} levels"
        ));
    }
    if let Some(written) = value.downcast_object_ref::<WrittenNumber>() {
        return Ok(Value::Written(Box::new(written.0.clone())));
    }
    Ok(match value.kind() {
        ValueKind::Undefined => {
            return Err("it reads a name or an index that has no value".to_owned());
        }
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => match (value.as_i64(), u64::try_from(value.clone())) {
            (Some(whole), _) if value.is_integer() => Value::Int(whole),
            (_, Ok(whole)) if value.is_integer() => Value::unsigned(whole),
            _ if value.is_integer() => {
                return Err(format!(
                    "the whole number {} has more than 64 bits; write it as text, or with a point",
                    short(&value.to_string())
                ));
            }
            _ => Value::Float(f64::try_from(value.clone()).map_err(|e| explain(&e))?),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let mut list = Vec::new();
            for item in value.try_iter().map_err(|error| explain(&error))? {
                if list.len() >= LIST_LIMIT {
                    return Err(format!("the list has more than {LIST_LIMIT} values"));
                }
                list.push(from_dynamic(&item, depth + 1)?);
            }
            Value::List(list)
        }
        ValueKind::Map => {
            let mut map = Vec::new();
            for key in value.try_iter().map_err(|error| explain(&error))? {
                let item = value.get_item(&key).map_err(|error| explain(&error))?;
                map.push((key.to_string(), from_dynamic(&item, depth + 1)?));
            }
            Value::Map(map)
        }
        _ => Value::String(
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        ),
    })
}
