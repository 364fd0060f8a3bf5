//! Reads a dataset as a table: parts in order, opened as they are reached.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use sunward_core::{Dataset, DatasetKind, PartRef};

use crate::content::schema::conform;
use crate::error::DataError;
use crate::netcdf;
use crate::part::Part;
use crate::store::Store;

/// A table that is open for reading. Opening reads only the first part's footer; clones share what
/// is open.
#[derive(Clone, Debug)]
pub struct TableReader {
    inner: Arc<Open>,
}

#[derive(Debug)]
struct Open {
    store: Store,
    schema: SchemaRef,
    refs: Vec<PartRef>,
    parts: Vec<OnceLock<Arc<Part>>>,
    /// The row at which each part begins, and one past the last row.
    starts: Vec<u64>,
}

impl Store {
    /// Opens a table for reading. Missing parts are fetched first.
    ///
    /// # Errors
    ///
    /// Fails if the dataset is not a table, or a part is missing or damaged.
    pub fn table(&self, dataset: &Dataset) -> Result<TableReader, DataError> {
        TableReader::open(self, dataset)
    }
}

impl TableReader {
    pub(crate) fn open(store: &Store, dataset: &Dataset) -> Result<Self, DataError> {
        if dataset.kind != DatasetKind::Table {
            return Err(DataError::Unsupported(format!(
                "a {} is not a table; give a stage that needs a table the output of one with `format: arrow`, `parquet` or `csv`",
                dataset.kind
            )));
        }
        let Some(first) = dataset.parts.first() else {
            return Err(DataError::NoSuch(
                "a table without any part has no schema; it was not written by Sunward".into(),
            ));
        };
        let mut starts = vec![0];
        let mut row = 0;
        for part in &dataset.parts {
            row += part.rows;
            starts.push(row);
        }
        let opened = open_part(store, first)?;
        let parts: Vec<OnceLock<Arc<Part>>> =
            dataset.parts.iter().map(|_| OnceLock::new()).collect();
        let schema = opened.schema().clone();
        let _ = parts[0].set(opened);
        Ok(Self {
            inner: Arc::new(Open {
                store: store.clone(),
                schema,
                refs: dataset.parts.clone(),
                parts,
                starts,
            }),
        })
    }

    /// The schema of the first part, to which the others are converted.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.inner.schema
    }

    /// The names of its columns, in order.
    pub(crate) fn column_names(&self) -> Vec<String> {
        let fields = self.schema().fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    /// The schema of the first part, with the time bounds of all parts that hold any of these rows.
    ///
    /// # Errors
    ///
    /// Fails if a part is missing or damaged.
    pub fn joined_schema(&self, range: Option<&Range<u64>>) -> Result<SchemaRef, DataError> {
        let schema = self.schema();
        if !netcdf::has_bounds(schema) {
            return Ok(schema.clone());
        }
        let starts = self.inner.starts.windows(2).enumerate();
        let others = starts
            .filter(|(_, rows)| {
                range.is_none_or(|range| rows[0] < range.end && range.start < rows[1])
            })
            .map(|(index, _)| Ok(self.part(index)?.schema().clone()))
            .collect::<Result<Vec<SchemaRef>, DataError>>()?;
        let joined = netcdf::with_all_bounds(schema, others.iter().map(AsRef::as_ref));
        Ok(joined.map_or_else(|| schema.clone(), Arc::new))
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.inner.starts.last().copied().unwrap_or(0)
    }

    /// The rows of one part; with `parts: true` each task gets one of these.
    ///
    /// # Errors
    ///
    /// Fails if there is no such part.
    pub fn part_rows(&self, index: usize) -> Result<Range<u64>, DataError> {
        match self.inner.starts.get(index..index + 2) {
            Some([start, end]) => Ok(*start..*end),
            _ => Err(DataError::NoSuch(format!(
                "there is no part {index}; the dataset has {}",
                self.inner.parts.len()
            ))),
        }
    }

    /// Batches in row order, of all rows or a range. No batch is empty, so an empty table has none.
    /// They alias the mapped files; nothing is copied.
    #[must_use]
    pub fn batches(&self, range: Option<Range<u64>>) -> Batches {
        let rows = self.rows();
        let range = range.unwrap_or(0..rows);
        let end = range.end.min(rows);
        let next = range.start.min(end);
        Batches {
            part: self.inner.starts[1..].partition_point(|e| *e <= next),
            table: self.clone(),
            next,
            end,
        }
    }

    /// All rows or a range as one batch, which is a copy if they are in several.
    ///
    /// # Errors
    ///
    /// Fails if a part is missing or damaged.
    pub fn read(&self, range: Option<Range<u64>>) -> Result<RecordBatch, DataError> {
        let batches: Vec<RecordBatch> = self.batches(range).collect::<Result<_, _>>()?;
        match batches.as_slice() {
            [one] => Ok(one.clone()),
            _ => arrow::compute::concat_batches(self.schema(), &batches)
                .map_err(DataError::arrow("cannot join batches")),
        }
    }

    /// One part, opened.
    ///
    /// # Errors
    ///
    /// Fails if it is missing or damaged.
    pub(crate) fn part(&self, index: usize) -> Result<&Arc<Part>, DataError> {
        let cell = &self.inner.parts[index];
        if let Some(part) = cell.get() {
            return Ok(part);
        }
        let part = open_part(&self.inner.store, &self.inner.refs[index])?;
        Ok(cell.get_or_init(|| part))
    }
}

fn open_part(store: &Store, part: &PartRef) -> Result<Arc<Part>, DataError> {
    store.fetch_part(part)?;
    let opened = Part::open(&store.part_path(&part.digest))
        .map_err(|error| confirmed(store, part, error))?;
    if opened.rows() != part.rows {
        store.is_whole(&part.digest);
        return Err(DataError::Damaged {
            path: opened.path().to_owned(),
            why: format!("it has {} rows, expected {}", opened.rows(), part.rows),
        });
    }
    Ok(Arc::new(opened))
}

/// Handles a part that could not be read: if it is damaged it is deleted, so that it is made again.
fn confirmed(store: &Store, part: &PartRef, error: DataError) -> DataError {
    if matches!(error, DataError::Damaged { .. }) {
        store.is_whole(&part.digest);
    }
    error
}

/// The batches of a range of rows.
#[derive(Debug)]
pub struct Batches {
    table: TableReader,
    part: usize,
    next: u64,
    end: u64,
}

impl Batches {
    fn step(&mut self) -> Result<RecordBatch, DataError> {
        let part = self.table.part(self.part)?.clone();
        let part_start = self.table.inner.starts[self.part];
        let index = part.batch_at(self.next - part_start);
        let (start, end) = part.bounds(index);
        let part_ref = &self.table.inner.refs[self.part];
        let batch = part
            .batch(index)
            .map_err(|error| confirmed(&self.table.inner.store, part_ref, error))?;
        let from = self.next - (part_start + start);
        let until = end.min(self.end - part_start) - start;
        let rows = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let sliced = if from == 0 && until == end - start {
            batch
        } else {
            batch.slice(rows(from), rows(until - from))
        };
        self.next = part_start + start + until;
        if self.next == self.table.inner.starts[self.part + 1] {
            self.part += 1;
        }
        conform(sliced, self.table.schema(), || {
            format!("part {}", sunward_files::shown(part.path()))
        })
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        // Parts without rows are skipped.
        while self
            .table
            .inner
            .starts
            .get(self.part + 1)
            .is_some_and(|end| *end <= self.next)
        {
            self.part += 1;
        }
        if self.next >= self.end {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.next = self.end;
        }
        Some(step)
    }
}
