//! The ingredients of a task key, one by one, so that messages can say what changed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Text longer than this, in bytes, is kept as its digest.
const TEXT_LIMIT: usize = 256;

/// One ingredient of a task key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingredient {
    /// Its name in messages: `command`, `param k`, `input library`.
    pub name: String,
    /// Its value.
    pub value: IngredientValue,
}

/// The value of an ingredient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IngredientValue {
    /// A short text.
    Text(String),
    /// The digest of something larger.
    Digest(Digest),
}

impl Ingredient {
    /// An ingredient with a text, which is replaced by its digest if it is long.
    #[must_use]
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let value = if text.len() > TEXT_LIMIT {
            IngredientValue::Digest(Digest::of(text.as_bytes()))
        } else {
            IngredientValue::Text(text)
        };
        Self {
            name: name.into(),
            value,
        }
    }

    /// An ingredient with a digest.
    #[must_use]
    pub fn digest(name: impl Into<String>, digest: Digest) -> Self {
        Self {
            name: name.into(),
            value: IngredientValue::Digest(digest),
        }
    }

    /// The bytes that are hashed for the key.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.value {
            IngredientValue::Text(text) => text.as_bytes(),
            IngredientValue::Digest(digest) => &digest.0,
        }
    }
}

impl fmt::Display for IngredientValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Digest(digest) => write!(f, "{}", &digest.to_hex()[..16]),
        }
    }
}

/// One line for each difference between two lists of ingredients: `input library changed`,
/// `param k: 10 -> 20`.
#[must_use]
pub fn diff_ingredients(old: &[Ingredient], new: &[Ingredient]) -> Vec<String> {
    let before: BTreeMap<&str, &IngredientValue> = old
        .iter()
        .map(|one| (one.name.as_str(), &one.value))
        .collect();
    let after: BTreeMap<&str, &IngredientValue> = new
        .iter()
        .map(|one| (one.name.as_str(), &one.value))
        .collect();
    let mut lines = Vec::new();
    for one in new {
        match before.get(one.name.as_str()) {
            None => lines.push(format!("{} is new", one.name)),
            Some(was) if **was != one.value => lines.push(changed(&one.name, was, &one.value)),
            Some(_) => {}
        }
    }
    for one in old {
        if !after.contains_key(one.name.as_str()) {
            lines.push(format!("{} is gone", one.name));
        }
    }
    lines
}

fn changed(name: &str, was: &IngredientValue, is: &IngredientValue) -> String {
    /// The longest values that are shown.
    const SHOWN: usize = 40;
    match (was, is) {
        (IngredientValue::Text(was), IngredientValue::Text(is))
            if was.len() <= SHOWN && is.len() <= SHOWN && !name.starts_with("command") =>
        {
            format!("{name}: {was} -> {is}")
        }
        (
            IngredientValue::Text(_) | IngredientValue::Digest(_),
            IngredientValue::Text(_) | IngredientValue::Digest(_),
        ) => format!("{name} changed"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ingredient, diff_ingredients};
    use crate::digest::Digest;

    #[test]
    fn a_difference_is_told_in_a_users_words() {
        let old = [
            Ingredient::text("command", "python3 a.py"),
            Ingredient::text("param k", "10"),
            Ingredient::digest("input library", Digest::of(b"one")),
            Ingredient::text("cache version", "1"),
        ];
        let new = [
            Ingredient::text("command", "python3 b.py"),
            Ingredient::text("param k", "20"),
            Ingredient::digest("input library", Digest::of(b"two")),
            Ingredient::digest("file b.py", Digest::of(b"b")),
        ];
        assert_eq!(
            diff_ingredients(&old, &new),
            [
                "command changed",
                "param k: 10 -> 20",
                "input library changed",
                "file b.py is new",
                "cache version is gone",
            ]
        );
        assert!(diff_ingredients(&new, &new).is_empty());
    }
}
