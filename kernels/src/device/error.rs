//! What can go wrong on a device.

use thiserror::Error;

use super::CompileError;

/// Why a device did not do what was asked.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// There is no GPU to be opened.
    #[error("no GPU can be used: {reason}; kernels run on the CPU without one")]
    NoGpu {
        /// What was found instead.
        reason: String,
    },
    /// The driver refused a call. A GPU's context may be lost after it.
    #[error(
        "the CUDA driver failed while {doing}: {reason}; run the task again, and see the system's \
         log for lines with `Xid` where it fails again"
    )]
    Driver {
        /// What was being done.
        doing: String,
        /// The driver's own words.
        reason: String,
    },
    /// Memory ran out.
    #[error(
        "{device} has {free} bytes of memory free of {total}, and {wanted} were asked for; give the \
         task a device with more (`resources: gpu_memory`), or cut the work with `scatter:`"
    )]
    OutOfMemory {
        /// The device.
        device: String,
        /// Bytes asked for.
        wanted: u64,
        /// Bytes free.
        free: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The source is not right.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// There is no compiler for this device.
    #[error("CUDA source cannot be compiled for {device}: {reason}")]
    NoCompiler {
        /// The device.
        device: String,
        /// What is missing, and what to do.
        reason: String,
    },
    /// A kernel that the source does not define.
    #[error(
        "{file} defines no kernel `{kernel}`; expected `extern \"C\" __global__ void {kernel}(…)`"
    )]
    NoFunction {
        /// The source's name.
        file: String,
        /// The kernel.
        kernel: String,
    },
    /// Arguments, sizes or a launch that do not fit.
    #[error("kernel `{kernel}` cannot be launched: {problem}; expected {expected}")]
    Launch {
        /// The kernel.
        kernel: String,
        /// What is wrong.
        problem: String,
        /// What would be right.
        expected: String,
    },
    /// A copy beyond a buffer's end.
    #[error("a copy of {bytes} bytes at {at} does not fit a buffer of {room} bytes")]
    Range {
        /// Where it begins.
        at: usize,
        /// How long it is.
        bytes: usize,
        /// What there is.
        room: usize,
    },
    /// A kernel broke a rule that the processor in a GPU's stead checks.
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
        /// What the system says.
        reason: String,
    },
}
