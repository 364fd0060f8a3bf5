//! Bit counting with AVX2: a table of 16 nibble counts, 32 bytes at a time.
#![expect(
    unsafe_code,
    reason = "vector loads and feature-gated calls; see SAFETY at each"
)]

use std::arch::x86_64::{
    __m256i, _mm_add_epi64, _mm_cvtsi128_si64, _mm_unpackhi_epi64, _mm256_add_epi8,
    _mm256_add_epi64, _mm256_and_si256, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_loadu_si256, _mm256_or_si256, _mm256_sad_epu8, _mm256_set1_epi8, _mm256_setr_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_storeu_si256,
};

use super::fold::{FOLD_BYTES, Fold, words};
use super::reach::Reach;

/// Bytes of a vector.
const BLOCK: usize = 32;

pub(super) fn common(a: &[u8], b: &[u8]) -> u32 {
    // SAFETY: `Popcount::Avx2` only exists where avx2 was detected.
    unsafe { common_256(a, b) }
}

pub(super) fn scan(query: &[u8], rows: &[u8], shared: &mut [u32], own: &mut [u32]) {
    // SAFETY: `Popcount::Avx2` only exists where avx2 was detected.
    unsafe { scan_256(query, rows, shared, own) }
}

pub(super) fn digest(rows: &[u8], width: usize, own: &mut [u32], folds: &mut [Fold]) {
    // SAFETY: `Popcount::Avx2` only exists where avx2 was detected.
    unsafe { digest_256(rows, width, own, folds) }
}

pub(super) fn select(test: &Reach, common: &[u32], own: &[u32], out: &mut Vec<usize>) {
    // SAFETY: `Popcount::Avx2` only exists where avx2 was detected.
    unsafe { select_256(test, common, own, out) }
}

pub(super) fn folded(query: &Fold, folds: &[Fold], shared: &mut [u32]) {
    // SAFETY: `Popcount::Avx2` only exists where avx2 was detected.
    unsafe { folded_256(query, folds, shared) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; BLOCK]) -> __m256i {
    // SAFETY: 32 bytes are readable; the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// The bits of each 64-bit word.
#[inline]
#[target_feature(enable = "avx2")]
fn count(v: __m256i) -> __m256i {
    let table = _mm256_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3,
        3, 4,
    );
    let nibble = _mm256_set1_epi8(0x0f);
    let low = _mm256_shuffle_epi8(table, _mm256_and_si256(v, nibble));
    let high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16::<4>(v), nibble));
    _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256())
}

/// The sum of four words.
#[inline]
#[target_feature(enable = "avx2")]
fn sum(v: __m256i) -> u32 {
    let half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let sum = _mm_cvtsi128_si64(_mm_add_epi64(half, _mm_unpackhi_epi64(half, half)));
    u32::try_from(sum).unwrap_or(u32::MAX)
}

#[inline]
#[target_feature(enable = "avx2")]
fn common_256(a: &[u8], b: &[u8]) -> u32 {
    let (blocks_a, rest_a) = a.as_chunks::<BLOCK>();
    let (blocks_b, rest_b) = b.as_chunks::<BLOCK>();
    let mut bits = _mm256_setzero_si256();
    for (x, y) in blocks_a.iter().zip(blocks_b) {
        bits = _mm256_add_epi64(bits, count(_mm256_and_si256(load(x), load(y))));
    }
    let rest: u32 = words(rest_a)
        .zip(words(rest_b))
        .map(|(x, y)| (x & y).count_ones())
        .sum();
    sum(bits) + rest
}

#[target_feature(enable = "avx2")]
fn scan_256(query: &[u8], rows: &[u8], shared: &mut [u32], own: &mut [u32]) {
    let rows = rows.chunks_exact(query.len());
    for ((row, shared), own) in rows.zip(shared).zip(own) {
        *shared = common_256(query, row);
        *own = common_256(row, row);
    }
}

#[target_feature(enable = "avx2")]
fn digest_256(rows: &[u8], width: usize, own: &mut [u32], folds: &mut [Fold]) {
    for ((row, own), fold) in rows.chunks_exact(width).zip(own).zip(folds) {
        let (blocks, rest) = row.as_chunks::<FOLD_BYTES>();
        let mut bits = _mm256_setzero_si256();
        let mut or = [_mm256_setzero_si256(); 2];
        for block in blocks {
            let (halves, _) = block.as_chunks::<BLOCK>();
            for (or, half) in or.iter_mut().zip(halves) {
                let half = load(half);
                bits = _mm256_add_epi64(bits, count(half));
                *or = _mm256_or_si256(*or, half);
            }
        }
        let (out, _) = fold.as_chunks_mut::<4>();
        for (out, or) in out.iter_mut().zip(or) {
            // SAFETY: `out` is 32 writable bytes; the store needs no alignment.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), or) }
        }
        *own = sum(bits);
        for (fold, word) in fold.iter_mut().zip(words(rest)) {
            *own += word.count_ones();
            *fold |= word;
        }
    }
}

#[target_feature(enable = "avx2")]
fn folded_256(query: &Fold, folds: &[Fold], shared: &mut [u32]) {
    // SAFETY: a fold is 64 readable bytes, `half` is 0 or 1; the load needs no alignment.
    let half = |fold: &Fold, half: usize| unsafe {
        _mm256_loadu_si256(fold.as_ptr().cast::<__m256i>().add(half))
    };
    let (low, high) = (half(query, 0), half(query, 1));
    for (fold, shared) in folds.iter().zip(shared) {
        let low = count(_mm256_and_si256(low, half(fold, 0)));
        let high = count(_mm256_and_si256(high, half(fold, 1)));
        *shared = sum(_mm256_add_epi64(low, high));
    }
}

/// The portable test, compiled for wide vectors.
#[target_feature(enable = "avx2")]
fn select_256(test: &Reach, common: &[u32], own: &[u32], out: &mut Vec<usize>) {
    test.select(common, own, out);
}
