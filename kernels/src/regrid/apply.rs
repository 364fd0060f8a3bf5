//! `regrid_apply`: fields on another grid, by weights that are given or computed here.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type};
use sunward_workflows::catalog::KernelEntry;

use super::block::{Block, LANES, Lane, Number, Weighing};
use super::entry;
use super::matrix::Matrix;
use super::tile::{Tile, tiles};
use super::vectors::fill_block;
use super::weights::{links, made_for_another_grid, required_target};
use crate::device::{Plain, Source};
use crate::grid::{Field, FloatKind, GRID_KEY, Grid, target};
use crate::vectors::Vectors;
use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params, Table};

/// Packed sources of one tile: half the usual second-level cache of a core.
const TILE_BYTES: usize = 512 << 10;
/// The least number of blocks for each thread, so that all end at about the same time.
const BLOCKS_A_THREAD: usize = 4;

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

    fn sources(&self) -> Vec<Source> {
        vec![super::device::source()]
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
        let weighing = Weighing {
            matrix: &matrix,
            min_valid: with.float("min_valid")?,
        };
        let batches: Vec<&RecordBatch> = (field.table.batches.iter())
            .filter(|batch| batch.num_rows() > 0)
            .collect();
        let values = match field.kind {
            FloatKind::Single => moved::<Float32Type>(&field, &batches, &weighing, context)?,
            FloatKind::Double => moved::<Float64Type>(&field, &batches, &weighing, context)?,
        };
        let moved = batches.into_iter().zip(values);
        let batches: Result<_, _> = moved
            .map(|(batch, values)| field.replaced(batch, &schema, values))
            .collect();
        Ok(Outputs::new().with("field", Table::new(schema, batches?)))
    }
}

/// The weights of the input, and their target grid.
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
                problem:
                    "the weights lead to a different grid from the one that the parameters name"
                        .to_owned(),
                expected: "no grid under `with:`, or the grid that the weights were made for"
                    .to_owned(),
            });
        }
    };
    let matrix = Matrix::read(weights, from.cells(), to.cells())?;
    Ok((matrix, to))
}

/// By batch: all target values, row by row.
fn moved<P>(
    field: &Field<'_>,
    batches: &[&RecordBatch],
    weighing: &Weighing<'_>,
    context: &Context,
) -> Result<Vec<ArrayRef>, KernelError>
where
    P: ArrowPrimitiveType,
    P::Native: Number + Plain,
{
    let targets = weighing.matrix.targets();
    let mut out: Vec<Vec<P::Native>> = (batches.iter())
        .map(|batch| vec![P::Native::default(); batch.num_rows() * targets])
        .collect();
    if let Some(device) = context.device() {
        let rows = (batches.iter()).map(|batch| field.numbers::<P>(batch));
        super::device::fill(device, weighing, field.size, rows, &mut out, context)?;
        return Ok(arrays::<P>(out));
    }
    let blocks = batches.iter().map(|b| b.num_rows().div_ceil(LANES)).sum();
    let lane_bytes = size_of::<Lane<P::Native>>();
    let tiles = tiles(
        weighing.matrix,
        wanted_tiles(field.size * lane_bytes, blocks, context.threads()),
    );
    let mut work = Vec::with_capacity(blocks * tiles.len());
    for (batch, out) in batches.iter().zip(&mut out) {
        let values = field.numbers::<P>(batch);
        let rows = values.chunks(LANES * field.size);
        for (rows, out) in rows.zip(out.chunks_mut(LANES * targets)) {
            let rows: Vec<_> = rows.chunks(field.size).collect();
            work.extend(blocks_of(&tiles, &rows, out.chunks_mut(targets)));
        }
    }
    fill(work, weighing, context)?;
    Ok(arrays::<P>(out))
}

fn arrays<P: ArrowPrimitiveType>(values: Vec<Vec<P::Native>>) -> Vec<ArrayRef> {
    let arrays = values.into_iter().map(|values| {
        let array = PrimitiveArray::<P>::new(values.into(), None);
        Arc::new(array) as ArrayRef
    });
    arrays.collect()
}

/// Fills the targets of all blocks, on the allowed threads.
fn fill<T: Number>(
    mut blocks: Vec<Block<'_, T>>,
    weighing: &Weighing<'_>,
    context: &Context,
) -> Result<(), KernelError> {
    let vectors = Vectors::detect();
    // Few enough blocks in a step that threads end together, and several so that they share packed
    // sources.
    let step = (blocks.len() / (context.threads() * 16)).clamp(1, 16);
    context.for_chunks(&mut blocks, step, |_, blocks| {
        let mut packed = Vec::new();
        for block in blocks {
            fill_block(vectors, weighing, block, &mut packed);
        }
        Ok(())
    })
}

/// The number of tiles for which the packed sources of one fit the cache, and every thread has work
/// if there are few rows.
fn wanted_tiles(packed_bytes: usize, blocks: usize, threads: usize) -> usize {
    let for_cache = packed_bytes.div_ceil(TILE_BYTES);
    let for_threads = match threads {
        1 => 1,
        threads => (threads * BLOCKS_A_THREAD).div_ceil(blocks.max(1)),
    };
    for_cache.max(for_threads)
}

/// Some rows and their targets, one block for each tile.
fn blocks_of<'a, T: Number>(
    tiles: &'a [Tile],
    rows: &[&'a [T]],
    targets: impl Iterator<Item = &'a mut [T]>,
) -> Vec<Block<'a, T>> {
    let mut rest: Vec<&mut [T]> = targets.collect();
    let block = |tile: &'a Tile| {
        let split = rest
            .iter_mut()
            .map(|row| row.split_off_mut(..tile.targets.len()).unwrap_or_default());
        Block {
            tile,
            targets: split.collect(),
            sources: rows.iter().map(|row| &row[tile.sources.clone()]).collect(),
        }
    };
    tiles.iter().map(block).collect()
}
