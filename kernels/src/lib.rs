//! The science kernels: what a `kernel:` stage runs, and the catalog that describes it.
//!
//! A [`Kernel`] maps named tables and checked parameters to named tables. It reads no file, uses no
//! clock and no network, and gives the same result for any number of threads and any division of
//! its input into record batches. [`library`] holds all of them. Read [`Kernel`] first.
//!
//! This is the one room where `unsafe` is allowed: for SIMD chosen at run time, where each such
//! function has a scalar twin with identical results, and in [`device`] for what runs on GPUs.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        reason = "a test that cannot go on should say so and stop"
    )
)]

mod anomaly;
mod bits;
mod butina;
pub mod device;
mod enrichment;
mod entry;
mod eof;
mod error;
mod exponential;
mod gaussian_shape;
mod grid;
mod kernel;
mod library;
mod lists;
mod noop;
mod params;
mod regrid;
mod table;
mod tanimoto_topk;
mod topk_merge;
mod vectors;
mod vina_score;

pub use error::KernelError;
pub use kernel::{Context, Kernel};
pub use library::{Library, library};
pub use params::Params;
pub use table::{Inputs, Outputs, Table};
pub use tanimoto_topk::{FingerprintIndex, Neighbor};
