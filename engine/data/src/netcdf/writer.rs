//! Gridded tables (and other tables of numbers) as NetCDF files with CF metadata.
//!
//! Rows become the record dimension, so that any number of batches is written in one pass. A table of
//! cells on a latitude-longitude grid becomes `variable(time, lat, lon)` again; other cells stay
//! `variable(cell, time)`, as CF lays out stations.

use std::io::{Seek, SeekFrom, Write};

use arrow::array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use super::columns::{Column, columns};
use super::encode::{Draft, Places, Plan, put_values};
use super::error::NetcdfError;
use super::grid::{GRID_KEY, Grid};
use super::header::{Attribute, Attributes, Kind};
use super::hyperslab::to_u64;
use super::time::TIME;

/// A record or a fixed variable beyond this cannot be described by the format.
const VARIABLE_LIMIT_BYTES: u64 = u32::MAX as u64 - 3;

/// Why a batch could not be had: whatever its source says.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A NetCDF file that is being written.
pub(super) struct Writing<'a, W> {
    pub(super) out: W,
    pub(super) path: &'a str,
    plan: Plan,
    places: Places,
    columns: Vec<Column>,
    /// For cells on a grid: how many there are. Else rows are records.
    grid_cells: Option<u64>,
}

impl<'a, W: Write + Seek> Writing<'a, W> {
    /// Plans the file and writes its header and coordinates.
    pub(super) fn start(out: W, path: &'a str, schema: &Schema) -> Result<Self, NetcdfError> {
        let grid: Grid = match schema.metadata().get(GRID_KEY) {
            None => Grid::default(),
            Some(json) => serde_json::from_str(json).map_err(|e| NetcdfError::Table {
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
        // The last variable of a file without records may be of any size.
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

    /// Cells that never come are missing, not zero.
    fn fill_with_nothing(&mut self, cells: u64) -> Result<(), NetcdfError> {
        let Some(variable) = self.plan.variables.last() else {
            return Ok(());
        };
        let times = self.columns.last().map_or(1, |c| c.row_length);
        let mut block = Vec::new();
        put_values(&mut block, variable.kind, &[f64::NAN; 8192]);
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

    /// Writes one batch whose first row is number `first`.
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

    /// Cells stand side by side in the file at each time: a batch is written time by time.
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

    /// Notes how many records there are. Without this the file says that it has none.
    pub(super) fn finish(mut self, rows: u64) -> Result<(), NetcdfError> {
        if self.grid_cells.is_none() {
            let records = u32::try_from(rows).ok().filter(|n| *n < u32::MAX);
            let records = records.ok_or_else(|| NetcdfError::Table {
                path: self.path.to_owned(),
                what: format!(
                    "{rows} rows are more than the format can count; write Arrow or Parquet"
                ),
            })?;
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

/// Writes a table to `out`; gives the number of rows.
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

/// A file's plan as it grows, with the values of variables that do not depend on rows.
struct Drafting<'a> {
    plan: Plan,
    constants: Vec<(usize, Vec<f64>)>,
    grid: &'a Grid,
}

impl Drafting<'_> {
    /// Lays out dimensions and variables. For cells on a grid, gives their number.
    fn lay_out(&mut self, columns: &[Column]) -> Option<u64> {
        self.plan.attributes = attributes(&[("Conventions", "CF-1.8"), ("source", "Sunward")]);
        if let Some(cells) = self.cells_on_grid(columns) {
            return Some(cells);
        }
        let is_cells = columns.first().is_some_and(|c| c.name == "cell_id");
        let row = columns
            .iter()
            .find(|c| c.row_length == 1 && (c.name == TIME || c.name == "cell_id"));
        let row = row.map_or("row", |c| c.name.as_str()).to_owned();
        self.plan.dimensions.push((row, 0));
        let names: Vec<Vec<usize>> = columns
            .iter()
            .map(|c| {
                c.dims
                    .iter()
                    .map(|(name, length)| self.dimension(name, *length))
                    .collect()
            })
            .collect();
        self.coordinates(is_cells);
        for (column, dims) in columns.iter().zip(names) {
            let mut attributes = column.attributes.clone();
            if column.name == super::reader::VALUE {
                self.name_squeezed(&mut attributes);
            }
            if is_cells && !dims.is_empty() {
                attributes.0.push((
                    "coordinates".to_owned(),
                    Attribute::Text("lat lon".to_owned()),
                ));
            }
            self.plan.variables.push(Draft {
                name: column.file_name.clone(),
                dims: [vec![0], dims].concat(),
                attributes,
                kind: column.kind,
            });
        }
        None
    }

    /// `variable(time, lat, lon)`, when the columns are exactly the cells of a grid.
    fn cells_on_grid(&mut self, columns: &[Column]) -> Option<u64> {
        let (lat, lon) = (self.grid.lat.as_ref()?, self.grid.lon.as_ref()?);
        let [id, _, _, value] = columns else {
            return None;
        };
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        if names != ["cell_id", "lat", "lon", super::reader::VALUE] || id.row_length != 1 {
            return None;
        }
        let [(time, length)] = value.dims.as_slice() else {
            return None;
        };
        let time = self.dimension(time, *length);
        let place = [
            self.dimension("lat", lat.len()),
            self.dimension("lon", lon.len()),
        ];
        self.coordinates(false);
        let mut attributes = value.attributes.clone();
        self.name_squeezed(&mut attributes);
        self.plan.variables.push(Draft {
            name: value.file_name.clone(),
            dims: vec![time, place[0], place[1]],
            attributes,
            kind: value.kind,
        });
        Some(to_u64(lat.len()).saturating_mul(to_u64(lon.len())))
    }

    /// The dimension of this name and length; another name when the name is taken by another length.
    fn dimension(&mut self, name: &str, length: usize) -> usize {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let wanted = [name.to_owned(), format!("{name}_{length}")];
        for name in wanted {
            match self.plan.dimensions.iter().position(|(n, _)| *n == name) {
                Some(at) if self.plan.dimensions[at].1 == length => return at,
                Some(_) => {}
                None => {
                    self.plan.dimensions.push((name, length));
                    return self.plan.dimensions.len() - 1;
                }
            }
        }
        // Both names are taken by other lengths: a name with the place in it cannot be.
        self.plan
            .dimensions
            .push((format!("{name}_{}", self.plan.dimensions.len()), length));
        self.plan.dimensions.len() - 1
    }

    /// Writes the grid's coordinates, those whose dimensions the file has.
    fn coordinates(&mut self, rows_are_cells: bool) {
        let grid = self.grid;
        if !rows_are_cells {
            self.axis(
                "lat",
                grid.lat.as_deref(),
                grid.lat_bounds.as_deref(),
                ("latitude", "degrees_north", "Y"),
            );
            self.axis(
                "lon",
                grid.lon.as_deref(),
                grid.lon_bounds.as_deref(),
                ("longitude", "degrees_east", "X"),
            );
        }
        if let Some(time) = grid.time.as_ref().filter(|t| !t.values.is_empty()) {
            let attributes = attributes(&[
                ("standard_name", "time"),
                ("units", &time.units),
                ("calendar", &time.calendar),
                ("axis", "T"),
            ]);
            let name = grid.dims.first().map_or(TIME, String::as_str);
            self.constant(
                name,
                &[(name, time.values.len())],
                attributes,
                time.values.clone(),
            );
        }
        for (name, coordinate) in &grid.coordinates {
            let lengths: Option<Vec<(&str, usize)>> = coordinate
                .dims
                .iter()
                .map(|dim| {
                    let at = self.plan.dimensions.iter().find(|(n, _)| n == dim)?;
                    Some((dim.as_str(), usize::try_from(at.1).ok()?))
                })
                .collect();
            let Some(lengths) = lengths else { continue };
            let mut texts = Vec::new();
            texts.extend(
                coordinate
                    .standard_name
                    .as_deref()
                    .map(|t| ("standard_name", t)),
            );
            texts.extend(coordinate.units.as_deref().map(|t| ("units", t)));
            let values = coordinate
                .values
                .iter()
                .map(|v| v.unwrap_or(f64::NAN))
                .collect();
            self.constant(name, &lengths, attributes(&texts), values);
        }
        for (name, squeezed) in &grid.squeezed {
            if let Some(value) = squeezed.value {
                let texts: Vec<_> = squeezed
                    .units
                    .as_deref()
                    .map(|t| ("units", t))
                    .into_iter()
                    .collect();
                self.constant(name, &[], attributes(&texts), vec![value]);
            }
        }
    }

    fn axis(
        &mut self,
        name: &str,
        values: Option<&[f64]>,
        edges: Option<&[f64]>,
        cf: (&str, &str, &str),
    ) {
        let Some(values) = values else { return };
        let has_dimension = self
            .plan
            .dimensions
            .iter()
            .any(|(n, length)| n == name && usize::try_from(*length) == Ok(values.len()));
        if !has_dimension {
            return;
        }
        let bounds = format!("{name}_bnds");
        let mut texts = vec![("standard_name", cf.0), ("units", cf.1), ("axis", cf.2)];
        let edges = edges.filter(|e| e.len() == values.len() + 1);
        if edges.is_some() {
            texts.push(("bounds", &bounds));
        }
        self.constant(
            name,
            &[(name, values.len())],
            attributes(&texts),
            values.to_vec(),
        );
        if let Some(edges) = edges {
            let pairs = edges.windows(2).flatten().copied().collect();
            self.constant(
                &bounds,
                &[(name, values.len()), ("bnds", 2)],
                Attributes::default(),
                pairs,
            );
        }
    }

    /// A variable that does not depend on rows.
    fn constant(
        &mut self,
        name: &str,
        dims: &[(&str, usize)],
        attributes: Attributes,
        values: Vec<f64>,
    ) {
        let size: usize = dims.iter().map(|(_, length)| *length).product();
        if size != values.len() || self.plan.variables.iter().any(|v| v.name == name) {
            return;
        }
        let dims = dims
            .iter()
            .map(|(name, length)| self.dimension(name, *length))
            .collect();
        self.constants.push((self.plan.variables.len(), values));
        self.plan.variables.push(Draft {
            name: name.to_owned(),
            dims,
            attributes,
            kind: Kind::Double,
        });
    }

    /// Scalars and further coordinates belong to the data by CF's `coordinates` attribute.
    fn name_squeezed(&self, attributes: &mut Attributes) {
        let names: Vec<&str> = self
            .grid
            .squeezed
            .keys()
            .chain(self.grid.coordinates.keys())
            .map(String::as_str)
            .filter(|name| self.plan.variables.iter().any(|v| v.name == *name))
            .filter(|name| !self.plan.dimensions.iter().any(|(d, _)| d == name))
            .collect();
        if !names.is_empty() {
            attributes
                .0
                .push(("coordinates".to_owned(), Attribute::Text(names.join(" "))));
        }
    }
}

/// Attributes that are all text.
pub(super) fn attributes(texts: &[(&str, &str)]) -> Attributes {
    Attributes(
        texts
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Attribute::Text((*text).to_owned())))
            .collect(),
    )
}
