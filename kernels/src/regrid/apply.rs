//! `regrid_apply`: fields onto another grid, by weights given or made here.

use arrow::array::RecordBatch;
use sunward_workflows::catalog::KernelEntry;

use super::block::{LANES, Lane, Sums, Vectors};
use super::entry;
use super::matrix::Matrix;
use super::weights::{links, made_for_another_grid, required_target};
use crate::grid::{Field, GRID_KEY, Grid, Values, target};
use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params, Table};

/// A sum of weights below this is no weight at all.
const NO_WEIGHT: f64 = 1e-12;
/// How much a sum of weights that should be whole may fall short by rounding.
const ROUNDING: f64 = 1e-9;

/// The kernel.
pub(crate) struct RegridApply {
    entry: KernelEntry,
}

impl RegridApply {
    pub(crate) fn new() -> Self {
        Self {
            entry: entry::apply(),
        }
    }
}

impl Kernel for RegridApply {
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
        let from = field.grid("field")?;
        let (matrix, to) = match inputs.get("weights") {
            Some(weights) => given(weights, &from, with)?,
            None => {
                let to = required_target(with)?;
                let links = links(with.text("method")?, &from, &to);
                (Matrix::new(to.cells(), links), to)
            }
        };
        let to = from.moved_to(&to);
        let shape = [to.lat.len(), to.lon.len()];
        let dims = Some(vec!["lat".to_owned(), "lon".to_owned()]);
        let schema = field.schema(field.kind, &shape, dims, Some(&to))?;
        let work = Work {
            field: &field,
            matrix: &matrix,
            min_valid: with.float("min_valid")?,
            vectors: Vectors::detect(),
        };
        let mut batches = Vec::with_capacity(field.table.batches.len());
        for batch in field
            .table
            .batches
            .iter()
            .filter(|batch| batch.num_rows() > 0)
        {
            let values = field.kind.array(work.batch(batch, context)?);
            batches.push(field.replaced(batch, &schema, values)?);
        }
        Ok(Outputs::new().with("field", Table::new(schema, batches)))
    }
}

/// Weights from the input, and the grid that they lead to.
fn given(weights: &Table, from: &Grid, with: &Params) -> Result<(Matrix, Grid), KernelError> {
    if made_for_another_grid(weights, from) {
        return Err(KernelError::Mismatch {
            first: "field".to_owned(),
            second: "weights".to_owned(),
            problem: "the weights were made for a grid with other coordinates".to_owned(),
            expected: "weights that `regrid_weights` made from this field's grid".to_owned(),
        });
    }
    let wanted = target(with)?;
    let told = weights
        .schema
        .metadata()
        .contains_key(GRID_KEY)
        .then(|| Grid::read(weights, "weights"))
        .transpose()?;
    let to = match (told, wanted) {
        (Some(told), None) => told,
        (Some(told), Some(wanted)) if told.lat == wanted.lat && told.lon == wanted.lon => told,
        (None, Some(wanted)) => wanted,
        (None, None) => required_target(with)?,
        (Some(_), Some(_)) => {
            return Err(KernelError::Mismatch {
                first: "weights".to_owned(),
                second: "with".to_owned(),
                problem: "the weights lead to another grid than the parameters name".to_owned(),
                expected: "no grid under `with:`, or the one the weights were made for".to_owned(),
            });
        }
    };
    let matrix = Matrix::read(weights, from.cells(), to.cells())?;
    Ok((matrix, to))
}

/// What one batch needs.
struct Work<'a> {
    field: &'a Field<'a>,
    matrix: &'a Matrix,
    min_valid: f64,
    vectors: Vectors,
}

impl Work<'_> {
    /// All target values of a batch, row after row.
    fn batch(&self, batch: &RecordBatch, context: &Context) -> Result<Vec<f64>, KernelError> {
        let rows = batch.num_rows();
        let targets = self.matrix.targets();
        let values = self.field.values(batch);
        let mut out = vec![f64::NAN; rows * targets];
        context.for_chunks(&mut out, LANES * targets, |block, out| {
            self.block(values, block * LANES, out);
            Ok(())
        })?;
        Ok(out)
    }

    /// Up to eight rows.
    fn block(&self, values: Values<'_>, first: usize, out: &mut [f64]) {
        let targets = self.matrix.targets();
        let rows = out.len() / targets;
        let (block, complete) = pack(values, self.field.size, first, rows);
        let mut sums = vec![Sums::default(); targets];
        self.vectors
            .multiply(self.matrix, &block, complete, &mut sums);
        for (row, out) in out.chunks_exact_mut(targets).enumerate() {
            for (out, sums) in out.iter_mut().zip(&sums) {
                let weight = sums.weights[row];
                if weight > NO_WEIGHT && weight + ROUNDING >= self.min_valid {
                    *out = sums.values[row] / weight;
                }
            }
        }
    }
}

/// Rows side by side, cell after cell, and whether none of their values is missing.
fn pack(values: Values<'_>, size: usize, first: usize, rows: usize) -> (Vec<Lane>, bool) {
    let mut block = vec![[0.0; LANES]; size];
    let mut complete = true;
    for row in 0..rows {
        let cells = (first + row) * size..(first + row + 1) * size;
        match values {
            Values::Single(values) => {
                for (lane, &value) in block.iter_mut().zip(&values[cells]) {
                    lane[row] = f64::from(value);
                    complete &= !value.is_nan();
                }
            }
            Values::Double(values) => {
                for (lane, &value) in block.iter_mut().zip(&values[cells]) {
                    lane[row] = value;
                    complete &= !value.is_nan();
                }
            }
        }
    }
    (block, complete)
}
