//! The tree of a YAML file, with the place of every key and value.

use crate::source::Span;
use crate::value::{Value, widen};

/// A value and its place. Offsets are in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// The range to mark in messages: at most its first line.
    pub(crate) span: Span,
    /// The end of the whole value, which may be on a later line than the end of `span`.
    pub(crate) end: u32,
    /// The content.
    pub(crate) data: Data,
}

/// The content of a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    /// A scalar: never a list or map.
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// Moves every place by a number of bytes.
    pub(crate) fn move_by(&mut self, bytes: u32) {
        self.span = self.span.moved_by(bytes);
        self.end = self.end.saturating_add(bytes);
        match &mut self.data {
            Data::Scalar(_) => {}
            Data::List(items) => items.iter_mut().for_each(|item| item.move_by(bytes)),
            Data::Map(entries) => {
                for entry in entries {
                    entry.key_span = entry.key_span.moved_by(bytes);
                    entry.value.move_by(bytes);
                }
            }
        }
    }

    /// The value under a key, if this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry under a key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// A map's entries; empty for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            Data::Scalar(_) | Data::List(_) => &[],
        }
    }

    /// A list's values, or a single value in place of a list.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.data {
            Data::List(items) => items,
            Data::Scalar(Value::Null) => &[],
            Data::Scalar(_) | Data::Map(_) => std::slice::from_ref(self),
        }
    }

    /// The text of a scalar that is text; `None` for anything else.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar(Value::String(text)) => Some(text),
            Data::Scalar(_) | Data::List(_) | Data::Map(_) => None,
        }
    }

    /// The value of a scalar; `None` for lists and maps.
    pub(crate) fn scalar(&self) -> Option<&Value> {
        match &self.data {
            Data::Scalar(value) => Some(value),
            Data::List(_) | Data::Map(_) => None,
        }
    }

    /// The value of a scalar, with a number in its plain form.
    pub(crate) fn plain(&self) -> Option<Value> {
        self.scalar().map(Value::plain)
    }

    /// The value of a scalar that is a 64-bit integer.
    pub(crate) fn whole(&self) -> Option<i64> {
        match self.plain() {
            Some(Value::Int(whole)) => Some(whole),
            _ => None,
        }
    }

    /// The value of a scalar that is a number.
    pub(crate) fn number(&self) -> Option<f64> {
        match self.plain() {
            Some(Value::Int(whole)) => Some(widen(whole)),
            Some(Value::Float(number)) => Some(number),
            _ => None,
        }
    }

    /// The value of a scalar that is a boolean.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self.plain() {
            Some(Value::Bool(flag)) => Some(flag),
            _ => None,
        }
    }

    /// True for `null`.
    pub(crate) fn is_null(&self) -> bool {
        self.scalar() == Some(&Value::Null)
    }

    /// The value without places.
    pub(crate) fn value(&self) -> Value {
        match &self.data {
            Data::Scalar(value) => value.clone(),
            Data::List(items) => Value::List(items.iter().map(Self::value).collect()),
            Data::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.value()))
                    .collect(),
            ),
        }
    }

    /// The text of a scalar as a map's key. `null` is a word there.
    pub(crate) fn key(&self, source: &str) -> Option<String> {
        match self.scalar()? {
            Value::String(text) => Some(text.clone()),
            _ => self.source(source),
        }
    }

    fn source(&self, source: &str) -> Option<String> {
        let start = usize::try_from(self.span.start).ok()?;
        let end = usize::try_from(self.span.end).ok()?;
        source.get(start..end).map(str::to_owned)
    }

    /// The text of a scalar as its author wrote it, so that `3.10` stays `3.10`. It is empty for
    /// null, and `None` for lists and maps.
    pub(crate) fn written(&self, source: &str) -> Option<String> {
        match self.scalar()? {
            Value::String(text) => Some(text.clone()),
            Value::Null => Some(String::new()),
            _ => self.source(source),
        }
    }
}
