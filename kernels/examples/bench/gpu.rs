//! The first GPU and its limits.

use sunward_kernels::Context;
use sunward_kernels::device::{Cache, Device, Gpus, gpus};

use crate::figure::Figure;
use crate::{Any, limits};

/// The first GPU, with its measured limits.
pub(crate) struct Gpu {
    /// The context for kernels.
    pub(crate) context: Context,
    /// Its name and its driver.
    about: String,
    /// Gigabytes per second over the host link.
    link: f64,
    /// Gigabytes per second that a copy on it reads and writes.
    memory: f64,
}

impl Gpu {
    /// The GPU, or the reason why there is none.
    pub(crate) fn find() -> Result<Result<Self, String>, Any> {
        if let Gpus::None(reason) = gpus() {
            return Ok(Err(reason));
        }
        let device = Device::gpu(0, Cache::of_user())?;
        let about = device.about();
        Ok(Ok(Self {
            about: format!("{}, driver {}", about.name, about.driver),
            link: limits::link_gb_a_second(&device)?,
            memory: limits::device_gb_a_second(&device)?,
            context: Context::new(1).with_device(device),
        }))
    }

    /// Its limits as figures.
    pub(crate) fn limits(&self) -> Vec<Figure> {
        let row = |what: &str, rate| Figure::rate(what, rate, "GB/s").note(self.about.clone());
        vec![
            row("host link, pinned memory to the GPU", self.link),
            row("a copy on the GPU, read and written", self.memory),
        ]
    }

    /// Adds a note to the figure of a whole task: the GPU, the time, and the share of the limits.
    /// `bytes` crossed the link at least once and were read on the device at least once.
    pub(crate) fn told(&self, figure: Figure, task_seconds: f64, bytes: usize) -> Figure {
        let rate = limits::gigabytes(bytes) / task_seconds;
        figure.note(format!(
            "{}; {:.3} ms the task, {rate:.1} GB/s, {:.0} % of the link, {:.1} % of a copy on it",
            self.about,
            task_seconds * 1e3,
            100.0 * rate / self.link,
            100.0 * rate / self.memory,
        ))
    }
}
