//! NVIDIA's GPUs, by their driver, which is loaded only when a GPU is asked for.

mod gpu;
mod inventory;
mod nvrtc;

pub(super) use gpu::Gpu;
pub use gpu::{Gpus, gpus};
pub use inventory::{Card, cards};
pub use nvrtc::{Nvrtc, defines};
