//! NVIDIA's GPUs. The driver is loaded only when a GPU is requested.

mod gpu;
mod inventory;
mod nvrtc;

pub(super) use gpu::Gpu;
pub use gpu::{Gpus, gpus};
pub use inventory::{Card, cards};
pub use nvrtc::{Nvrtc, defines};
