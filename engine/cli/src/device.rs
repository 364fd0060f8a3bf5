//! `--device`: where the library's kernels run.

use clap::ValueEnum;
use sunward_kernels::device::{Cache, Device as Opened};
use sunward_worker::device::Choice;

use crate::exit::wrong_input;

/// Where kernels run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Device {
    /// On a GPU if the stage asks for one and this machine has it, else on the CPU
    #[default]
    Auto,
    /// Always on the CPU
    Cpu,
    /// On the CPU, from their CUDA sources; slow, for tests
    Host,
}

impl Device {
    /// True if stages may get GPUs.
    pub(crate) fn may_be_gpu(self) -> bool {
        self == Self::Auto
    }

    /// The choice for the worker.
    ///
    /// # Errors
    /// Fails for `host` if there is no working C++ compiler.
    pub(crate) fn choice(self) -> anyhow::Result<Choice> {
        match self {
            Self::Auto => Ok(Choice::Auto),
            Self::Cpu => Ok(Choice::Cpu),
            Self::Host => match Opened::host(0, Cache::of_user()) {
                Ok(_) => Ok(Choice::Host),
                Err(error) => Err(wrong_input(format!(
                    "--device host is not available: {error}; --device cpu needs no compiler"
                ))),
            },
        }
    }
}
