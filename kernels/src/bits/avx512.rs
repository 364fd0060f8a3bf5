//! Bit counting with AVX-512 VPOPCNTDQ. It is used only where the features were detected.
#![expect(
    unsafe_code,
    reason = "vector loads and feature-gated calls; see SAFETY at each"
)]

use std::arch::x86_64::{
    __m512i, __mmask8, _MM_HINT_T0, _mm_prefetch, _mm256_storeu_si256, _mm512_add_epi64,
    _mm512_and_si512, _mm512_cvtepi64_epi32, _mm512_loadu_si512, _mm512_maskz_loadu_epi64,
    _mm512_or_si512, _mm512_popcnt_epi64, _mm512_reduce_add_epi64, _mm512_setzero_si512,
    _mm512_shuffle_i64x2, _mm512_storeu_si512, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use super::fold::{FOLD_BYTES, Fold};
use super::reach::Reach;

/// Rows that are processed side by side.
const LANES: usize = 8;
/// How far ahead of the loads memory is prefetched.
const AHEAD_BYTES: usize = 4096;

pub(super) fn common(a: &[u8], b: &[u8]) -> u32 {
    // SAFETY: `Popcount::Avx512` only exists where avx512f and avx512vpopcntdq were detected.
    unsafe { common_512(a, b) }
}

pub(super) fn scan(query: &[u8], rows: &[u8], shared: &mut [u32], own: &mut [u32]) {
    // SAFETY: `Popcount::Avx512` only exists where avx512f and avx512vpopcntdq were detected.
    unsafe { scan_512(query, rows, shared, own) }
}

pub(super) fn digest(rows: &[u8], width: usize, own: &mut [u32], folds: &mut [Fold]) {
    // SAFETY: `Popcount::Avx512` only exists where avx512f and avx512vpopcntdq were detected.
    unsafe { digest_512(rows, width, own, folds) }
}

pub(super) fn select(test: &Reach, common: &[u32], own: &[u32], out: &mut Vec<usize>) {
    // SAFETY: `Popcount::Avx512` only exists where avx512f and avx512vpopcntdq were detected.
    unsafe { select_512(test, common, own, out) }
}

pub(super) fn folded(query: &Fold, folds: &[Fold], shared: &mut [u32]) {
    // SAFETY: `Popcount::Avx512` only exists where avx512f and avx512vpopcntdq were detected.
    unsafe { folded_512(query, folds, shared) }
}

/// Block `index` (64 bytes) of a fingerprint; zeros beyond its end. Widths are multiples of 8
/// bytes.
#[inline]
#[target_feature(enable = "avx512f")]
fn block(bytes: &[u8], index: usize) -> __m512i {
    let rest = bytes.get(index * FOLD_BYTES..).unwrap_or(&[]);
    if rest.len() >= FOLD_BYTES {
        // SAFETY: 64 bytes are readable from `rest`; the load needs no alignment.
        unsafe { _mm512_loadu_si512(rest.as_ptr().cast()) }
    } else {
        let mask = tail_mask(rest.len());
        // SAFETY: the mask selects only whole words inside `rest`; others are not touched.
        unsafe { _mm512_maskz_loadu_epi64(mask, rest.as_ptr().cast()) }
    }
}

/// One bit for each whole 64-bit word in `bytes` bytes, at most 8.
fn tail_mask(bytes: usize) -> __mmask8 {
    (0..8)
        .filter(|word| (word + 1) * 8 <= bytes)
        .fold(0, |mask, word| mask | (1 << word))
}

#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn common_512(a: &[u8], b: &[u8]) -> u32 {
    let mut sum = _mm512_setzero_si512();
    for i in 0..a.len().div_ceil(FOLD_BYTES) {
        let both = _mm512_and_si512(block(a, i), block(b, i));
        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(both));
    }
    u32::try_from(_mm512_reduce_add_epi64(sum)).unwrap_or(u32::MAX)
}

/// The sums of eight vectors of eight words, in order.
#[inline]
#[target_feature(enable = "avx512f")]
fn sums(v: &[__m512i; LANES]) -> __m512i {
    let pair = |a, b| _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    let quad = |a, b| {
        _mm512_add_epi64(
            _mm512_shuffle_i64x2::<0x88>(a, b),
            _mm512_shuffle_i64x2::<0xDD>(a, b),
        )
    };
    let low = quad(pair(v[0], v[1]), pair(v[2], v[3]));
    let high = quad(pair(v[4], v[5]), pair(v[6], v[7]));
    quad(low, high)
}

