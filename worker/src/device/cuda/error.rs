//! Why a task of a `cuda` stage failed.

use sunward_kernels::device::DeviceError;

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
pub enum CudaTaskError {
    /// The source file cannot be read.
    #[error("{path} cannot be read: {reason}; see `source` of the stage")]
    Unreadable {
        /// The file as written.
        path: String,
        /// The system's message.
        reason: String,
    },
    /// An input does not fit what the kernel is bound to.
    #[error("input `{port}`: {problem}")]
    Input {
        /// The port.
        port: String,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// An argument is declared with another type than it is bound to.
    #[error(
        "argument {number} of the kernel is declared `{declared}`, but is bound to {bound}; \
         declare what it is bound to, or cast that before this stage"
    )]
    Declared {
        /// The argument's number, from 1.
        number: usize,
        /// The declaration in the source.
        declared: String,
        /// What it is bound to, and its type.
        bound: String,
    },
    /// A value does not fit its type.
    #[error("argument {number} is `{found}`, but must be {expected}")]
    Value {
        /// The argument's number, from 1.
        number: usize,
        /// The value as rendered.
        found: String,
        /// Its type.
        expected: String,
    },
    /// There are too many rows for a launch.
    #[error(
        "{rows} rows in blocks of {block} are more than one launch can have; split them with `scatter:`"
    )]
    TooManyRows {
        /// The number of rows.
        rows: usize,
        /// Threads of a block.
        block: u32,
    },
    /// An output cannot be written.
    #[error("an output cannot be written: {0}")]
    Output(String),
    /// The device, its compiler or the kernel failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}
