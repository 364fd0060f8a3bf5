//! Errors of devices.

use thiserror::Error;

use super::CompileError;

/// Why a device did not do what was requested.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// There is no GPU that can be opened.
    #[error("no GPU can be used: {reason}; kernels run on the CPU without one")]
    NoGpu {
        /// What was found instead.
        reason: String,
    },
    /// The driver refused a call. The GPU's context may be lost after that.
    #[error(
        "the CUDA driver failed while {doing}: {reason}; run the task again, and see the system's \
         log for lines with `Xid` where it fails again"
    )]
    Driver {
        /// What was attempted.
        doing: String,
        /// The driver's message.
        reason: String,
    },
    /// Memory is exhausted.
    #[error(
        "{device} has {free} of {total} bytes of memory free, and {wanted} were requested; give the \
         task a device with more (`resources.gpu_memory`), or split the work with `scatter:`"
    )]
    OutOfMemory {
        /// The device.
        device: String,
        /// Bytes that were requested.
        wanted: u64,
        /// Free bytes.
        free: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The source has an error.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// There is no compiler for this device.
    #[error("CUDA source cannot be compiled for {device}: {reason}")]
    NoCompiler {
        /// The device.
        device: String,
        /// What is missing, and the remedy.
        reason: String,
    },
    /// The source does not define the kernel.
    #[error(
        "{file} defines no kernel `{kernel}`; expected `extern \"C\" __global__ void {kernel}(…)`"
    )]
    NoFunction {
        /// The source's name.
        file: String,
        /// The kernel.
        kernel: String,
    },
    /// The arguments, sizes or grid of a launch do not fit.
    #[error("kernel `{kernel}` cannot be launched: {problem}; expected {expected}")]
    Launch {
        /// The kernel.
        kernel: String,
        /// What is wrong.
        problem: String,
        /// What is expected.
        expected: String,
    },
    /// A copy exceeds a buffer.
    #[error("a copy of {bytes} bytes at {at} does not fit a buffer of {room} bytes")]
    Range {
        /// The offset.
        at: usize,
        /// The length.
        bytes: usize,
        /// The buffer's size.
        room: usize,
    },
    /// A kernel broke a rule that the host device checks.
    #[error("kernel `{kernel}` did what a GPU leaves undefined: {what}")]
    Undefined {
        /// The kernel.
        kernel: String,
        /// The rule, and where it was broken.
        what: String,
    },
    /// The folder of compiled kernels cannot be used.
    #[error(
        "compiled kernels cannot be kept in {folder}: {reason}; set XDG_CACHE_HOME to a folder \
             that can be written"
    )]
    Cache {
        /// The folder.
        folder: String,
        /// The system's message.
        reason: String,
    },
}
