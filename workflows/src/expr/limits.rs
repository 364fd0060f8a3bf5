//! Limits of one evaluation. Every filter, test, function and operator is charged for text and
//! values before it runs.
//!
//! Each call gets arguments of at most [`SIZE_LIMIT_BYTES`], which bounds results that grow with
//! arguments. [`super::growth`] checks calls whose result grows with a number.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value as Dynamic};

use super::object::{InputObject, Raw, WrittenNumber};

/// The longest list. Longer ones come from mistakes such as `range(9) * 1000000`.
pub(super) const LIST_LIMIT: usize = 1_000_000;

/// The largest value: far above any command line, far below a machine's memory.
pub(super) const SIZE_LIMIT_BYTES: usize = 16 << 20;

/// The most bytes that all calls of one evaluation may read. It limits the time to about a second.
const WORK_LIMIT_BYTES: usize = 64 << 20;

/// The size of a value without its text.
const VALUE_BYTES: usize = 16;

/// How deep values may nest.
pub(super) const DEPTH_LIMIT: usize = 64;

/// The bytes that the calls of one evaluation have read so far.
#[derive(Debug, Default)]
struct Used(AtomicUsize);

impl Object for Used {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// Charges a call for its arguments and returns their size in bytes.
pub(super) fn charge(state: &State<'_, '_>, args: &[Dynamic]) -> Result<usize, Error> {
    let size = args.iter().try_fold(0, |sum, arg| {
        size_of(arg, SIZE_LIMIT_BYTES - sum).map(|size| sum + size)
    })?;
    let used = state.get_or_set_temp_object("used", Used::default);
    if used.0.fetch_add(size + VALUE_BYTES, Ordering::Relaxed) > WORK_LIMIT_BYTES {
        return Err(refused("it does more work than an expression may"));
    }
    Ok(size)
}

/// The size of a value. Shared content counts each time it is reached.
pub(super) fn size_of(value: &Dynamic, limit: usize) -> Result<usize, Error> {
    let mut left = limit;
    take(value, &mut left, DEPTH_LIMIT)?;
    Ok(limit - left)
}

fn take(value: &Dynamic, left: &mut usize, depth: usize) -> Result<(), Error> {
    let deeper = depth.checked_sub(1).ok_or_else(|| {
        refused(&format!(
            "a value is nested deeper than {DEPTH_LIMIT} levels"
        ))
    })?;
    spend(left, VALUE_BYTES)?;
    match value.kind() {
        ValueKind::String => spend(left, value.as_str().map_or(0, str::len)),
        ValueKind::Bytes => spend(left, value.len().unwrap_or(0)),
        ValueKind::Seq | ValueKind::Iterable => {
            check_length(value.len().unwrap_or(0))?;
            for item in value.try_iter()? {
                take(&item, left, deeper)?;
            }
            Ok(())
        }
        ValueKind::Map => {
            for key in value.try_iter()? {
                take(&key, left, deeper)?;
                take(&value.get_item(&key)?, left, deeper)?;
            }
            Ok(())
        }
        ValueKind::Plain => {
            if let Some(raw) = value.downcast_object_ref::<Raw>() {
                take(&raw.0, left, deeper)
            } else if let Some(input) = value.downcast_object_ref::<InputObject>() {
                spend(left, input.size())
            } else if let Some(written) = value.downcast_object_ref::<WrittenNumber>() {
                spend(left, written.0.text().len())
            } else {
                Ok(())
            }
        }
        _ => Ok(()),
    }
}

fn spend(left: &mut usize, bytes: usize) -> Result<(), Error> {
    *left = left.checked_sub(bytes).ok_or_else(too_large)?;
    Ok(())
}

/// Refuses a result of this size if it is too large.
pub(super) fn check_size(bytes: Option<usize>) -> Result<(), Error> {
    match bytes {
        Some(bytes) if bytes <= SIZE_LIMIT_BYTES => Ok(()),
        _ => Err(too_large()),
    }
}

/// Refuses a list of this length if it is too long.
pub(super) fn check_length(length: usize) -> Result<(), Error> {
    match length <= LIST_LIMIT {
        true => Ok(()),
        false => Err(refused(&format!(
            "the list has more than {LIST_LIMIT} values"
        ))),
    }
}

/// Evaluates a lazy list now, so that its length is known and it is evaluated once.
pub(super) fn settle(value: Dynamic) -> Result<Dynamic, Error> {
    if value.kind() != ValueKind::Iterable {
        return Ok(value);
    }
    check_length(value.len().unwrap_or(0))?;
    let mut list = Vec::new();
    for item in value.try_iter()? {
        check_length(list.len() + 1)?;
        list.push(item);
    }
    Ok(Dynamic::from(list))
}

fn too_large() -> Error {
    refused(&format!(
        "a value is larger than {} MiB, the most that an expression may make; let a command make it",
        SIZE_LIMIT_BYTES >> 20
    ))
}

/// The kind of our own errors, whose messages are shown unchanged. The engine has this kind only for
/// errors that no expression causes.
pub(super) const REFUSED: ErrorKind = ErrorKind::TemplateNotFound;

/// The error of a refused operation.
pub(super) fn refused(why: &str) -> Error {
    Error::new(REFUSED, why.to_owned())
}
