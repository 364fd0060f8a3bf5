//! Packed fingerprints: their layout in a table, and counting their bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod fingerprints;
mod popcount;

pub(crate) use fingerprints::{Fingerprints, WITHOUT};
pub(crate) use popcount::{FOLD_BYTES, Fold, Popcount, Reach, fold_bits};

use crate::device::Source;

/// The CUDA source of a kernel that compares fingerprints, after the code that all of these share.
pub(crate) fn cuda(file: &str, text: &str, kernels: &[&str]) -> Source {
    let shared = include_str!("../../cuda/bits.cuh");
    let text = format!("#line 1 \"kernels/cuda/bits.cuh\"\n{shared}#line 1 \"{file}\"\n{text}");
    Source::new(file, &text, kernels)
}
