//! Devices that run CUDA C++: NVIDIA's GPUs, and the CPU in place of one.
//!
//! A [`Device`] compiles a [`Source`], holds memory, and runs kernels on streams. [`Device::gpu`]
//! opens a GPU through its driver, which is loaded only then. [`Device::host`] compiles the same
//! source with the system's C++ compiler and runs it on the CPU, slowly and with checks, for tests.
//! Without any device a kernel runs its CPU twin, which needs nothing of this room.

mod backend;
mod cache;
mod cuda;
mod error;
mod handle;
mod host;
mod modules;
mod signature;
mod source;
mod stream;
pub(crate) mod tiles;
mod variables;

pub use cache::Cache;
pub use cuda::{Card, Gpus, Nvrtc, cards, defines, gpus};
pub use error::DeviceError;
pub use handle::{About, Buffer, Device, Function, Module, Plain};
pub use signature::{Number, Parameter};
pub use source::{CompileError, Source};
pub use stream::{Arg, Grid, Pinned, Stream};
