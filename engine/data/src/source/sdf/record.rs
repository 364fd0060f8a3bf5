//! One record: its name, its atoms and its data items.

use sunward_workflows::quoted;

use super::atoms::Atoms;
use super::lines::Lines;
use super::{items, v2000, v3000};
use crate::error::DataError;

/// A record.
#[derive(Debug)]
pub(super) struct Record {
    /// Its title, or its number if the title is empty.
    pub(super) id: String,
    pub(super) atoms: Atoms,
    /// Names and texts, in the file's order.
    pub(super) items: Vec<(String, String)>,
}

impl Record {
    /// Reads a record; `None` if only blank lines are left.
    pub(super) fn read(lines: &mut Lines) -> Result<Option<Self>, DataError> {
        if !head(lines)? {
            return Ok(None);
        }
        let atoms = match lines.field(33, 39) {
            "V2000" | "" => v2000::read(lines)?,
            "V3000" => v3000::read(lines)?,
            other => {
                return Err(lines.broken(
                    &format!("a connection table of version {}", quoted(other)),
                    "V2000 or V3000 in columns 35 to 39 of a record's fourth line",
                ));
            }
        };
        let mut items = Vec::new();
        items::each(lines, |_, name, value| {
            add(&mut items, name, value);
            Ok(())
        })?;
        let id = lines.id();
        Ok(Some(Self { id, atoms, items }))
    }
}

/// Reads up to the fourth line of the next record; false if only blank lines are left. A record end
/// without a record, as in joined files, is skipped.
fn head(lines: &mut Lines) -> Result<bool, DataError> {
    lines.begin_record();
    let mut is_blank = true;
    let mut place = 0;
    while place < 4 {
        if is_blank && !lines.next()? {
            return Ok(false);
        } else if !is_blank {
            lines.need("its first four lines")?;
        }
        if is_blank && lines.ends_record() {
            place = 0;
            continue;
        }
        is_blank &= lines.is_blank();
        if place == 0 {
            lines.take_title();
        }
        place += 1;
    }
    if !is_blank {
        return Ok(true);
    }
    while lines.next()? {
        if !lines.is_blank() && !lines.ends_record() {
            return Err(lines.broken(
                "a record begins with four blank lines",
                "a title, two lines more, and numbers of atoms and bonds",
            ));
        }
    }
    Ok(false)
}

/// Adds an item. Different values of a repeated item are joined by a line end.
fn add(items: &mut Vec<(String, String)>, name: &str, value: String) {
    match items.iter_mut().find(|(known, _)| known == name) {
        Some((_, before)) if *before == value || value.is_empty() => {}
        Some((_, before)) if before.is_empty() => *before = value,
        Some((_, before)) => {
            before.push('\n');
            before.push_str(&value);
        }
        None => items.push((name.to_owned(), value)),
    }
}

/// Skips the next record's atoms and bonds, or the whole record if it has none; false at the end of
/// the file.
pub(super) fn skip_to_items(lines: &mut Lines) -> Result<bool, DataError> {
    lines.begin_record();
    let mut place = 0;
    loop {
        match lines.next() {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            // It is reported when rows are read.
            Err(DataError::Format { .. }) => {}
            Err(error) => return Err(error),
        }
        place += 1;
        if place > 4 && lines.text().starts_with("M  END") {
            return Ok(true);
        }
        if lines.ends_record() {
            lines.begin_record();
            place = 0;
        }
    }
}
