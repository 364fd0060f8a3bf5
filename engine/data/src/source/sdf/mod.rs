//! SDF and MOL files (MDL's connection tables, V2000 and V3000): one row a record.
//!
//! Columns are `id`, lists over the record's atoms, `problem`, and one column of text for each name of
//! a data item (`> <NAME>`) that is in the file, so that the file is read twice: for the names, and for
//! the rows. The format: BIOVIA, "CTfile Formats". Bonds are checked and left out.
//!
//! A broken record in the midst of others neither ends the file nor vanishes: its row has `id`, the line
//! and what is wrong with it in `problem`, and nulls, which kernels put in their `rejects`. SMILES and
//! PDBQT have no such rows: the text of a SMILES is for a chemistry toolkit to judge, and in a PDBQT
//! file, written by a docking program, a broken line is no bad molecule but a damaged file.

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

/// How much of a batch is read, about: atoms, and 32 bytes of text count as one.
const BATCH_WEIGHT: usize = 1 << 18;

/// The columns of a file, for which all of it is looked through.
pub(super) fn schema(path: &Path) -> Result<SchemaRef, DataError> {
    Ok(layout(path)?.schema().clone())
}

/// Opens a file. A record that is not as it should be is a row that says so in `problem`.
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
            // It is told of when rows are read.
            Err(DataError::Format { .. }) => drop(lines.skip_record()?),
            other => other?,
        }
    }
    layout.finish()?;
    Ok(layout)
}

/// A file's records, as they are read.
struct Records {
    layout: Layout,
    lines: Lines,
    /// How many were as they should be.
    sound: u64,
    /// Of the first that was not.
    first_problem: Option<DataError>,
}

impl Records {
    /// The next records, as one batch; none at the end of the file.
    ///
    /// A broken record is an error all the same where its end is not found, for then the file may be
    /// cut off; and at the end of a file without any sound one, for then it is something else.
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
