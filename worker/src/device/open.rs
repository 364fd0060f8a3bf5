//! Opens the device of a process that works on one, and finds the program of that process.

use std::path::PathBuf;

use sunward_kernels::device::{Cache, Device, DeviceError};

use crate::fault::Fault;

/// The device of this process: the first visible GPU, or without one the host device with this many
/// bytes of memory.
///
/// # Errors
///
/// Fails if a promised GPU cannot be opened, or there is no compiler for the host device.
pub fn open(memory_bytes: u64) -> Result<Device, DeviceError> {
    let promised = std::env::var_os(VISIBLE).is_some_and(|all| !all.is_empty());
    if promised {
        Device::gpu(0, Cache::of_user())
    } else {
        Device::host(memory_bytes, Cache::of_user())
    }
}

/// The variable that lists the GPUs visible to a process.
pub(crate) const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// The file of this program, to start it again.
pub(crate) fn program() -> Result<PathBuf, Fault> {
    std::env::current_exe().map_err(|error| {
        Fault::infrastructure(format!("the program file of sunward cannot be found: {error}; do not move or delete it while it runs"))
    })
}
