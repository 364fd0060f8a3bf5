//! Processes one block with a machine's widest instructions.

use super::block::{Block, Lane, Number, Weighing, apply};
use crate::vectors::Vectors;

/// Fills a block's targets with these instructions. `packed` is a buffer that is reused. It is not
/// a [`Work`](crate::vectors::Work): as arguments of the widened function itself, block and buffer
/// are known not to overlap, which saves a tenth of the time.
pub(super) fn fill_block<T: Number>(
    vectors: Vectors,
    weighing: &Weighing<'_>,
    block: &mut Block<'_, T>,
    packed: &mut Vec<Lane<T>>,
) {
    match vectors {
        Vectors::Baseline => apply(weighing, block, packed),
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2 => wide::avx2(weighing, block, packed),
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx512 => wide::avx512(weighing, block, packed),
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
    use proptest::prelude::*;

    use super::*;
    use crate::regrid::block::{LANES, NO_WEIGHT, ROUNDING};
    use crate::regrid::matrix::Matrix;
    use crate::regrid::tile::tiles;

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
                    fill_block(vectors, &weighing, &mut block, &mut Vec::new());
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
