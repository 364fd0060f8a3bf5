//! Reads the data items of a record, which follow its atoms and bonds. Each has a name and a text.

use sunward_workflows::quoted;

use super::lines::Lines;
use crate::error::DataError;

/// Reads the items of a record and the line that ends it, which a file's last record may lack.
/// Lines of a value are joined unchanged. The format ends a value at a blank line, but many
/// programs write values with blank lines, so a value continues until the next item or the record's
/// end.
pub(super) fn each(
    lines: &mut Lines,
    mut take: impl FnMut(&Lines, &str, String) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut goes_on = next(lines)?;
    while goes_on {
        if lines.is_blank() {
            goes_on = next(lines)?;
            continue;
        }
        let name = name(lines)?;
        let value;
        (value, goes_on) = read_value(lines)?;
        take(lines, &name, value)?;
    }
    Ok(())
}

/// Reads the next line; false at the end of the record.
fn next(lines: &mut Lines) -> Result<bool, DataError> {
    Ok(lines.next()? && !lines.ends_record())
}

/// Reads a value. Also returns whether the last line read begins another item.
fn read_value(lines: &mut Lines) -> Result<(String, bool), DataError> {
    let mut value = String::new();
    // Blank lines belong to the value only if more of it follows.
    let mut blank = String::new();
    let mut is_first = true;
    let mut had_blank = false;
    while next(lines)? {
        if lines.is_blank() {
            had_blank = true;
            blank.push('\n');
            blank.push_str(lines.text());
            continue;
        }
        if !blank.is_empty() && lines.text().starts_with('>') {
            return Ok((value, true));
        }
        if had_blank && lines.text().starts_with("M  END") {
            return Err(lines.broken(
                "a data item contains another molecule",
                "`$$$$` on a line of its own before each molecule but the first",
            ));
        }
        if !is_first {
            value.push_str(&blank);
            value.push('\n');
        }
        blank.clear();
        is_first = false;
        value.push_str(lines.text());
    }
    Ok((value, false))
}

/// The name of an item: the text within `<` and `>`, else everything after the first `>`.
fn name(lines: &Lines) -> Result<String, DataError> {
    let Some(rest) = lines.text().strip_prefix('>') else {
        return Err(lines.broken(
            &format!("{} belongs to no data item", quoted(lines.text())),
            "`> <NAME>`, its text, and a blank line",
        ));
    };
    let within = rest
        .find('<')
        .and_then(|from| rest.get(from + 1..rest.rfind('>')?));
    let name = within.unwrap_or(rest).trim();
    if name.is_empty() {
        return Err(lines.broken("a data item without a name", "`> <NAME>`"));
    }
    Ok(name.to_owned())
}
