//! Eight rows at a time through the matrix: one read of a weight serves eight times.

use super::matrix::Matrix;

/// Rows of a block.
pub(super) const LANES: usize = 8;

/// One cell of eight rows.
pub(super) type Lane = [f64; LANES];

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

    /// Sums of weight times value over each target's links, and the weights of those that are not
    /// missing. `complete` promises that no value is NaN.
    pub(super) fn multiply(
        self,
        matrix: &Matrix,
        block: &[Lane],
        complete: bool,
        out: &mut [Sums],
    ) {
        match self {
            Self::Baseline => multiply(matrix, block, complete, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => wide::avx2(matrix, block, complete, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => wide::avx512(matrix, block, complete, out),
        }
    }
}

/// One target cell of eight rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    /// Weight times value.
    pub(super) values: Lane,
    /// Weight.
    pub(super) weights: Lane,
}

#[inline(always)]
fn multiply(matrix: &Matrix, block: &[Lane], complete: bool, out: &mut [Sums]) {
    for (target, out) in out.iter_mut().enumerate() {
        let links = matrix.starts[target]..matrix.starts[target + 1];
        let sources = &matrix.sources[links.clone()];
        let weights = &matrix.weights[links];
        let mut sums = Sums::default();
        if complete {
            for (&source, &weight) in sources.iter().zip(weights) {
                for (sum, value) in sums.values.iter_mut().zip(&block[source]) {
                    *sum += weight * value;
                }
            }
            sums.weights = [matrix.sums[target]; LANES];
        } else {
            for (&source, &weight) in sources.iter().zip(weights) {
                let lanes = sums.values.iter_mut().zip(&mut sums.weights);
                for ((sum, known), value) in lanes.zip(&block[source]) {
                    let missing = value.is_nan();
                    *sum += if missing { 0.0 } else { weight * value };
                    *known += if missing { 0.0 } else { weight };
                }
            }
        }
        *out = sums;
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "feature-gated calls; see SAFETY at each")]
mod wide {
    use super::{Lane, Matrix, Sums, multiply};

    pub(super) fn avx2(matrix: &Matrix, block: &[Lane], complete: bool, out: &mut [Sums]) {
        // SAFETY: `Vectors::Avx2` only exists where avx2 was detected.
        unsafe { with_avx2(matrix, block, complete, out) }
    }

    pub(super) fn avx512(matrix: &Matrix, block: &[Lane], complete: bool, out: &mut [Sums]) {
        // SAFETY: `Vectors::Avx512` only exists where avx512f was detected.
        unsafe { with_avx512(matrix, block, complete, out) }
    }

    #[target_feature(enable = "avx2")]
    fn with_avx2(matrix: &Matrix, block: &[Lane], complete: bool, out: &mut [Sums]) {
        multiply(matrix, block, complete, out);
    }

    #[target_feature(enable = "avx512f")]
    fn with_avx512(matrix: &Matrix, block: &[Lane], complete: bool, out: &mut [Sums]) {
        multiply(matrix, block, complete, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_vector_width_gives_the_same_bits_as_a_plain_loop(
            links in prop::collection::vec((0_usize..9, 0_usize..20, -2.0..2.0_f64), 0..80),
            values in prop::collection::vec(prop_oneof![4 => -1e3..1e3_f64, 1 => Just(f64::NAN)], 160),
        ) {
            let block: Vec<Lane> = values.as_chunks::<LANES>().0.to_vec();
            let complete = values.iter().all(|v| !v.is_nan());
            let matrix = Matrix::new(9, links);
            let mut expected = vec![Sums::default(); 9];
            for (target, sums) in expected.iter_mut().enumerate() {
                for link in matrix.starts[target]..matrix.starts[target + 1] {
                    for (lane, &value) in block[matrix.sources[link]].iter().enumerate() {
                        if !value.is_nan() {
                            sums.values[lane] += matrix.weights[link] * value;
                            sums.weights[lane] += matrix.weights[link];
                        }
                    }
                }
            }
            for vectors in Vectors::available() {
                let mut out = vec![Sums::default(); 9];
                vectors.multiply(&matrix, &block, complete, &mut out);
                prop_assert_eq!(&out, &expected, "{:?}", vectors);
            }
        }
    }
}
