//! Reads one record of a file field by field and collects every mistake with its place.

use serde_json::{Map, Value};
use sunward_core::Timestamp;
use sunward_workflows::quoted;

use crate::scenario::moment;

/// A record that is being read.
pub(super) struct Fields<'a> {
    /// Where the record stands, for messages.
    place: String,
    map: &'a Map<String, Value>,
    mistakes: &'a mut Vec<String>,
}

impl<'a> Fields<'a> {
    /// Starts reading a record. Unknown keys are mistakes.
    pub(super) fn new(
        place: String,
        map: &'a Map<String, Value>,
        known: &[&str],
        mistakes: &'a mut Vec<String>,
    ) -> Self {
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            mistakes.push(format!(
                "{place}: unknown key {}; known are {}",
                quoted(key),
                known.join(", ")
            ));
        }
        Self {
            place,
            map,
            mistakes,
        }
    }

    /// Records a mistake in a field.
    pub(super) fn wrong(&mut self, key: &str, what: &str) {
        self.mistakes.push(format!("{}.{key}: {what}", self.place));
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A number in a range.
    pub(super) fn number(&mut self, key: &str, (least, most): (f64, f64)) -> Option<f64> {
        let value = self.get(key)?;
        match value.as_f64() {
            Some(number) if number >= least && number <= most => Some(number),
            Some(_) | None => {
                self.wrong(
                    key,
                    &format!("expected a number from {least} to {most}, not {value}"),
                );
                None
            }
        }
    }

    /// A non-negative integer.
    pub(super) fn whole(&mut self, key: &str) -> Option<u32> {
        let value = self.get(key)?;
        let whole = value.as_u64().and_then(|whole| u32::try_from(whole).ok());
        if whole.is_none() {
            self.wrong(key, &format!("expected a whole number, not {value}"));
        }
        whole
    }

    /// An integer, which may be negative.
    pub(super) fn level(&mut self, key: &str) -> Option<i32> {
        let value = self.get(key)?;
        let level = value.as_i64().and_then(|level| i32::try_from(level).ok());
        let level = level.filter(|level| (-1000..=1000).contains(level));
        if level.is_none() {
            let what = format!("expected a whole number from -1000 to 1000, not {value}");
            self.wrong(key, &what);
        }
        level
    }

    /// A boolean; absent means `false`.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        let Some(value) = self.get(key) else {
            return false;
        };
        value.as_bool().unwrap_or_else(|| {
            self.wrong(key, &format!("expected true or false, not {value}"));
            false
        })
    }

    pub(super) fn text(&mut self, key: &str) -> Option<&'a str> {
        let value = self.get(key)?;
        let text = value.as_str();
        if text.is_none() {
            self.wrong(key, &format!("expected text, not {value}"));
        }
        text
    }

    /// A list of texts; absent means empty.
    pub(super) fn texts(&mut self, key: &str) -> Vec<&'a str> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let texts: Option<Vec<&str>> = value
            .as_array()
            .and_then(|list| list.iter().map(Value::as_str).collect());
        texts.unwrap_or_else(|| {
            self.wrong(key, &format!("expected a list of texts, not {value}"));
            Vec::new()
        })
    }

    /// A moment.
    pub(super) fn moment(&mut self, key: &str) -> Option<Timestamp> {
        let text = self.text(key)?;
        moment(text).map_err(|error| self.wrong(key, &error)).ok()
    }

    /// A value that is required.
    pub(super) fn needed<T>(&mut self, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && self.get(key).is_none() {
            self.wrong(key, "is missing");
        }
        value
    }
}
