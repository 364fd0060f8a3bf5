//! Counts bits of fingerprints: one scalar definition, and SIMD twins that are chosen at run time.

use super::fold::{Fold, words};
use super::reach::Reach;
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};

/// The instructions that count. All give the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popcount {
    /// Plain Rust.
    Scalar,
    /// AVX2: nibble tables.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 with VPOPCNTDQ.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Popcount {
    /// The fastest one of this machine.
    pub(crate) fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Self::Scalar)
    }

    /// All of this machine, slowest first.
    pub(crate) fn available() -> Vec<Self> {
        let mut all = vec![Self::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                all.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq") {
                all.push(Self::Avx512);
            }
        }
        all
    }

    /// Bits common to two fingerprints of the same width.
    pub(crate) fn common(self, a: &[u8], b: &[u8]) -> u32 {
        debug_assert_eq!(a.len(), b.len());
        match self {
            Self::Scalar => common(a, b),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::common(a, b),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::common(a, b),
        }
    }

    /// For each row: the bits in common with the query, and its own bits.
    pub(crate) fn scan(self, query: &[u8], rows: &[u8], common: &mut [u32], own: &mut [u32]) {
        debug_assert_eq!(rows.len(), query.len() * common.len());
        debug_assert_eq!(common.len(), own.len());
        match self {
            Self::Scalar => scan(query, rows, common, own),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::scan(query, rows, common, own),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::scan(query, rows, common, own),
        }
    }

    /// For each row of `width` bytes: its own bits and its fold.
    pub(crate) fn digest(self, rows: &[u8], width: usize, own: &mut [u32], folds: &mut [Fold]) {
        debug_assert_eq!(rows.len(), width * own.len());
        debug_assert_eq!(folds.len(), own.len());
        match self {
            Self::Scalar => digest(rows, width, own, folds),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::digest(rows, width, own, folds),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::digest(rows, width, own, folds),
        }
    }

    /// The indices of all rows that may reach a ratio.
    pub(crate) fn select(self, test: &Reach, common: &[u32], own: &[u32], out: &mut Vec<usize>) {
        debug_assert_eq!(common.len(), own.len());
        match self {
            Self::Scalar => test.select(common, own, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::select(test, common, own, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::select(test, common, own, out),
        }
    }

    /// For each fold: the bits in common with the query's fold.
    pub(crate) fn folded(self, query: &Fold, folds: &[Fold], common: &mut [u32]) {
        debug_assert_eq!(folds.len(), common.len());
        match self {
            Self::Scalar => folded(query, folds, common),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::folded(query, folds, common),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::folded(query, folds, common),
        }
    }
}

fn common(a: &[u8], b: &[u8]) -> u32 {
    words(a)
        .zip(words(b))
        .map(|(x, y)| (x & y).count_ones())
        .sum()
}

fn scan(query: &[u8], rows: &[u8], shared: &mut [u32], own: &mut [u32]) {
    let rows = rows.chunks_exact(query.len());
    for ((row, shared), own) in rows.zip(shared).zip(own) {
        *shared = common(query, row);
        *own = words(row).map(u64::count_ones).sum();
    }
}

fn digest(rows: &[u8], width: usize, own: &mut [u32], folds: &mut [Fold]) {
    for ((row, own), fold) in rows.chunks_exact(width).zip(own).zip(folds) {
        *own = 0;
        *fold = [0; 8];
        for (i, word) in words(row).enumerate() {
            *own += word.count_ones();
            fold[i % 8] |= word;
        }
    }
}

fn folded(query: &Fold, folds: &[Fold], shared: &mut [u32]) {
    for (fold, shared) in folds.iter().zip(shared) {
        *shared = query
            .iter()
            .zip(fold)
            .map(|(q, f)| (q & f).count_ones())
            .sum();
    }
}

#[cfg(test)]
mod tests {
    use super::super::fold::fold_bits;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_instruction_set_counts_the_same_bits(
            words_per_row in 1_usize..40,
            rows in 0_usize..40,
            seed in any::<u64>(),
        ) {
            let width = words_per_row * 8;
            let mut state = seed;
            let mut byte = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56).to_le_bytes()[0]
            };
            let query: Vec<u8> = (0..width).map(|_| byte()).collect();
            // One byte too many at the front, so that no row is aligned.
            let data: Vec<u8> = (0..=width * rows).map(|_| byte()).collect();
            let data = &data[1..];
            let expected = everything(Popcount::Scalar, &query, data, rows);
            for level in Popcount::available() {
                prop_assert_eq!(&everything(level, &query, data, rows), &expected, "{:?}", level);
            }
        }
    }

    type Counts = (
        Vec<u32>,
        Vec<u32>,
        Vec<u32>,
        Vec<Fold>,
        Vec<u32>,
        Vec<u32>,
        Vec<usize>,
    );

    fn everything(level: Popcount, query: &[u8], data: &[u8], rows: usize) -> Counts {
        let zeros = vec![0; rows];
        let (mut shared, mut own) = (zeros.clone(), zeros.clone());
        level.scan(query, data, &mut shared, &mut own);
        let (mut bits, mut folds) = (zeros.clone(), vec![[0; 8]; rows]);
        level.digest(data, query.len(), &mut bits, &mut folds);
        let (mut one, mut fold) = ([0], [[0; 8]]);
        level.digest(query, query.len(), &mut one, &mut fold);
        let mut folded = zeros;
        level.folded(&fold[0], &folds, &mut folded);
        let each = data
            .chunks_exact(query.len())
            .map(|row| level.common(query, row))
            .collect();
        let mut places = Vec::new();
        let test = Reach::new((1, 3), one[0], one[0] - fold_bits(&fold[0]));
        level.select(&test, &folded, &bits, &mut places);
        (shared, own, bits, folds, folded, each, places)
    }

    #[test]
    fn counts_are_right_on_known_bits() {
        let full = [0xff_u8; 16];
        let mut half = [0_u8; 16];
        half[..8].fill(0xff);
        for level in Popcount::available() {
            assert_eq!(level.common(&full, &half), 64, "{level:?}");
            let (mut own, mut folds) = ([0], [[0; 8]]);
            level.digest(&half, 16, &mut own, &mut folds);
            assert_eq!((own[0], fold_bits(&folds[0])), (64, 64), "{level:?}");
        }
    }
}
