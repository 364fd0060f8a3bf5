//! SDF and MOL files (MDL's connection tables, V2000 and V3000): one row a record.
//!
//! Columns are `id`, lists over the record's atoms, and one column of text for each name of a data
//! item (`> <NAME>`) that is in the file, so that the file is read twice: for the names, and for the
//! rows. The format: BIOVIA, "CTfile Formats". Bonds are checked and left out.

mod columns;
mod items;
mod lines;
mod record;
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

/// Opens a file. A record that is not as it should be is an error that names it and its line.
pub(super) fn open(path: &Path) -> Result<Opened, DataError> {
    let layout = layout(path)?;
    let mut lines = Lines::open(path)?;
    Ok(Opened {
        schema: layout.schema().clone(),
        rows: batches(move || batch(&mut lines, &layout)),
    })
}

/// Finds the names of data items.
fn layout(path: &Path) -> Result<Layout, DataError> {
    let mut lines = Lines::open(path)?;
    let mut layout = Layout::default();
    while record::skip_to_items(&mut lines)? {
        items::each(&mut lines, |lines, name, _| layout.add(lines, name))?;
    }
    layout.finish();
    Ok(layout)
}

/// The next records, as one batch; none at the end of the file.
fn batch(lines: &mut Lines, layout: &Layout) -> Result<Option<RecordBatch>, DataError> {
    let mut columns = Columns::new(layout);
    while columns.weight() < BATCH_WEIGHT {
        let Some(record) = Record::read(lines)? else {
            break;
        };
        columns.push(&record, lines)?;
    }
    columns.finish()
}
