//! Sixteen rows at a time through the matrix: one read of a weight serves sixteen times.

use std::array::from_fn;

use super::matrix::Matrix;
use super::tile::Tile;

/// Rows of a block. Sixteen values of 32 bits are one cache line.
pub(super) const LANES: usize = 16;
/// A sum of weights below this is no weight at all.
const NO_WEIGHT: f64 = 1e-12;
/// How much a sum of weights that should be whole may fall short by rounding.
const ROUNDING: f64 = 1e-9;

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
    /// Smallest sum of weights, of values that are not missing, for which a target has a value.
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

/// Which instructions multiply. All do the same operations in the same order (never fused), hence
/// give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vectors {
    /// Whatever the compiler may assume everywhere.
    Baseline,
    /// 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    /// The widest that this machine has.
    pub(super) fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Self::Baseline)
    }

    /// All that this machine has, narrowest first.
    pub(super) fn available() -> Vec<Self> {
        let mut all = vec![Self::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                all.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                all.push(Self::Avx512);
            }
        }
        all
    }

    /// Fills a block's targets. `packed` is room that is used again and again.
    pub(super) fn apply<T: Number>(
        self,
        weighing: &Weighing<'_>,
        block: &mut Block<'_, T>,
        packed: &mut Vec<Lane<T>>,
    ) {
        match self {
            Self::Baseline => apply(weighing, block, packed),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => wide::avx2(weighing, block, packed),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => wide::avx512(weighing, block, packed),
        }
    }
}

#[inline(always)]
fn apply<T: Number>(weighing: &Weighing<'_>, block: &mut Block<'_, T>, packed: &mut Vec<Lane<T>>) {
    let complete = pack(&block.sources, packed);
    let targets = block.tile.targets.clone();
    for first in targets.clone().step_by(LANES) {
        // Lines of a square are written row by row: what goes to one row lies side by side.
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

/// Rows side by side, cell after cell, and whether none of their values is missing.
#[inline(always)]
fn pack<T: Number>(rows: &[&[T]], packed: &mut Vec<Lane<T>>) -> bool {
    packed.clear();
    let Some(&last) = rows.last() else {
        return true;
    };
    // Where there are fewer rows than lanes, the last is there several times.
    let rows: [&[T]; LANES] = from_fn(|i| rows.get(i).copied().unwrap_or(last));
    let squares: [&[Lane<T>]; LANES] = rows.map(|row| row.as_chunks().0);
    let rests: [&[T]; LANES] = rows.map(|row| row.as_chunks::<LANES>().1);
    let mut complete = true;
    for at in 0..squares[0].len() {
        let square = squares.map(|row| row[at]);
        complete &= square.iter().all(is_complete);
        packed.extend_from_slice(&transposed(&square));
    }
    for at in 0..rests[0].len() {
        let lane = rests.map(|row| row[at]);
        complete &= is_complete(&lane);
        packed.push(lane);
    }
    complete
}

#[inline(always)]
fn is_complete<T: Number>(lane: &Lane<T>) -> bool {
    // Without an early end, which would keep it from being one comparison of all.
    lane.iter()
        .fold(true, |complete, &value| complete & !value.into().is_nan())
}

#[inline(always)]
fn transposed<T: Number>(square: &[Lane<T>; LANES]) -> [Lane<T>; LANES] {
    from_fn(|i| from_fn(|j| square[j][i]))
}

impl Weighing<'_> {
    /// One target of all rows: the mean of its sources that are not missing, by weight. `packed`
    /// begins with source cell `origin`; `complete` promises that no value in it is NaN.
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
        from_fn(|row| {
            let enough = known[row] > NO_WEIGHT && known[row] + ROUNDING >= self.min_valid;
            T::nearest(if enough {
                sums[row] / known[row]
            } else {
                f64::NAN
            })
        })
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "feature-gated calls; see SAFETY at each")]
mod wide {
    use super::{Block, Lane, Number, Weighing, apply};

    pub(super) fn avx2<T: Number>(
        weighing: &Weighing<'_>,
        block: &mut Block<'_, T>,
        packed: &mut Vec<Lane<T>>,
    ) {
        // SAFETY: `Vectors::Avx2` only exists where avx2 was detected.
        unsafe { with_avx2(weighing, block, packed) }
    }

