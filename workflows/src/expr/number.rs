//! Numbers in expressions that print as they were written.
//!
//! The engine holds such a number as an object. Operators and filters that compute take its number.
//! Those that produce text take its text. Those that only select or order values return it
//! unchanged.

use std::collections::{BTreeMap, VecDeque};

use minijinja::value::ValueKind;
use minijinja::{Error, Value as Dynamic};

use super::conversion::from_dynamic;
use super::object::WrittenNumber;

/// The form in which an operator or filter takes a value.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// A written number becomes a plain number.
    Number,
    /// A number or boolean becomes the text that a command would get.
    Text,
}

/// Converts a scalar to a form. Lists and maps stay as they are.
pub(super) fn shallow(value: Dynamic, form: Form) -> Dynamic {
    let written = value.downcast_object_ref::<WrittenNumber>();
    match (form, value.kind(), written) {
        (Form::Number, _, Some(written)) => written.number(),
        (Form::Text, _, Some(written)) => written.0.text().into(),
        (Form::Text, ValueKind::Bool | ValueKind::Number, None) => match from_dynamic(&value, 0) {
            Ok(plain) => plain.to_text().into(),
            Err(_) => value,
        },
        _ => value,
    }
}

/// Converts all scalars in a value to a form. The caller has checked its size and depth.
pub(super) fn deep(value: &Dynamic, form: Form) -> Result<Dynamic, Error> {
    if form == Form::Number && !holds(value)? {
        return Ok(value.clone());
    }
    match value.kind() {
        ValueKind::Map if !value.is_kwargs() => {
            let mut map = Vec::new();
            for key in value.try_iter()? {
                let item = deep(&value.get_item(&key)?, form)?;
                map.push((shallow(key, form), item));
            }
            Ok(map.into_iter().collect())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let mut list = Vec::new();
            for item in value.try_iter()? {
                list.push(deep(&item, form)?);
            }
            Ok(Dynamic::from(list))
        }
        _ => Ok(shallow(value.clone(), form)),
    }
}

/// True if a value contains a written number.
pub(super) fn holds(value: &Dynamic) -> Result<bool, Error> {
    match value.kind() {
        ValueKind::Plain => Ok(value.downcast_object_ref::<WrittenNumber>().is_some()),
        ValueKind::Seq | ValueKind::Iterable => any(value, |_, item| holds(item)),
        ValueKind::Map if !value.is_kwargs() => any(value, |map, key| {
            Ok(holds(key)? || holds(&map.get_item(key)?)?)
        }),
        _ => Ok(false),
    }
}

fn any(
    value: &Dynamic,
    found: impl Fn(&Dynamic, &Dynamic) -> Result<bool, Error>,
) -> Result<bool, Error> {
    for item in value.try_iter()? {
        if found(value, &item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The values of a list by their plain form. A filter compares the plain forms, and its result is
/// then restored to the values as they were written. Equal numbers come back in the order of the
/// list.
pub(super) struct Originals(BTreeMap<Dynamic, VecDeque<Dynamic>>);

impl Originals {
    pub(super) fn of(list: &Dynamic) -> Result<Self, Error> {
        let mut originals: BTreeMap<_, VecDeque<_>> = BTreeMap::new();
        for item in list.try_iter()? {
            let number = deep(&item, Form::Number)?;
            originals.entry(number).or_default().push_back(item);
        }
        Ok(Self(originals))
    }

    /// Restores the result of a filter, which is one of the values or a list of them.
    pub(super) fn restore(mut self, result: Dynamic) -> Result<Dynamic, Error> {
        if let Some(one) = self.take(&result) {
            return Ok(one);
        }
        if result.kind() != ValueKind::Seq {
            return Ok(result);
        }
        let mut list = Vec::new();
        for item in result.try_iter()? {
            list.push(self.take(&item).unwrap_or(item));
        }
        Ok(Dynamic::from(list))
    }

    fn take(&mut self, number: &Dynamic) -> Option<Dynamic> {
        self.0.get_mut(number)?.pop_front()
    }
}
