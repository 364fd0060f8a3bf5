//! `eof`: leading patterns of variability, from the eigenvectors of the T × T Gram matrix.

mod decompose;
mod entry;
mod tables;

use arrow::array::RecordBatch;
use sunward_workflows::catalog::KernelEntry;

use self::decompose::{Modes, gram};
use crate::anomaly::{SQRT_COS_LAT, WEIGHT_KEY, sqrt_cos_lat};
use crate::grid::{Field, Grid};
use crate::table::wide;
use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params};

/// The most rows. A Gram matrix of 4096 × 4096 doubles has 128 MiB, and its eigenvectors take
/// minutes.
const MAX_ROWS: usize = 4096;
/// Smaller weights are those of a pole; dividing by them would only amplify rounding errors.
const NO_WEIGHT: f64 = 1e-6;

/// The kernel.
pub(crate) struct Eof {
    entry: KernelEntry,
}

impl Eof {
    pub(crate) fn new() -> Self {
        Self {
            entry: entry::entry(),
        }
    }
}

impl Kernel for Eof {
    fn entry(&self) -> &KernelEntry {
        &self.entry
    }

    fn run(
        &self,
        inputs: &Inputs,
        with: &Params,
        context: &Context,
    ) -> Result<Outputs, KernelError> {
        inputs.check(&self.entry)?;
        let field = Field::read(inputs, &self.entry, "field")?;
        let anchor = Anchor::read(&field, with)?;
        let cells = complete_cells(&field)?;
        let data = Data::new(&field, cells);
        let n = with.count("n")?;
        if n > data.rows {
            return Err(with.wrong("n", &format!("at most {}, the number of rows", data.rows)));
        }
        let gram = gram(&data.values, data.rows, context)?;
        let mut modes = Modes::of(gram, data.rows, n);
        let patterns = modes.oriented_patterns(&data, anchor.as_ref())?;
        let weights = weights(&field)?;
        let patterns: Vec<Vec<f64>> = patterns
            .into_iter()
            .map(|pattern| data.spread(field.size, &pattern, weights.as_deref()))
            .collect();
        tables::outputs(&field, &modes, patterns)
    }
}

/// The complete cells of all rows.
struct Data {
    /// Rows.
    rows: usize,
    /// The indices of the cells.
    cells: Vec<usize>,
    /// The values, row by row.
    values: Vec<f64>,
}

impl Data {
    fn new(field: &Field<'_>, cells: Vec<usize>) -> Self {
        let mut values = Vec::with_capacity(field.table.rows() * cells.len());
        for (batch, row) in rows(field) {
            let all = field.values(batch);
            values.extend(cells.iter().map(|&cell| all.get(row * field.size + cell)));
        }
        Self {
            rows: field.table.rows(),
            cells,
            values,
        }
    }

    /// A pattern over all cells: NaN where a cell was left out, with weights removed.
    fn spread(&self, size: usize, pattern: &[f64], weights: Option<&[f64]>) -> Vec<f64> {
        let mut all = vec![f64::NAN; size];
        for (&cell, &value) in self.cells.iter().zip(pattern) {
            match weights.map(|weights| weights[cell]) {
                None => all[cell] = value,
                Some(weight) if weight > NO_WEIGHT => all[cell] = value / weight,
                Some(_) => {}
            }
        }
        all
    }
}

/// All rows, each with its batch.
fn rows<'a>(field: &'a Field<'_>) -> impl Iterator<Item = (&'a RecordBatch, usize)> {
    let batches = field.table.batches.iter();
    batches.flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)))
}

/// The cells that have a value in every row.
fn complete_cells(field: &Field<'_>) -> Result<Vec<usize>, KernelError> {
    let count = field.table.rows();
    let wrong = |problem: String, expected: &str| KernelError::Input {
        port: "field".to_owned(),
        problem,
        expected: expected.to_owned(),
    };
    if count < 2 {
        return Err(wrong(format!("it has {count} rows"), "at least 2 times"));
    }
    if count > MAX_ROWS {
        return Err(KernelError::TooLarge {
            what: "`field`, in rows,".to_owned(),
            found: wide(count),
            limit: wide(MAX_ROWS),
        });
    }
    let mut complete = vec![true; field.size];
    for (batch, row) in rows(field) {
        let values = field.values(batch);
        for (cell, complete) in complete.iter_mut().enumerate() {
            *complete &= values.get(row * field.size + cell).is_finite();
        }
    }
    let cells: Vec<usize> = (0..field.size).filter(|&cell| complete[cell]).collect();
    if cells.is_empty() {
        return Err(wrong(
            "every cell is missing in some row".to_owned(),
            "at least one cell with a value in all rows",
        ));
    }
    Ok(cells)
}

/// The weights by which the field was multiplied, as it states.
fn weights(field: &Field<'_>) -> Result<Option<Vec<f64>>, KernelError> {
    let noted = crate::grid::object(field.table, "field").ok();
    let noted = noted.and_then(|object| object.get(WEIGHT_KEY).cloned());
    match noted {
        Some(kind) if kind == SQRT_COS_LAT => Ok(Some(sqrt_cos_lat(&field.grid("field")?))),
        _ => Ok(None),
    }
}

/// The cell that orients mode 1.
struct Anchor {
    cell: usize,
    negative: bool,
    place: (f64, f64),
}

impl Anchor {
    fn read(field: &Field<'_>, with: &Params) -> Result<Option<Self>, KernelError> {
        let place = (
            with.optional_float("anchor_lat")?,
            with.optional_float("anchor_lon")?,
        );
        let (lat, lon) = match place {
            (None, None) => return Ok(None),
            (Some(lat), Some(lon)) => (lat, lon),
            (None, Some(_)) => return Err(with.wrong("anchor_lat", "given, as `anchor_lon` is")),
            (Some(_), None) => return Err(with.wrong("anchor_lon", "given, as `anchor_lat` is")),
        };
        let grid: Grid = field.grid("field")?;
        let row = grid.lat.nearest(lat, false);
        let column = grid.lon.nearest(lon, true);
        Ok(Some(Self {
            cell: row * grid.lon.len() + column,
            negative: with.text("anchor_sign")? == "negative",
            place: (lat, lon),
        }))
    }
}
