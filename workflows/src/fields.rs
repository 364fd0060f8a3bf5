//! Maps of other files that a user writes, such as settings: known keys, each with a value of one
//! kind. Mistakes are told in the words of such a file.

use crate::names::{nearest, one_of};
use crate::value::Value;

/// The values of a map with known keys.
#[derive(Clone, Debug)]
pub struct Fields {
    values: Vec<(String, Value)>,
}

impl Fields {
    /// Checks that a map has only known keys. `what` names one of them in messages: "setting".
    ///
    /// # Errors
    /// Names the first unknown key, the known ones and the nearest of them.
    pub fn new(values: Vec<(String, Value)>, known: &[&str], what: &str) -> Result<Self, String> {
        let unknown = values
            .iter()
            .find(|(key, _)| !known.contains(&key.as_str()));
        let Some((key, _)) = unknown else {
            return Ok(Self { values });
        };
        let hint = nearest(key, known.iter().copied());
        let hint = hint.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let known = one_of(known.iter().copied());
        Err(format!(
            "there is no {what} `{key}`; expected {known}{hint}"
        ))
    }

    /// A value that is set. An empty value means that nothing is set.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        let mut values = self.values.iter();
        let (_, value) = values.find(|(name, _)| name == key)?;
        (*value != Value::Null).then_some(value)
    }

    /// A text.
    ///
    /// # Errors
    /// Fails if the value is a list or a map.
    pub fn text(&self, key: &str) -> Result<Option<String>, String> {
        match self.value(key) {
            Some(value @ (Value::List(_) | Value::Map(_))) => Err(unfit(key, value, "text")),
            value => Ok(value.map(Value::to_text)),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// Fails if the value is not a number.
    pub fn number(&self, key: &str) -> Result<Option<f64>, String> {
        let value = self.value(key);
        value.map(|value| number(key, value)).transpose()
    }

    /// A whole number from 0.
    ///
    /// # Errors
    /// Fails if the value is anything else.
    pub fn count(&self, key: &str) -> Result<Option<u32>, String> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let whole = value
            .to_json()
            .as_u64()
            .and_then(|whole| u32::try_from(whole).ok());
        let expected = "a whole number from 0";
        whole.map(Some).ok_or_else(|| unfit(key, value, expected))
    }

    /// A list; empty if there is none.
    ///
    /// # Errors
    /// Fails if the value is not a list.
    pub fn list(&self, key: &str) -> Result<&[Value], String> {
        match self.value(key) {
            None => Ok(&[]),
            Some(Value::List(list)) => Ok(list),
            Some(value) => Err(unfit(key, value, "a list")),
        }
    }

    /// A map from names to numbers; empty if there is none.
    ///
    /// # Errors
    /// Fails if the value is not such a map.
    pub fn numbers(&self, key: &str) -> Result<Vec<(String, f64)>, String> {
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::Map(map)) => map
                .iter()
                .map(|(name, value)| Ok((name.clone(), number(&format!("{key}.{name}"), value)?)))
                .collect(),
            Some(value) => Err(unfit(key, value, "a map from names to numbers")),
        }
    }
}

fn number(key: &str, value: &Value) -> Result<f64, String> {
    let number = value.to_json().as_f64();
    number.ok_or_else(|| unfit(key, value, "a number"))
}

/// The message about a value of another kind than expected.
#[must_use]
pub fn unfit(key: &str, value: &Value, expected: &str) -> String {
    let found = match value {
        Value::List(_) | Value::Map(_) | Value::Null => value.kind_name().to_owned(),
        scalar => format!("`{}`", scalar.to_text()),
    };
    format!("`{key}` cannot be {found}; expected {expected}")
}
