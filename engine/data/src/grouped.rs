//! Tables sorted into groups: the rows of each value of a column, one group after another.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use csv::{ByteRecord, Writer};
use sunward_core::{Dataset, Digest, Hasher, PartRef, Written};
use sunward_workflows::{Form, Value};

use crate::error::DataError;
use crate::gather::column_indices;
use crate::items::{as_written, value_at};
use crate::store::Store;
use crate::written::TextRows;

/// The most bytes of a table that is sorted into groups, which happens in memory.
const SORTED_BYTES: u64 = 8 << 30;

/// The rows that are written at once.
const CHUNK: usize = 65_536;

/// A table in groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouped {
    /// The table with the rows of each group one after another; within a group, and among the first
    /// rows of groups, in the order of the table.
    pub table: Dataset,
    /// The value of each group.
    pub values: Vec<Value>,
    /// The rows of each group, as they were in the table.
    pub rows: Vec<Vec<u32>>,
    /// The digest of each group: of its schema and its rows, and of the text of its cells if the table
    /// was written as CSV.
    pub digests: Vec<Digest>,
}

impl Store {
    /// A table in groups by the values of a column. Values are equal by their text. The table is sorted
    /// in memory.
    ///
    /// # Errors
    ///
    /// Fails if there is no such column, the table is too large to be sorted, or a part is missing or
    /// damaged.
    pub fn grouped(&self, dataset: &Dataset, column: &str) -> Result<Grouped, DataError> {
        if dataset.bytes() > SORTED_BYTES {
            return Err(DataError::Unsupported(format!(
                "the table has {} bytes, too many to be sorted by {column} (at most {SORTED_BYTES}); \
                 scatter it by `rows: N`",
                dataset.bytes()
            )));
        }
        let (values, rows) = self.groups_of(dataset, column)?;
        let mut key = Hasher::new("grouped");
        key.field("content", &dataset.content.0)
            .field("column", column.as_bytes());
        let key = key.finish();
        let table = match self.recall(&key) {
            Some(known) => known,
            None => {
                let sorted = self.sorted(dataset, &rows)?;
                self.remember(&key, &sorted);
                sorted
            }
        };
        let mut end = 0;
        let ends = rows.iter().map(|rows| {
            end += rows.len() as u64;
            end
        });
        let digests = self.digests_to(&table, ends)?;
        Ok(Grouped {
            table,
            values,
            rows,
            digests,
        })
    }

    /// The values of a column, and the rows that have each.
    fn groups_of(
        &self,
        dataset: &Dataset,
        column: &str,
    ) -> Result<(Vec<Value>, Vec<Vec<u32>>), DataError> {
        let table = self.table(dataset)?;
        let column = column.to_owned();
        let index = column_indices(table.schema(), std::slice::from_ref(&column))?;
        let mut texts = TextRows::of(self, dataset, std::slice::from_ref(&column))?;
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let (mut values, mut rows): (Vec<Value>, Vec<Vec<u32>>) = (Vec::new(), Vec::new());
        let mut next = 0_u32;
        for batch in table.batches(None) {
            let batch = batch?;
            let Some(cells) = index.first().map(|at| batch.column(*at)) else {
                continue;
            };
            for row in 0..batch.num_rows() {
                let text = match &mut texts {
                    Some(texts) => texts.next()?,
                    None => None,
                };
                let value = value_at(cells, row)?;
                let value = match text.as_deref() {
                    Some([text]) => as_written(value, text),
                    _ => value,
                };
                let place = *places.entry(value.to_text()).or_insert(rows.len());
                match rows.get_mut(place) {
                    Some(rows) => rows.push(next),
                    None => {
                        values.push(value);
                        rows.push(vec![next]);
                    }
                }
                next = next.checked_add(1).ok_or_else(|| {
                    DataError::Unsupported("a table with more rows than 2^32 has no groups".into())
                })?;
            }
        }
        Ok((values, rows))
    }

    /// The rows of a table in another order.
    fn sorted(&self, dataset: &Dataset, groups: &[Vec<u32>]) -> Result<Dataset, DataError> {
        let table = self.table(dataset)?;
        let schema = table.joined_schema(None)?;
        let batches = table.batches(None).collect::<Result<Vec<_>, _>>()?;
        let places: Vec<(usize, usize)> = batches
            .iter()
            .enumerate()
            .flat_map(|(at, batch)| (0..batch.num_rows()).map(move |row| (at, row)))
            .collect();
        let order: Vec<(usize, usize)> = groups
            .iter()
            .flatten()
            .filter_map(|row| places.get(usize::try_from(*row).ok()?).copied())
            .collect();
        let all: Vec<&RecordBatch> = batches.iter().collect();
        let mut writer = self.writer(schema)?;
        for chunk in order.chunks(CHUNK) {
            let sorted = interleave_record_batch(&all, chunk)
                .map_err(DataError::arrow("cannot sort rows"))?;
            writer.push(&sorted)?;
        }
        let sorted = writer.finish()?;
        let Some(written) = dataset.written.as_ref().filter(|one| one.form == Form::Csv) else {
            return Ok(sorted);
        };
        let text = self.sorted_text(dataset, table.column_names(), groups)?;
        let written = Written {
            form: Form::Csv,
            files: vec![text],
            declared: written.declared.clone(),
        };
        Ok(self.with_written(sorted, written))
    }
}

impl Store {
    /// The cells of the rows in another order, as a CSV file.
    fn sorted_text(
        &self,
        dataset: &Dataset,
        columns: Vec<String>,
        groups: &[Vec<u32>],
    ) -> Result<PartRef, DataError> {
        let mut records = Vec::new();
        if let Some(mut texts) = TextRows::of(self, dataset, &columns)? {
            while let Some(cells) = texts.next()? {
                records.push(ByteRecord::from(cells));
            }
        }
        self.text_of(|target| {
            let failed = |error: csv::Error| DataError::Unsupported(error.to_string());
            let mut writer = Writer::from_writer(target);
            writer.write_record(&columns).map_err(failed)?;
            for row in groups.iter().flatten() {
                let record = usize::try_from(*row).ok().and_then(|row| records.get(row));
                if let Some(record) = record {
                    writer.write_byte_record(record).map_err(failed)?;
                }
            }
            writer
                .flush()
                .map_err(|error| DataError::Unsupported(error.to_string()))
        })
    }
}
