//! Compares an output with what is expected: tables by value, all else by bytes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use sunward_data::{SourceOptions, rows_of_file};
use sunward_files::read_regular;
use sunward_workflows::{Meaning, Value};

/// The most rows of a table that is compared.
const ROWS: usize = 10_000_000;

/// The largest file that is compared, in bytes.
pub(super) const LARGEST_BYTES: u64 = 4 << 30;

/// The most differences that are told.
const TOLD: usize = 10;

/// How two contents are compared.
pub(super) struct Differences {
    /// How far numbers may differ: `|a - b| <= tolerance * max(1, |a|, |b|)`.
    pub(super) tolerance: f64,
    /// Whether the output is a table.
    pub(super) is_table: bool,
}

/// The differences of what was found from what is expected, which the test file calls `shown`. None if
/// they are equal.
pub(super) fn differences(
    expected: &Path,
    shown: &str,
    found: &Path,
    how: &Differences,
) -> Vec<String> {
    if !expected.exists() {
        return vec![format!(
            "{shown} does not exist; expected a file to compare with"
        )];
    }
    let mut all = match (how.is_table, found.is_dir()) {
        (true, _) => of_tables(expected, shown, found, how.tolerance),
        (false, true) => of_folders(expected, found),
        (false, false) => of_files(expected, shown, found),
    };
    let further = all.len().saturating_sub(TOLD);
    if further > 0 {
        all.truncate(TOLD);
        all.push(format!("and {further} more differences"));
    }
    all
}

fn of_tables(expected: &Path, shown: &str, found: &Path, tolerance: f64) -> Vec<String> {
    let read = |path: &Path| {
        rows_of_file(
            &sunward_files::as_value(path),
            &SourceOptions::default(),
            ROWS,
        )
    };
    let Some(expected) = read(expected) else {
        return vec![format!(
            "{shown} cannot be read as a table of at most {ROWS} rows"
        )];
    };
    let Some(found) = read(found) else {
        return vec![format!(
            "the output cannot be read as a table of at most {ROWS} rows"
        )];
    };
    let mut all = Vec::new();
    if expected.len() != found.len() {
        all.push(format!(
            "expected {} rows, found {}",
            expected.len(),
            found.len()
        ));
    }
    for (row, (expected, found)) in expected.iter().zip(&found).enumerate() {
        let (Value::Map(expected), Value::Map(found)) = (expected, found) else {
            continue;
        };
        let names = |cells: &[(String, Value)]| -> Vec<String> {
            cells.iter().map(|(name, _)| name.clone()).collect()
        };
        if row == 0 && names(expected) != names(found) {
            let (expected, found) = (names(expected).join(", "), names(found).join(", "));
            return vec![format!("expected columns {expected}, found {found}")];
        }
        for ((name, expected), (_, found)) in expected.iter().zip(found) {
            if let Some((place, expected, found)) = disagree(expected, found, tolerance) {
                all.push(format!(
                    "row {}, {name}{place}: expected {}, found {}",
                    row + 1,
                    shortened(expected),
                    shortened(found)
                ));
            }
        }
    }
    all
}

/// Where two cells disagree, and what is there; `None` if they agree. A number or a list may be written
/// as text in one of them.
fn disagree(expected: &Value, found: &Value, tolerance: f64) -> Option<(String, String, String)> {
    let (written, other) = (text(expected), text(found));
    if written == other {
        return None;
    }
    if let (Some(expected), Some(found)) = (list(expected), list(found))
        && expected.len() == found.len()
    {
        let pairs = expected.iter().zip(&found).enumerate();
        let mut different = pairs.filter_map(|(at, (expected, found))| {
            let (inner, expected, found) = disagree(expected, found, tolerance)?;
            Some((format!("[{at}]{inner}"), expected, found))
        });
        return different.next();
    }
    match (number(expected), number(found)) {
        (Some(a), Some(b)) if (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0) => None,
        _ => Some((String::new(), written, other)),
    }
}

