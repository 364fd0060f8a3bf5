//! Data items: what follows a record's atoms and bonds, a name and text each.

use super::lines::Lines;
use crate::error::DataError;

/// Reads the items of a record and the line that ends it; the last record of a file may lack that
/// line. Lines of a value are joined as they stand.
pub(super) fn each(
    lines: &mut Lines,
    mut take: impl FnMut(&Lines, &str, String) -> Result<(), DataError>,
) -> Result<(), DataError> {
    while lines.next()? && !lines.ends_record() {
        if lines.is_blank() {
            continue;
        }
        let name = name(lines)?;
        let mut value = String::new();
        let mut is_first = true;
        let mut goes_on = true;
        while goes_on {
            goes_on = lines.next()? && !lines.ends_record();
            if !goes_on || lines.is_blank() {
                break;
            }
            if !std::mem::take(&mut is_first) {
                value.push('\n');
            }
            value.push_str(lines.text());
        }
        take(lines, &name, value)?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// The name of an item: within `<` and `>`, else all that follows the first `>`.
fn name(lines: &Lines) -> Result<String, DataError> {
    let Some(rest) = lines.text().strip_prefix('>') else {
        return Err(lines.broken(
            &format!("'{}' belongs to no data item", lines.text()),
            "'> <NAME>', its text, and a blank line; the text itself cannot have blank lines",
        ));
    };
    let within = rest
        .find('<')
        .and_then(|from| rest.get(from + 1..rest.rfind('>')?));
    let name = within.unwrap_or(rest).trim();
    if name.is_empty() {
        return Err(lines.broken("a data item without a name", "'> <NAME>'"));
    }
    Ok(name.to_owned())
}
