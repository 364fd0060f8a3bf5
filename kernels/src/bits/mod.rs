//! Packed fingerprints: their layout in a table, and counting their bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod fingerprints;
mod fold;
mod popcount;
mod reach;

pub(crate) use fingerprints::{Fingerprints, WITHOUT};
pub(crate) use fold::{FOLD_BYTES, Fold, fold_bits};
pub(crate) use popcount::Popcount;
pub(crate) use reach::Reach;

use crate::device::Source;

/// The CUDA source of a kernel that compares fingerprints, after the code that all of these share.
pub(crate) fn cuda(file: &str, text: &str, kernels: &[&str]) -> Source {
    let shared = include_str!("../../cuda/bits.cuh");
    let text = format!("#line 1 \"kernels/cuda/bits.cuh\"\n{shared}#line 1 \"{file}\"\n{text}");
    Source::new(file, &text, kernels)
}
