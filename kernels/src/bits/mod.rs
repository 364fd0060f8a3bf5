//! Packed fingerprints: how a table holds them, and counting their bits, for the kernels that compare
//! them.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod fingerprints;
mod popcount;

pub(crate) use fingerprints::Fingerprints;
pub(crate) use popcount::{FOLD_BYTES, Fold, Popcount, Reach, fold_bits};
