//! Compares an output with what is expected: tables by value, all else by bytes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use sunward_data::{SourceOptions, rows_of_file};
use sunward_workflows::{Meaning, Value};

/// The most rows of a table that is compared.
const ROWS: usize = 10_000_000;

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
            if !agree(expected, found, tolerance) {
                all.push(format!(
                    "row {}, {name}: expected {}, found {}",
                    row + 1,
                    text(expected),
                    text(found)
                ));
            }
        }
    }
    all
}

/// Whether two cells agree. A number may be written as text in one of them.
fn agree(expected: &Value, found: &Value, tolerance: f64) -> bool {
    if let (Value::List(expected), Value::List(found)) = (expected, found) {
        let mut pairs = expected.iter().zip(found);
        return expected.len() == found.len() && pairs.all(|(a, b)| agree(a, b, tolerance));
    }
    if text(expected) == text(found) {
        return true;
    }
    match (number(expected), number(found)) {
        (Some(a), Some(b)) => (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0),
        _ => false,
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
    let (Ok(expected), Ok(found)) = (fs::read(expected), fs::read(found)) else {
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
