//! Compares results of the examples with `expected/expected.yaml` and the files beside it.
//!
//! ```yaml
//! outputs:                        # by the name of the workflow's output
//!   hits:
//!     file: hits.csv              # beside this file; `.csv` is compared as a table, else as bytes
//!     key: [query, rank]          # names a row in messages; must tell rows apart
//!     columns:                    # tolerances; columns that are not named must be equal
//!       sim: { abs: 1.0e-6 }      # |a - b| <= abs + rel * |b|
//! runs:                           # variants that must all give these results
//!   - name: small slices
//!     params: { top_k: 10 }       # as `-p`
//!     replace: { "a": "b" }       # changes to the workflow's text
//!     skipped: [note]             # outputs that this variant does not have
//! ```
#![allow(
    dead_code,
    clippy::panic,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "shared by several test binaries, none of which uses all of it"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One example with its expected results.
pub(crate) struct Example {
    /// Its folder in the repository.
    pub(crate) folder: PathBuf,
    pub(crate) expected: Expected,
}

/// The expected results of an example.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) outputs: BTreeMap<String, ExpectedOutput>,
    pub(crate) runs: Vec<Variant>,
}

/// The expected content of one output.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedOutput {
    pub(crate) file: String,
    #[serde(default)]
    key: Vec<String>,
    #[serde(default)]
    columns: BTreeMap<String, Tolerance>,
}

/// The tolerance for numbers of a column.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tolerance {
    abs: f64,
    rel: f64,
}

/// One way to run an example.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variant {
    pub(crate) name: String,
    #[serde(default)]
    params: BTreeMap<String, serde_yaml::Value>,
    #[serde(default)]
    pub(crate) replace: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) skipped: Vec<String>,
}

/// The folder that holds all examples.
pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

impl Example {
    /// The example of this name.
    pub(crate) fn named(name: &str) -> Self {
        let folder = examples().join(name);
        let path = folder.join("expected/expected.yaml");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let expected =
            serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self { folder, expected }
    }

    /// Copies workflow and data to `target`, with the changes of the variant.
    pub(crate) fn copy_to(&self, target: &Path, variant: &Variant) {
        copy(&self.folder, target);
        let path = target.join("workflow.yaml");
        let mut text = std::fs::read_to_string(&path).expect("the workflow");
        for (old, new) in &variant.replace {
            assert!(
                text.contains(old.as_str()),
                "'{old}' is not in {}",
                path.display()
            );
            text = text.replace(old.as_str(), new);
        }
        std::fs::write(&path, text).expect("the changed workflow");
    }

    /// Compares the files in `out` with the expected ones. One message has all differences.
    #[track_caller]
    pub(crate) fn assert_outputs(&self, out: &Path, variant: &Variant) {
        let mut differences = Vec::new();
        for (name, output) in &self.expected.outputs {
            let suffix = Path::new(&output.file)
                .extension()
                .expect("a suffix")
                .to_string_lossy();
            let found = out.join(format!("{name}.{suffix}"));
            if variant.skipped.contains(name) {
                if found.exists() {
                    differences.push(format!("{name}: it should have been skipped"));
                }
                continue;
            }
            let expected = self.folder.join("expected").join(&output.file);
            if let Err(problem) = output.compare(&expected, &found) {
                differences.push(format!("{name}: {problem}"));
            }
        }
        assert!(
            differences.is_empty(),
            "{}, '{}':\n{}",
            self.folder.display(),
            variant.name,
            differences.join("\n")
        );
    }
}

impl Variant {
    /// The parameters as `-p` arguments.
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.params
            .iter()
            .flat_map(|(name, value)| {
                let value = match value {
                    serde_yaml::Value::String(text) => text.clone(),
                    other => serde_yaml::to_string(other)
                        .expect("a value")
                        .trim()
                        .to_owned(),
                };
                ["-p".to_owned(), format!("{name}={value}")]
            })
            .collect()
    }
}