    pub(super) fn avx512<T: Number>(
        weighing: &Weighing<'_>,
        block: &mut Block<'_, T>,
        packed: &mut Vec<Lane<T>>,
    ) {
        // SAFETY: `Vectors::Avx512` only exists where avx512f was detected.
        unsafe { with_avx512(weighing, block, packed) }
    }

    #[target_feature(enable = "avx2")]
    fn with_avx2<T: Number>(
        weighing: &Weighing<'_>,
        block: &mut Block<'_, T>,
        packed: &mut Vec<Lane<T>>,
    ) {
        apply(weighing, block, packed);
    }

    #[target_feature(enable = "avx512f")]
    fn with_avx512<T: Number>(
        weighing: &Weighing<'_>,
        block: &mut Block<'_, T>,
        packed: &mut Vec<Lane<T>>,
    ) {
        apply(weighing, block, packed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regrid::tile::tiles;
    use proptest::prelude::*;

    /// One cell of one row, by the book.
    fn plain<T: Number>(weighing: &Weighing<'_>, target: usize, row: &[T]) -> T {
        let (mut sum, mut known) = (0.0, 0.0);
        let matrix = weighing.matrix;
        for link in matrix.starts[target]..matrix.starts[target + 1] {
            let value: f64 = row[matrix.sources[link]].into();
            if !value.is_nan() {
                sum += matrix.weights[link] * value;
                known += matrix.weights[link];
            }
        }
        let enough = known > NO_WEIGHT && known + ROUNDING >= weighing.min_valid;
        T::nearest(if enough { sum / known } else { f64::NAN })
    }

    fn bits<T: Number>(values: &[T]) -> Vec<u64> {
        // Which NaN a processor gives is no matter.
        let bits = |&value: &T| {
            let value: f64 = value.into();
            if value.is_nan() {
                u64::MAX
            } else {
                value.to_bits()
            }
        };
        values.iter().map(bits).collect()
    }

    /// Every width of vectors, and every cut into tiles, must give the bits of a plain loop.
    fn check<T: Number>(matrix: &Matrix, min_valid: f64, rows: &[Vec<T>]) {
        let weighing = Weighing { matrix, min_valid };
        let expected = rows
            .iter()
            .map(|row| (0..matrix.targets()).map(|target| plain(&weighing, target, row)));
        let expected: Vec<Vec<T>> = expected.map(Iterator::collect).collect();
        for vectors in Vectors::available() {
            for wanted in [1, 2, 5] {
                let mut found = vec![vec![T::default(); matrix.targets()]; rows.len()];
                for tile in &tiles(matrix, wanted) {
                    let sources = rows.iter().map(|row| &row[tile.sources.clone()]);
                    let targets = found.iter_mut().map(|row| &mut row[tile.targets.clone()]);
                    let mut block = Block {
                        tile,
                        sources: sources.collect(),
                        targets: targets.collect(),
                    };
                    vectors.apply(&weighing, &mut block, &mut Vec::new());
                }
                for (found, expected) in found.iter().zip(&expected) {
                    assert_eq!(bits(found), bits(expected), "{vectors:?}, {wanted} tiles");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_vector_width_and_tiling_gives_the_bits_of_a_plain_loop(
            links in prop::collection::vec((0_usize..37, 0_usize..40, -1.0..2.0_f64), 0..160),
            gaps in prop::bool::ANY,
            min_valid in prop_oneof![Just(0.0), Just(0.5)],
            rows in prop::collection::vec(
                prop::collection::vec(prop_oneof![9 => -1e3..1e3_f64, 1 => Just(f64::NAN)], 40),
                1..=LANES,
            ),
        ) {
            let matrix = Matrix::new(37, links);
            let known = |x: f64| if gaps || !x.is_nan() { x } else { 7.0 };
            let rows: Vec<Vec<f64>> = rows
                .into_iter()
                .map(|row| row.into_iter().map(known).collect())
                .collect();
            check(&matrix, min_valid, &rows);
            let narrow = |row: &Vec<f64>| row.iter().map(|&x| f32::nearest(x)).collect();
            check::<f32>(&matrix, min_valid, &rows.iter().map(narrow).collect::<Vec<_>>());
        }
    }
}
