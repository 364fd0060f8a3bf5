//! Applies the matrix to sixteen rows at a time: one read of a weight serves sixteen times.

use super::matrix::Matrix;
use super::tile::Tile;

/// Rows of a block. Sixteen values of 32 bits are one cache line.
pub(super) const LANES: usize = 16;
/// A smaller sum of weights counts as none.
pub(super) const NO_WEIGHT: f64 = 1e-12;
/// How much a full sum of weights may fall short by rounding.
pub(super) const ROUNDING: f64 = 1e-9;

/// One cell of all rows.
pub(super) type Lane<T> = [T; LANES];

/// A field's own number type.
pub(super) trait Number: Copy + Default + Send + Sync + Into<f64> {
    /// The nearest number of this type.
    fn nearest(value: f64) -> Self;
}

impl Number for f32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding to the field's own type is wanted"
    )]
    fn nearest(value: f64) -> Self {
        value as Self
    }
}

impl Number for f64 {
    fn nearest(value: f64) -> Self {
        value
    }
}

/// What is the same for all blocks.
pub(super) struct Weighing<'a> {
    pub(super) matrix: &'a Matrix,
    /// The least sum of weights of non-missing values for which a target has a value.
    pub(super) min_valid: f64,
}

/// Some targets of up to [`LANES`] rows.
pub(super) struct Block<'a, T> {
    pub(super) tile: &'a Tile,
    /// By row: the tile's source cells.
    pub(super) sources: Vec<&'a [T]>,
    /// By row: the tile's targets.
    pub(super) targets: Vec<&'a mut [T]>,
}

/// Fills a block's targets. `packed` is a buffer that is reused.
#[inline(always)]
pub(super) fn apply<T: Number>(
    weighing: &Weighing<'_>,
    block: &mut Block<'_, T>,
    packed: &mut Vec<Lane<T>>,
) {
    let complete = pack(&block.sources, packed);
    let targets = block.tile.targets.clone();
    for first in targets.clone().step_by(LANES) {
        // Results are written in squares, row by row, so that each row's values are contiguous.
        let mut square = [[T::default(); LANES]; LANES];
        let count = LANES.min(targets.end - first);
        for (target, line) in (first..first + count).zip(&mut square) {
            *line = weighing.target(target, block.tile.sources.start, packed, complete);
        }
        let square = transposed(&square);
        let at = first - targets.start;
        for (row, line) in block.targets.iter_mut().zip(&square) {
            row[at..at + count].copy_from_slice(&line[..count]);
        }
    }
}

/// Interleaves rows, cell after cell. Returns whether no value is missing.
#[inline(always)]
fn pack<T: Number>(rows: &[&[T]], packed: &mut Vec<Lane<T>>) -> bool {
    packed.clear();
    let Some(&last) = rows.last() else {
        return true;
    };
    // With fewer rows than lanes, the last row is repeated.
    let mut all = [last; LANES];
    all[..rows.len()].copy_from_slice(rows);
    let mut complete = true;
    let (squares, rest) = (last.len() / LANES, last.len() % LANES);
    for at in 0..squares {
        let mut square = [[T::default(); LANES]; LANES];
        for (line, row) in square.iter_mut().zip(&all) {
            line.copy_from_slice(&row[at * LANES..][..LANES]);
            complete &= is_complete(line);
        }
        packed.extend_from_slice(&transposed(&square));
    }
    for at in last.len() - rest..last.len() {
        let mut lane = [T::default(); LANES];
        for (value, row) in lane.iter_mut().zip(&all) {
            *value = row[at];
        }
        complete &= is_complete(&lane);
        packed.push(lane);
    }
    complete
}

#[inline(always)]
fn is_complete<T: Number>(lane: &Lane<T>) -> bool {
    // Without early exit, so that it compiles to one comparison of all lanes.
    lane.iter()
        .fold(true, |complete, &value| complete & !value.into().is_nan())
}

#[inline(always)]
fn transposed<T: Number>(square: &[Lane<T>; LANES]) -> [Lane<T>; LANES] {
    // Plain loops: the closures of `array::from_fn` are not always inlined into the wider
    // instructions, which would halve the speed.
    let mut turned = [[T::default(); LANES]; LANES];
    for (at, line) in turned.iter_mut().enumerate() {
        for (value, row) in line.iter_mut().zip(square) {
            *value = row[at];
        }
    }
    turned
}

impl Weighing<'_> {
    /// One target of all rows: the weighted mean of its non-missing sources. `packed` begins with
    /// source cell `origin`; `complete` promises that it contains no NaN.
    #[inline(always)]
    fn target<T: Number>(
        &self,
        target: usize,
        origin: usize,
        packed: &[Lane<T>],
        complete: bool,
    ) -> Lane<T> {
        let links = self.matrix.starts[target]..self.matrix.starts[target + 1];
        let sources = &self.matrix.sources[links.clone()];
        let weights = &self.matrix.weights[links];
        let links = sources.iter().zip(weights);
        let mut sums = [0.0; LANES];
        let mut known = [0.0; LANES];
        if complete {
            for (&source, &weight) in links {
                for (sum, &value) in sums.iter_mut().zip(&packed[source - origin]) {
                    *sum += weight * value.into();
                }
            }
            known = [self.matrix.sums[target]; LANES];
        } else {
            for (&source, &weight) in links {
                let lanes = sums.iter_mut().zip(&mut known);
                for ((sum, known), &value) in lanes.zip(&packed[source - origin]) {
                    let value = value.into();
                    let missing = value.is_nan();
                    *sum += if missing { 0.0 } else { weight * value };
                    *known += if missing { 0.0 } else { weight };
                }
            }
        }
        let mut means = [T::default(); LANES];
        for (mean, (sum, known)) in means.iter_mut().zip(sums.iter().zip(&known)) {
            let enough = *known > NO_WEIGHT && known + ROUNDING >= self.min_valid;
            *mean = T::nearest(if enough { sum / known } else { f64::NAN });
        }
        means
    }
}
