//! Measures an attempt: wall time, processor time, energy.
//!
//! Energy is read from meters if a device was the attempt's alone: processors by RAPL (`package`),
//! GPUs by NVML (`gpu`). Otherwise it is modelled: busy cores by an assumed power, GPUs by their
//! rated power (`rated`). If neither is possible, it is missing.

mod gpu;
mod meters;
mod package;
mod presence;
mod rated;
mod reading;
mod span;

pub use meters::MeterFiles;
pub(crate) use meters::Meters;
pub use package::NoMeter;
pub(crate) use reading::{Reading, Spent};
pub(crate) use span::Span;
