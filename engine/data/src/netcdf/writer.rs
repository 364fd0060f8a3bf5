//! Writes gridded tables (and other tables of numbers) as NetCDF files with CF metadata.
//!
//! Rows become the record dimension, so that any number of batches is written in one pass. A table
//! of cells on a latitude-longitude grid becomes `variable(time, lat, lon)` again. Other cells stay
//! `variable(cell, time)`, as CF describes stations.

use std::io::{Seek, SeekFrom, Write};

use arrow::array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use super::columns::{Column, columns};
use super::draft::Drafting;
use super::encode::{Places, Plan, put_values};
use super::error::NetcdfError;
use super::fill::Fill;
use super::grid::{GRID_KEY, Grid};
use super::header::{Attribute, Kind};
use super::hyperslab::to_u64;

/// The most bytes of a fixed variable, or of a variable's record. The format cannot describe larger
/// ones.
const VARIABLE_LIMIT_BYTES: u64 = u32::MAX as u64 - 3;

/// The reason why a batch is not available.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A NetCDF file that is being written.
pub(super) struct Writing<'a, W> {
    pub(super) out: W,
    pub(super) path: &'a str,
    plan: Plan,
    places: Places,
    columns: Vec<Column>,
    /// What may become the fill value of each column.
    fills: Vec<Option<Fill>>,
    /// The number of cells, if rows are cells of a grid. Otherwise rows are records.
    grid_cells: Option<u64>,
}

impl<'a, W: Write + Seek> Writing<'a, W> {
    /// Plans the file and writes its header and coordinates.
    pub(super) fn start(out: W, path: &'a str, schema: &Schema) -> Result<Self, NetcdfError> {
        let grid: Grid = match schema.metadata().get(GRID_KEY) {
            None => Grid::default(),
            Some(json) => Grid::parse(json).map_err(|e| NetcdfError::Table {
                path: path.to_owned(),
                what: format!("its metadata `{GRID_KEY}` is not understood: {e}"),
            })?,
        };
        let columns = columns(schema, &grid, path)?;
        let mut draft = Drafting {
            plan: Plan::default(),
            constants: Vec::new(),
            grid: &grid,
        };
        let grid_cells = draft.lay_out(&columns);
        let Drafting {
            plan, constants, ..
        } = draft;
        let places = plan.places();
        let mut writing = Self {
            out,
            path,
            plan,
            places,
            fills: columns.iter().map(Column::fill).collect(),
            columns,
            grid_cells,
        };
        writing.refuse_what_is_too_large()?;
        let header = writing.plan.header(0, &writing.places.begins);
        writing.put_at(0, &header)?;
        for (index, values) in constants {
            let mut bytes = Vec::new();
            put_values(&mut bytes, writing.plan.variables[index].kind, &values);
            writing.put_at(writing.places.begins[index], &bytes)?;
        }
        if let Some(cells) = grid_cells {
            writing.fill_with_nothing(cells)?;
        }
        Ok(writing)
    }

    fn refuse_what_is_too_large(&self) -> Result<(), NetcdfError> {
        // The last variable of a file without records may have any size.
        let checked = self.plan.variables.len() - usize::from(self.grid_cells.is_some());
        let too_large = self.plan.variables.iter().take(checked).find(|v| {
            let values = v.dims.iter().filter_map(|d| self.plan.dimensions.get(*d));
            let count = values.fold(1_u64, |n, (_, length)| {
                n.saturating_mul(u64::from((*length).max(1)))
            });
            count.saturating_mul(to_u64(v.kind.width())) > VARIABLE_LIMIT_BYTES
        });
        match too_large {
            None => Ok(()),
            Some(variable) => Err(NetcdfError::Column {
                path: self.path.to_owned(),
                column: variable.name.clone(),
                what: "one row is larger than the 4 GiB that the format allows; write Arrow or Parquet".to_owned(),
            }),
        }
    }

