//! Reads SDF and MOL files (MDL's connection tables, V2000 and V3000): one row for each record.
//!
//! Columns are `id`, lists over the record's atoms, `problem`, and one text column for each name of
//! a data item (`> <NAME>`) in the file. So the file is read twice: for the names, and for the
//! rows. The format is in BIOVIA, "CTfile Formats". Bonds are checked and left out.
//!
//! A broken record among others neither ends the file nor disappears. Its row has `id`, the line
//! and the mistake in `problem`, and nulls, which kernels report in their `rejects`. SMILES and
//! PDBQT files have no such rows: a chemistry toolkit judges the text of a SMILES, and in a PDBQT
//! file, which a docking program wrote, a broken line means a damaged file.

mod atoms;
mod columns;
mod items;
mod lines;
mod record;
mod symbol;
mod v2000;
mod v3000;

use std::path::Path;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;

use self::columns::{Columns, Layout};
use self::lines::Lines;
use self::record::Record;
use super::{Opened, batches};
use crate::error::DataError;

/// The approximate size of a batch: atoms, where 32 bytes of text count as one.
const BATCH_WEIGHT: usize = 1 << 18;

/// The columns of a file, for which the whole file is read.
pub(super) fn schema(path: &Path) -> Result<SchemaRef, DataError> {
    Ok(layout(path)?.schema().clone())
}

/// Opens a file. A broken record becomes a row with the mistake in `problem`.
pub(super) fn open(path: &Path) -> Result<Opened, DataError> {
    let mut records = Records {
        layout: layout(path)?,
        lines: Lines::open(path)?,
        sound: 0,
        first_problem: None,
    };
    Ok(Opened {
        schema: records.layout.schema().clone(),
        rows: batches(move || records.batch()),
    })
}

/// Finds the names of data items.
fn layout(path: &Path) -> Result<Layout, DataError> {
    let mut lines = Lines::open(path)?;
    let mut layout = Layout::default();
    while record::skip_to_items(&mut lines)? {
        let read = items::each(&mut lines, |lines, name, _| {
            layout.add(lines, name);
            Ok(())
        });
        match read {
            // It is reported when rows are read.
            Err(DataError::Format { .. }) => drop(lines.skip_record()?),
            other => other?,
        }
    }
    layout.finish()?;
    Ok(layout)
}

/// A file's records.
struct Records {
    layout: Layout,
    lines: Lines,
    /// The number of valid records so far.
    sound: u64,
    /// The first mistake.
    first_problem: Option<DataError>,
}

impl Records {
    /// The next records as one batch; `None` at the end of the file. A broken record is still an
    /// error if its end is not found, because the file may be truncated, and at the end of a file
    /// without any valid record, because it is something else.
    fn batch(&mut self) -> Result<Option<RecordBatch>, DataError> {
        let lines = &mut self.lines;
        let mut columns = Columns::new(&self.layout);
        while columns.weight() < BATCH_WEIGHT {
            match Record::read(lines) {
                Ok(Some(record)) => {
                    self.sound += 1;
                    columns.push(&record, lines)?;
                }
                Ok(None) if self.sound == 0 && self.first_problem.is_some() => {
                    return self.first_problem.take().map_or(Ok(None), Err);
                }
                Ok(None) => break,
                Err(problem) => {
                    let DataError::Format { found, hint, .. } = &problem else {
                        return Err(problem);
                    };
                    if !lines.skip_record()? {
                        return Err(problem);
                    }
                    columns.push_broken(&lines.id(), &format!("{found}; {hint}"));
                    self.first_problem.get_or_insert(problem);
                }
            }
        }
        columns.finish()
    }
}