/// A list, which CSV writes as JSON.
fn list(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(list) => Some(list.clone()),
        Value::String(text) if text.starts_with('[') => {
            let json: serde_json::Value = serde_json::from_str(text).ok()?;
            match Value::from_json(&json) {
                Value::List(list) => Some(list),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The beginning of a long text.
fn shortened(text: String) -> String {
    let most = 80;
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::List(_) | Value::Map(_) => value.to_json().to_string(),
        _ => value.to_text(),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value.plain() {
        Value::Int(whole) => whole.to_string().parse().ok(),
        Value::Float(number) => Some(number),
        Value::String(text) => text.parse().ok(),
        Value::Written(written) => match written.means() {
            Meaning::Unsigned(_) | Meaning::Int(_) | Meaning::Float(_) => {
                written.text().parse().ok()
            }
            Meaning::Bool(_) => None,
        },
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
    }
}

fn of_files(expected: &Path, shown: &str, found: &Path) -> Vec<String> {
    let read = |path: &Path| read_regular(path, LARGEST_BYTES);
    let (Ok(expected), Ok(found)) = (read(expected), read(found)) else {
        return vec![format!("{shown} or the output cannot be read")];
    };
    if expected == found {
        return Vec::new();
    }
    let lines = |bytes: &[u8]| -> Option<Vec<String>> {
        let text = std::str::from_utf8(bytes).ok()?;
        Some(text.lines().map(str::to_owned).collect())
    };
    if let (Some(expected), Some(found)) = (lines(&expected), lines(&found)) {
        let pairs = expected.iter().zip(&found).enumerate();
        let mut different = pairs.filter(|(_, (expected, found))| expected != found);
        return vec![match different.next() {
            Some((at, (expected, found))) => {
                format!("line {}: expected {expected:?}, found {found:?}", at + 1)
            }
            None => format!("expected {} lines, found {}", expected.len(), found.len()),
        }];
    }
    let at = expected.iter().zip(&found).position(|(a, b)| a != b);
    let at = at.unwrap_or_else(|| expected.len().min(found.len()));
    vec![format!(
        "expected {} bytes, found {}; the first difference is at byte {at}",
        expected.len(),
        found.len()
    )]
}

fn of_folders(expected: &Path, found: &Path) -> Vec<String> {
    let names = |folder: &Path| -> BTreeSet<String> {
        let entries = folder.read_dir().into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.collect()
    };
    let (of_expected, of_found) = (names(expected), names(found));
    let mut all = Vec::new();
    for name in of_expected.union(&of_found) {
        let (expected, found) = (expected.join(name), found.join(name));
        match (of_expected.contains(name), of_found.contains(name)) {
            (true, false) => all.push(format!("{name} is missing")),
            (false, _) => all.push(format!("{name} is not expected")),
            (true, true) if found.is_dir() => {
                let inner = of_folders(&expected, &found).into_iter();
                all.extend(inner.map(|problem| format!("{name}/{problem}")));
            }
            (true, true) => {
                let inner = of_files(&expected, name, &found).into_iter();
                all.extend(inner.map(|problem| format!("{name}: {problem}")));
            }
        }
    }
    all
}

/// Puts what was found in the place of a snapshot.
pub(super) fn replace(snapshot: &Path, found: &Path) -> io::Result<()> {
    if let Some(folder) = snapshot.parent() {
        fs::create_dir_all(folder)?;
    }
    if !found.is_dir() {
        return fs::copy(found, snapshot).map(|_| ());
    }
    if snapshot.is_dir() {
        fs::remove_dir_all(snapshot)?;
    }
    fs::create_dir_all(snapshot)?;
    for entry in found.read_dir()? {
        let entry = entry?;
        replace(&snapshot.join(entry.file_name()), &entry.path())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_agree_by_value_and_lists_by_their_elements() {
        let text = |text: &str| Value::String(text.to_owned());
        let list = Value::List(vec![Value::Int(1), Value::Float(2.5)]);
        for (expected, found) in [
            (text("1"), Value::Int(1)),
            (Value::Float(1.0), Value::Int(1)),
            (Value::Null, text("")),
            (text("[1, 2.5]"), list.clone()),
            (text("a"), text("a")),
        ] {
            assert_eq!(disagree(&expected, &found, 0.0), None);
        }
        let told = |expected: &str, tolerance| disagree(&text(expected), &list, tolerance);
        assert_eq!(told("[1, 2.6]", 0.1), None);
        let (place, expected, found) = told("[1, 2.6]", 0.0).unwrap();
        assert_eq!((&*place, &*expected, &*found), ("[1]", "2.6", "2.5"));
        assert!(told("[1]", 9.0).is_some() && told("b", 9.0).is_some());
    }
}