    /// Fills the variable with the fill value, so that cells that are never written are missing and
    /// not zero.
    fn fill_with_nothing(&mut self, cells: u64) -> Result<(), NetcdfError> {
        let Some(variable) = self.plan.variables.last() else {
            return Ok(());
        };
        let times = self.columns.last().map_or(1, |c| c.row_length);
        let mut block = Vec::new();
        let missing = self.columns.last().map_or(f64::NAN, |c| c.missing);
        put_values(&mut block, variable.kind, &[missing; 8192]);
        let mut left = cells.saturating_mul(to_u64(times)) * to_u64(variable.kind.width());
        let begin = self.places.begins.last().copied().unwrap_or(0);
        self.put_at(begin, &[])?;
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            self.out
                .write_all(&block[..count])
                .map_err(|e| self.io(e))?;
            left -= to_u64(count);
        }
        Ok(())
    }

    /// Writes a batch. `first` is the index of its first row.
    pub(super) fn put_batch(&mut self, batch: &RecordBatch, first: u64) -> Result<(), NetcdfError> {
        match self.grid_cells {
            Some(cells) => self.put_cells(batch, cells),
            None => self.put_records(batch, first),
        }
    }

    fn put_records(&mut self, batch: &RecordBatch, first: u64) -> Result<(), NetcdfError> {
        let rows: Vec<(Kind, usize, Vec<f64>)> = self
            .columns
            .iter()
            .map(|c| Ok((c.kind, c.row_length, c.values(batch, self.path)?)))
            .collect::<Result<_, NetcdfError>>()?;
        let written = self.columns.iter().zip(&rows);
        for (fill, (column, (_, _, values))) in self.fills.iter_mut().zip(written) {
            if let Some(fill) = fill
                && let Some(array) = batch.column_by_name(&column.name)
            {
                fill.add(array, values, first);
            }
        }
        let start = self
            .records_begin()
            .saturating_add(first.saturating_mul(self.places.record_stride));
        self.put_at(start, &[])?;
        let mut record = Vec::new();
        for row in 0..batch.num_rows() {
            record.clear();
            for (kind, length, values) in &rows {
                put_values(
                    &mut record,
                    *kind,
                    values
                        .get(row * length..(row + 1) * length)
                        .unwrap_or_default(),
                );
                // Numbers take four or eight bytes. Only texts need padding.
                record.resize(record.len().next_multiple_of(4), 0);
            }
            self.out.write_all(&record).map_err(|e| self.io(e))?;
        }
        Ok(())
    }

    fn records_begin(&self) -> u64 {
        self.plan
            .variables
            .iter()
            .zip(&self.places.begins)
            .filter(|(v, _)| v.is_record(&self.plan))
            .map(|(_, begin)| *begin)
            .min()
            .unwrap_or(0)
    }

    /// Writes a batch of cells. The file holds all cells of a time contiguously, so the batch is
    /// written time by time.
    fn put_cells(&mut self, batch: &RecordBatch, cells: u64) -> Result<(), NetcdfError> {
        let (Some(ids), Some(column)) = (self.columns.first(), self.columns.last()) else {
            return Ok(());
        };
        let ids = ids.values(batch, self.path)?;
        let values = column.values(batch, self.path)?;
        let (kind, times) = (column.kind, column.row_length);
        let mut at = Vec::with_capacity(ids.len());
        for id in &ids {
            let id = u64::try_from(super::packing::whole_i32(*id))
                .ok()
                .filter(|id| *id < cells);
            at.push(id.ok_or_else(|| NetcdfError::Column {
                path: self.path.to_owned(),
                column: "cell_id".to_owned(),
                what: format!(
                    "a cell lies outside the grid of {cells} cells that the metadata describes"
                ),
            })?);
        }
        let begin = self.places.begins.last().copied().unwrap_or(0);
        let width = to_u64(kind.width());
        for time in 0..times {
            let mut row = 0;
            while row < at.len() {
                let mut end = row + 1;
                while end < at.len() && at[end] == at[end - 1] + 1 {
                    end += 1;
                }
                let run: Vec<f64> = (row..end).map(|r| values[r * times + time]).collect();
                let mut bytes = Vec::new();
                put_values(&mut bytes, kind, &run);
                self.put_at(begin + (to_u64(time) * cells + at[row]) * width, &bytes)?;
                row = end;
            }
        }
        Ok(())
    }

    /// Replaces fill values that turned out to be values.
    fn replace_fills(&mut self) -> Result<(), NetcdfError> {
        for (column, fill) in self.columns.clone().iter().zip(self.fills.clone()) {
            let Some(fill) = fill else { continue };
            let other = fill.other().map_err(|what| NetcdfError::Column {
                path: self.path.to_owned(),
                column: column.name.clone(),
                what: what.to_owned(),
            })?;
            let mut variables = self.plan.variables.iter_mut().zip(&self.places.begins);
            let found = variables.find(|(variable, _)| variable.name == column.file_name);
            let Some((other, (variable, begin))) = other.zip(found) else {
                continue;
            };
            let begin = *begin;
            for (key, value) in &mut variable.attributes.0 {
                if key == "_FillValue" {
                    *value = Attribute::Numbers(column.kind, vec![other]);
                }
            }
            let mut bytes = Vec::new();
            put_values(&mut bytes, column.kind, &[other]);
            for row in fill.nulls() {
                self.put_at(begin + row * self.places.record_stride, &bytes)?;
            }
        }
        let header = self.plan.header(0, &self.places.begins);
        self.put_at(0, &header)
    }

    /// Writes the number of records. Until then, the file states that it has none.
    pub(super) fn finish(mut self, rows: u64) -> Result<(), NetcdfError> {
        if self.grid_cells.is_none() {
            let records = u32::try_from(rows).ok().filter(|n| *n < u32::MAX);
            let records = records.ok_or_else(|| NetcdfError::Table {
                path: self.path.to_owned(),
                what: format!(
                    "{rows} rows are more than the format can count; write Arrow or Parquet"
                ),
            })?;
            self.replace_fills()?;
            self.put_at(4, &records.to_be_bytes())?;
        }
        self.out.flush().map_err(|e| self.io(e))
    }

    fn put_at(&mut self, at: u64, bytes: &[u8]) -> Result<(), NetcdfError> {
        self.out
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.out.write_all(bytes))
            .map_err(|e| self.io(e))
    }

    fn io(&self, source: std::io::Error) -> NetcdfError {
        NetcdfError::Io {
            path: self.path.to_owned(),
            doing: "writing it",
            source,
        }
    }
}

/// Writes a table to `out` and returns the number of rows.
pub(super) fn write_to<W, E>(
    out: W,
    path: &str,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch, E>>,
) -> Result<u64, NetcdfError>
where
    W: Write + Seek,
    E: Into<Cause>,
{
    let mut writing = Writing::start(out, path, schema)?;
    let mut rows = 0;
    for batch in batches {
        let batch = batch.map_err(|e| NetcdfError::Rows {
            path: path.to_owned(),
            source: e.into(),
        })?;
        writing.put_batch(&batch, rows)?;
        rows += to_u64(batch.num_rows());
    }
    writing.finish(rows)?;
    Ok(rows)
}
