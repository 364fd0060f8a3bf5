//! Compares tables by value, row by row.

use std::path::Path;

use anyhow::Context as _;
use sunward_core::RunState;
use sunward_data::{SourceOptions, Store, probe, rows_of_file};
use sunward_workflows::{ColumnSpec, ColumnType, FileFact, Value, from_arrow};

use super::cells::{Rule, disagree};

/// The most rows of a table that is compared.
const ROWS: usize = 10_000_000;

/// A table that a run has as an output.
pub(super) struct Table {
    columns: Vec<ColumnSpec>,
    rows: Vec<Value>,
}

impl Table {
    /// Reads an output from the store of a run, with its types and with the text of its cells.
    ///
    /// # Errors
    /// Fails if there is no such output, or it is damaged or too large.
    pub(super) fn of_run(run: &RunState, home: &Path, name: &str) -> anyhow::Result<Self> {
        let mut outputs = run.outputs();
        let (_, stage, port) = outputs
            .find(|(output, ..)| *output == name)
            .context("the run has no such output")?;
        let parts = run.gathered(stage, port).unwrap_or_default();
        let store = Store::look(home);
        let (schema, _) = store.head(&parts, 0)?;
        let limit = u64::try_from(ROWS).unwrap_or(u64::MAX);
        let mut rows = Vec::new();
        for part in &parts {
            rows.extend(store.items(part, limit)?);
        }
        Ok(Self {
            columns: schema.fields().iter().map(|one| from_arrow(one)).collect(),
            rows,
        })
    }

    /// The differences from the table in a file, which the test file calls `shown`.
    pub(super) fn differences(&self, expected: &Path, shown: &str, tolerance: f64) -> Vec<String> {
        let source = sunward_files::as_value(expected);
        let columns = match probe(&source, &SourceOptions::default()) {
            FileFact::Table { columns, .. } => columns,
            FileFact::Unreadable(why) => return vec![format!("{shown} cannot be read: {why}")],
            FileFact::Missing | FileFact::Folder | FileFact::File => {
                return vec![format!("{shown} is not a table, and the output is one")];
            }
        };
        let names = |columns: &[ColumnSpec]| -> Vec<String> {
            columns.iter().map(|column| column.name.clone()).collect()
        };
        let (wanted, found) = (names(&columns), names(&self.columns));
        if wanted != found {
            let (wanted, found) = (wanted.join(", "), found.join(", "));
            return vec![format!("expected columns {wanted}, found {found}")];
        }
        let Some(expected) = self.read(&source, columns) else {
            return vec![format!(
                "{shown} cannot be read as a table of at most {ROWS} rows"
            )];
        };
        let mut all = Vec::new();
        if expected.len() != self.rows.len() {
            all.push(format!(
                "expected {} rows, found {}",
                expected.len(),
                self.rows.len()
            ));
        }
        for (row, (expected, found)) in expected.iter().zip(&self.rows).enumerate() {
            let of_row = self.of_rows(expected, found, tolerance);
            all.extend(of_row.map(|problem| format!("row {}, {problem}", row + 1)));
        }
        all
    }

    /// The rows of a file. Its cells are read with the types of this table, so that a column of text
    /// stays text. If they do not have these types, their text is read.
    fn read(&self, source: &str, columns: Vec<ColumnSpec>) -> Option<Vec<Value>> {
        let text = ColumnType::parse("utf8").ok()?;
        // A text file has lists as JSON, and a column of text is not made numbers: `007` is not `7`.
        let stays = |ours: &ColumnType, theirs: &ColumnType| {
            ours.0.contains('<') || *theirs == text && is_number(ours)
        };
        let typed = self.columns.iter().zip(&columns);
        let typed =
            typed.map(
                |(ours, theirs)| match stays(&ours.column_type, &theirs.column_type) {
                    true => theirs.clone(),
                    false => ours.clone(),
                },
            );
        let all_text = columns.iter().map(|column| ColumnSpec {
            column_type: text.clone(),
            ..column.clone()
        });
        let schemas = [Some(typed.collect()), Some(all_text.collect()), None];
        schemas.into_iter().find_map(|schema| {
            let options = SourceOptions {
                schema,
                ..SourceOptions::default()
            };
            rows_of_file(source, &options, ROWS)
        })
    }

    fn of_rows<'r>(
        &'r self,
        expected: &'r Value,
        found: &'r Value,
        tolerance: f64,
    ) -> impl Iterator<Item = String> + 'r {
        let cells = |row: &'r Value| match row {
            Value::Map(cells) => cells.as_slice(),
            _ => &[],
        };
        let pairs = cells(expected).iter().zip(cells(found)).zip(&self.columns);
        pairs.filter_map(move |(((name, expected), (_, found)), column)| {
            let rule = Rule {
                tolerance,
                digits: column.column_type.0.starts_with("decimal"),
            };
            let (place, expected, found) = disagree(expected, found, rule)?;
            Some(format!(
                "{name}{place}: expected {}, found {}",
                shortened(expected),
                shortened(found)
            ))
        })
    }
}

fn is_number(kind: &ColumnType) -> bool {
    let kinds = ["int", "uint", "float", "decimal"];
    kinds.iter().any(|one| kind.0.starts_with(one))
}

/// The beginning of a long text.
fn shortened(text: String) -> String {
    let most = 80;
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