impl ExpectedOutput {
    /// Compares a file with the expected one. The error says where they differ.
    pub(crate) fn compare(&self, expected: &Path, found: &Path) -> Result<(), String> {
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
        };
        let (expected_text, found_text) = (read(expected)?, read(found)?);
        if expected.extension().is_none_or(|suffix| suffix != "csv") {
            return if expected_text == found_text {
                Ok(())
            } else {
                Err(format!("expected {expected_text:?}, found {found_text:?}"))
            };
        }
        let (expected, found) = (table(&expected_text), table(&found_text));
        let header = expected
            .first()
            .ok_or("nothing is expected, not even a header")?;
        if found.first() != Some(header) {
            return Err(format!(
                "expected columns {header:?}, found {:?}",
                found.first()
            ));
        }
        let mut differences = Vec::new();
        if expected.len() != found.len() {
            differences.push(format!(
                "expected {} rows, found {}",
                expected.len() - 1,
                found.len() - 1
            ));
        }
        let rows = || expected.iter().zip(&found).skip(1);
        for (row, (a, b)) in rows().enumerate() {
            for (column, (a_cell, b_cell)) in header.iter().zip(a.iter().zip(b)) {
                let tolerance = self.columns.get(column).copied().unwrap_or_default();
                if !agree(a_cell, b_cell, tolerance) {
                    let name = self
                        .row_name(header, a)
                        .unwrap_or_else(|| format!("row {row}"));
                    differences.push(format!(
                        "{name}, {column}: expected {a_cell}, found {b_cell}"
                    ));
                }
            }
        }
        self.require_key(header, &expected)?;
        differences.truncate(20);
        if differences.is_empty() {
            Ok(())
        } else {
            Err(differences.join("\n  "))
        }
    }

    fn row_name(&self, header: &[String], row: &[String]) -> Option<String> {
        let named = |key: &String| {
            let at = header.iter().position(|column| column == key)?;
            Some(format!("{key} {}", row.get(at)?))
        };
        let names: Option<Vec<String>> = self.key.iter().map(named).collect();
        names.filter(|n| !n.is_empty()).map(|n| n.join(", "))
    }

    fn require_key(&self, header: &[String], rows: &[Vec<String>]) -> Result<(), String> {
        let mut seen = std::collections::BTreeSet::new();
        for row in rows.iter().skip(1) {
            if let Some(name) = self.row_name(header, row)
                && !seen.insert(name.clone())
            {
                return Err(format!(
                    "the key does not tell rows apart: {name} is there twice"
                ));
            }
        }
        Ok(())
    }
}

/// True for equal texts, and for numbers within the tolerance. In CSV, a tensor is a list of
/// numbers.
fn agree(expected: &str, found: &str, tolerance: Tolerance) -> bool {
    if expected == found {
        return true;
    }
    let (Some(a), Some(b)) = (numbers(expected), numbers(found)) else {
        return false;
    };
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance.abs + tolerance.rel * a.abs();
    a.len() == b.len() && a.iter().zip(&b).all(close)
}

fn numbers(cell: &str) -> Option<Vec<f64>> {
    if cell.starts_with('[') {
        return serde_json::from_str(cell).ok();
    }
    cell.parse().ok().map(|number| vec![number])
}

/// The cells of a CSV file, without quotes.
pub(crate) fn table(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let row = rows.last_mut().expect("a row");
        let cell = row.last_mut().expect("a cell");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(String::new()),
            '\r' if !quoted => {}
            '\n' if !quoted => rows.push(vec![String::new()]),
            c => cell.push(c),
        }
    }
    rows.retain(|row| row != &[String::new()]);
    rows
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the example's folder") {
        let entry = entry.expect("an entry");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if source.is_dir() {
            copy(&source, &target);
        } else {
            std::fs::copy(&source, &target).expect("copying a file");
        }
    }
}