/// Writes eight sums as eight `u32`.
#[inline]
#[target_feature(enable = "avx512f")]
fn store(out: &mut [u32; LANES], v: &[__m512i; LANES]) {
    let narrow = _mm512_cvtepi64_epi32(sums(v));
    // SAFETY: `out` is 32 writable bytes; the store needs no alignment.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), narrow) }
}

/// Prefetches the memory that will be read soon. `wrapping_add` makes the address a mere hint.
#[inline]
#[target_feature(enable = "avx512f")]
fn prefetch(rows: &[u8], bytes: usize) {
    for line in (0..bytes).step_by(64) {
        _mm_prefetch::<_MM_HINT_T0>(rows.as_ptr().wrapping_add(AHEAD_BYTES + line).cast());
    }
}

#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn scan_512(query: &[u8], rows: &[u8], shared: &mut [u32], own: &mut [u32]) {
    let width = query.len();
    let blocks = width.div_ceil(FOLD_BYTES);
    let (shared, shared_rest) = shared.as_chunks_mut::<LANES>();
    let (own, own_rest) = own.as_chunks_mut::<LANES>();
    let mut groups = rows.chunks_exact(width * LANES);
    for ((group, shared), own) in groups.by_ref().zip(shared).zip(own) {
        prefetch(group, width * LANES);
        let mut both = [_mm512_setzero_si512(); LANES];
        let mut bits = [_mm512_setzero_si512(); LANES];
        for i in 0..blocks {
            let q = block(query, i);
            for lane in 0..LANES {
                let row = block(&group[lane * width..(lane + 1) * width], i);
                let and = _mm512_popcnt_epi64(_mm512_and_si512(q, row));
                both[lane] = _mm512_add_epi64(both[lane], and);
                bits[lane] = _mm512_add_epi64(bits[lane], _mm512_popcnt_epi64(row));
            }
        }
        store(shared, &both);
        store(own, &bits);
    }
    let rest = groups.remainder().chunks_exact(width);
    for ((row, shared), own) in rest.zip(shared_rest).zip(own_rest) {
        *shared = common_512(query, row);
        *own = common_512(row, row);
    }
}

#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn digest_512(rows: &[u8], width: usize, own: &mut [u32], folds: &mut [Fold]) {
    let blocks = width.div_ceil(FOLD_BYTES);
    for ((row, own), fold) in rows.chunks_exact(width).zip(own).zip(folds) {
        prefetch(row, width);
        let mut bits = _mm512_setzero_si512();
        let mut or = _mm512_setzero_si512();
        for i in 0..blocks {
            let words = block(row, i);
            bits = _mm512_add_epi64(bits, _mm512_popcnt_epi64(words));
            or = _mm512_or_si512(or, words);
        }
        *own = u32::try_from(_mm512_reduce_add_epi64(bits)).unwrap_or(u32::MAX);
        // SAFETY: a fold is 64 writable bytes; the store needs no alignment.
        unsafe { _mm512_storeu_si512(fold.as_mut_ptr().cast(), or) }
    }
}

#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn folded_512(query: &Fold, folds: &[Fold], shared: &mut [u32]) {
    // SAFETY: a fold is 64 readable bytes; the load needs no alignment.
    let load = |fold: &Fold| unsafe { _mm512_loadu_si512(fold.as_ptr().cast()) };
    let q = load(query);
    let (groups, rest) = folds.as_chunks::<LANES>();
    let (shared, shared_rest) = shared.as_chunks_mut::<LANES>();
    for (group, shared) in groups.iter().zip(shared) {
        let mut both = [_mm512_setzero_si512(); LANES];
        for (both, fold) in both.iter_mut().zip(group) {
            *both = _mm512_popcnt_epi64(_mm512_and_si512(q, load(fold)));
        }
        store(shared, &both);
    }
    for (fold, shared) in rest.iter().zip(shared_rest) {
        let both = _mm512_popcnt_epi64(_mm512_and_si512(q, load(fold)));
        *shared = u32::try_from(_mm512_reduce_add_epi64(both)).unwrap_or(u32::MAX);
    }
}

/// The portable test, compiled for wide vectors.
#[target_feature(enable = "avx512f")]
fn select_512(test: &Reach, common: &[u32], own: &[u32], out: &mut Vec<usize>) {
    test.select(common, own, out);
}
