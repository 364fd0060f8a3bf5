//! Compares an output with what is expected: tables by value, all else by bytes.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;

use sunward_files::read_regular;

use super::snapshot::MARK;
use super::tables::Table;

/// The largest file that is compared, in bytes.
pub(super) const LARGEST_BYTES: u64 = 4 << 30;

/// The most differences that are told.
const TOLD: usize = 10;

/// What a run has as an output.
pub(super) struct Content<'c> {
    /// Its file or folder.
    pub(super) path: &'c Path,
    /// Its rows, if it is a table.
    pub(super) table: Option<&'c Table>,
    /// How far numbers of a table may differ.
    pub(super) tolerance: f64,
}

/// The differences of what was found from what is expected, which the test file calls `shown`. None if
/// they are equal.
pub(super) fn differences(expected: &Path, shown: &str, found: &Content<'_>) -> Vec<String> {
    if !expected.exists() {
        return vec![format!(
            "{shown} does not exist; expected a file or folder to compare with"
        )];
    }
    let mut all = match found.table {
        Some(table) => table.differences(expected, shown, found.tolerance),
        None => match (expected.is_dir(), found.path.is_dir()) {
            (true, true) => of_folders(expected, found.path, true)
                .unwrap_or_else(|error| vec![format!("a folder cannot be read: {error}")]),
            (false, false) => of_files(expected, shown, found.path),
            (true, false) => vec![format!("{shown} is a folder, and the output is a file")],
            (false, true) => vec![format!("{shown} is a file, and the output is a folder")],
        },
    };
    let further = all.len().saturating_sub(TOLD);
    if further > 0 {
        all.truncate(TOLD);
        all.push(format!("and {further} more differences"));
    }
    all
}

fn of_files(expected: &Path, shown: &str, found: &Path) -> Vec<String> {
    let read = |path: &Path| read_regular(path, LARGEST_BYTES);
    let (expected, found) = match (read(expected), read(found)) {
        (Ok(expected), Ok(found)) => (expected, found),
        (Err(error), _) => return vec![format!("{shown} cannot be read: {error}")],
        (_, Err(error)) => return vec![format!("the output cannot be read: {error}")],
    };
    if expected == found {
        return Vec::new();
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    if let (Some(expected), Some(found)) = (text(&expected), text(&found)) {
        return vec![of_lines(&expected, &found)];
    }
    let at = expected.iter().zip(&found).position(|(a, b)| a != b);
    let at = at.unwrap_or_else(|| expected.len().min(found.len()));
    vec![format!(
        "expected {} bytes, found {}; the first difference is at byte {at}",
        expected.len(),
        found.len()
    )]
}

/// The first difference of two texts.
fn of_lines(expected: &str, found: &str) -> String {
    let pairs = expected.lines().zip(found.lines()).enumerate();
    let mut different = pairs.filter(|(_, (expected, found))| expected != found);
    if let Some((at, (expected, found))) = different.next() {
        return format!("line {}: expected {expected:?}, found {found:?}", at + 1);
    }
    let (wanted, there) = (expected.lines().count(), found.lines().count());
    match wanted == there {
        true => "the texts differ in line breaks alone".to_owned(),
        false => format!("expected {wanted} lines, found {there}"),
    }
}

/// Compares folders by the names, kinds and bytes of what is in them. The mark of a snapshot is not
/// compared.
fn of_folders(expected: &Path, found: &Path, outermost: bool) -> io::Result<Vec<String>> {
    let names = |folder: &Path| -> io::Result<BTreeSet<OsString>> {
        let entries = fs::read_dir(folder)?;
        entries.map(|entry| Ok(entry?.file_name())).collect()
    };
    let (mut of_expected, of_found) = (names(expected)?, names(found)?);
    if outermost {
        of_expected.remove(OsStr::new(MARK));
    }
    let mut all = Vec::new();
    for name in of_expected.union(&of_found) {
        let shown = sunward_files::shown(Path::new(name));
        let (inner, other) = (expected.join(name), found.join(name));
        match (of_expected.contains(name), of_found.contains(name)) {
            (true, false) => all.push(format!("{shown} is missing")),
            (false, _) => all.push(format!("{shown} is not expected")),
            (true, true) => match (inner.is_dir(), other.is_dir()) {
                (true, true) => {
                    let problems = of_folders(&inner, &other, false)?.into_iter();
                    all.extend(problems.map(|problem| format!("{shown}/{problem}")));
                }
                (false, false) => {
                    let problems = of_files(&inner, &shown, &other).into_iter();
                    all.extend(problems.map(|problem| format!("{shown}: {problem}")));
                }
                (true, false) => all.push(format!("{shown} is a file; expected a folder")),
                (false, true) => all.push(format!("{shown} is a folder; expected a file")),
            },
        }
    }
    Ok(all)
}
