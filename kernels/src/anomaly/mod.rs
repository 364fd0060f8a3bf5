//! `anomaly`: fields minus their mean over time, optionally weighted by latitude.

mod entry;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::Int64Type;
use arrow_schema::DataType;
use serde_json::Value as Json;
use sunward_workflows::catalog::KernelEntry;

use crate::grid::{Field, Grid};

use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params, Table};

/// Cells that one thread processes at a time.
const CHUNK_CELLS: usize = 4096;
/// The key in the grid's metadata that states how values were weighted.
pub(crate) const WEIGHT_KEY: &str = "weight";
/// The weighting under which a sum of squares counts each cell by its area.
pub(crate) const SQRT_COS_LAT: &str = "sqrt_cos_lat";

/// The kernel.
pub(crate) struct Anomaly {
    entry: KernelEntry,
}

impl Anomaly {
    pub(crate) fn new() -> Self {
        Self {
            entry: entry::entry(),
        }
    }
}

impl Kernel for Anomaly {
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
        let weighted = with.text("weight")? == SQRT_COS_LAT;
        let grid = if weighted {
            let mut grid = field.grid("field")?;
            grid.note(WEIGHT_KEY, Json::from(SQRT_COS_LAT));
            Some(grid)
        } else {
            None
        };
        let weights = grid.as_ref().map(sqrt_cos_lat);
        let mean = mean(&field, &base(&field, with)?, context)?;
        let schema = field.like(grid.as_ref());
        let mut batches = Vec::with_capacity(field.table.batches.len());
        for batch in field
            .table
            .batches
            .iter()
            .filter(|batch| batch.num_rows() > 0)
        {
            let values = field.values(batch);
            let mut out = vec![0.0; batch.num_rows() * field.size];
            context.for_chunks(&mut out, field.size, |row, out| {
                for (cell, out) in out.iter_mut().enumerate() {
                    let anomaly = values.get(row * field.size + cell) - mean[cell];
                    *out = weights.as_ref().map_or(anomaly, |w| anomaly * w[cell]);
                }
                Ok(())
            })?;
            batches.push(field.replaced(batch, &schema, field.kind.array(out))?);
        }
        Ok(Outputs::new().with("field", Table::new(schema, batches)))
    }
}

/// The square root of the cosine of each cell's latitude, at least 0.
pub(crate) fn sqrt_cos_lat(grid: &Grid) -> Vec<f64> {
    grid.lat
        .centers()
        .iter()
        .flat_map(|lat| {
            let weight = lat.to_radians().cos().clamp(0.0, 1.0).sqrt();
            std::iter::repeat_n(weight, grid.lon.len())
        })
        .collect()
}

/// By batch: which rows count in the mean.
fn base(field: &Field<'_>, with: &Params) -> Result<Vec<Vec<bool>>, KernelError> {
    let (from, to) = (
        with.optional_int("base_from")?,
        with.optional_int("base_to")?,
    );
    let filled: Vec<&RecordBatch> = field
        .table
        .batches
        .iter()
        .filter(|batch| batch.num_rows() > 0)
        .collect();
    if from.is_none() && to.is_none() {
        return Ok(filled
            .iter()
            .map(|batch| vec![true; batch.num_rows()])
            .collect());
    }
    let column = field
        .table
        .column("field", "year", "the year of a row, for the base period")?;
    let (from, to) = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
    let mut rows = Vec::with_capacity(filled.len());
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for batch in filled {
        let years = cast(batch.column(column), &DataType::Int64)?;
        let years = years.as_primitive::<Int64Type>();
        let years: Vec<Option<i64>> = years.iter().collect();
        for year in years.iter().flatten() {
            (first, last) = (first.min(*year), last.max(*year));
        }
        rows.push(
            years
                .iter()
                .map(|y| y.is_some_and(|y| (from..=to).contains(&y)))
                .collect(),
        );
    }
    if rows.iter().flatten().any(|in_base: &bool| *in_base) {
        return Ok(rows);
    }
    Err(KernelError::Input {
        port: "field".to_owned(),
        problem: "there is no row in the base period of `base_from` and `base_to`".to_owned(),
        expected: if first > last {
            "rows with years".to_owned()
        } else {
            format!("a base period within the years there are, {first} to {last}")
        },
    })
}

/// The mean of each cell over the rows of the base that are not missing; NaN if there are none.
/// Each cell is summed in row order in double precision, so the result does not depend on threads.
fn mean(field: &Field<'_>, base: &[Vec<bool>], context: &Context) -> Result<Vec<f64>, KernelError> {
    let mut mean = vec![0.0; field.size];
    let filled: Vec<&RecordBatch> = field
        .table
        .batches
        .iter()
        .filter(|batch| batch.num_rows() > 0)
        .collect();
    context.for_chunks(&mut mean, CHUNK_CELLS, |chunk, sums| {
        let mut counts = vec![0.0; sums.len()];
        for (batch, base) in filled.iter().zip(base) {
            let values = field.values(batch);
            for row in (0..batch.num_rows()).filter(|&row| base[row]) {
                let at = row * field.size + chunk * CHUNK_CELLS;
                for (cell, (sum, count)) in sums.iter_mut().zip(&mut counts).enumerate() {
                    let value = values.get(at + cell);
                    if !value.is_nan() {
                        *sum += value;
                        *count += 1.0;
                    }
                }
            }
        }
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum /= count;
        }
        Ok(())
    })?;
    Ok(mean)
}
