//! The device of a process that works on one, and the program of that process.

use std::path::PathBuf;

use sunward_kernels::device::{Cache, Device, DeviceError};

use crate::fault::Fault;

/// The device that this process may use: the first GPU that was left visible to it, or, where none
/// was, the processor in a GPU's stead with so many bytes of memory.
///
/// # Errors
/// When a GPU was promised and cannot be opened, or nothing compiles for the processor.
pub fn open(memory_bytes: u64) -> Result<Device, DeviceError> {
    let promised = std::env::var_os(VISIBLE).is_some_and(|all| !all.is_empty());
    if promised {
        Device::gpu(0, Cache::of_user())
    } else {
        Device::host(memory_bytes, Cache::of_user())
    }
}

/// The variable that names the GPUs which a process can see.
pub(crate) const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// The file of this program, to be started again.
pub(crate) fn program() -> Result<PathBuf, Fault> {
    std::env::current_exe().map_err(|error| {
        Fault::infrastructure(format!("this program's own file cannot be found: {error}"))
    })
}
