//! What can go wrong in a kernel: each message says where, what was expected and what to do.

use arrow_schema::ArrowError;
use thiserror::Error;

use crate::device::DeviceError;

/// Why a kernel gave no result.
#[derive(Debug, Error)]
pub enum KernelError {
    /// An input that the kernel needs is not there.
    #[error(
        "kernel `{kernel}` has no input `{port}`: connect a table to `inputs: {{ {port}: … }}`"
    )]
    MissingInput {
        /// The kernel.
        kernel: String,
        /// The port.
        port: String,
    },
    /// An input that the kernel does not know.
    #[error("kernel `{kernel}` knows no input `{port}`; its inputs are: {known}")]
    UnknownInput {
        /// The kernel.
        kernel: String,
        /// The port.
        port: String,
        /// Those it has.
        known: String,
    },
    /// A column that must be there is not.
    #[error("input `{port}` has no column `{column}` ({wanted}); its columns are: {found}")]
    MissingColumn {
        /// The port.
        port: String,
        /// The column.
        column: String,
        /// What it should hold.
        wanted: String,
        /// The columns that are there.
        found: String,
    },
    /// A column of another type than the kernel can read.
    #[error(
        "column `{column}` of input `{port}` is {found}, but must be {expected}; convert it before this stage"
    )]
    ColumnType {
        /// The port.
        port: String,
        /// The column.
        column: String,
        /// What the kernel reads.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A null where a value must stand.
    #[error("column `{column}` of input `{port}` is null in row {row}; {advice}")]
    Null {
        /// The port.
        port: String,
        /// The column.
        column: String,
        /// The row, counted from 0 over all parts of this input.
        row: u64,
        /// What to do.
        advice: String,
    },
    /// A value, or what a table holds as a whole, that the kernel cannot use.
    #[error("input `{port}`: {problem}; expected {expected}")]
    Input {
        /// The port.
        port: String,
        /// What is wrong.
        problem: String,
        /// What would be right.
        expected: String,
    },
    /// Two inputs that do not belong together.
    #[error("inputs `{first}` and `{second}` do not fit: {problem}; expected {expected}")]
    Mismatch {
        /// One port.
        first: String,
        /// The other.
        second: String,
        /// What differs.
        problem: String,
        /// What would be right.
        expected: String,
    },
    /// A parameter that the kernel does not know.
    #[error("kernel `{kernel}` knows no parameter `{param}`; `with:` takes: {known}")]
    UnknownParam {
        /// The kernel.
        kernel: String,
        /// As written.
        param: String,
        /// Those it has.
        known: String,
    },
    /// A parameter without a default that was not given.
    #[error("kernel `{kernel}` needs parameter `{param}` ({expected}): add it under `with:`")]
    MissingParam {
        /// The kernel.
        kernel: String,
        /// The parameter.
        param: String,
        /// What it takes.
        expected: String,
    },
    /// A parameter with a value that it cannot have.
    #[error("parameter `{param}` of kernel `{kernel}` is {found}, but must be {expected}")]
    Param {
        /// The kernel.
        kernel: String,
        /// The parameter.
        param: String,
        /// What it takes.
        expected: String,
        /// What was given.
        found: String,
    },
    /// More rows or bytes than the result's types can count.
    #[error(
        "{what} has {found}, more than the {limit} this kernel can count; cut the work with `scatter:`"
    )]
    TooLarge {
        /// What is too large.
        what: String,
        /// How large it is.
        found: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The run was cancelled, or the attempt ran out of time, while the kernel worked.
    #[error("the kernel was stopped before it was done")]
    Stopped,
    /// The threads that it should run on could not be started.
    #[error(
        "{threads} threads for a kernel could not be started: {reason}; lower `resources: cpus`"
    )]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system says.
        reason: String,
    },
    /// A device could not do its part.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Arrow refused to build or to read a table.
    #[error("Arrow could not build or read a table in a kernel: {0}")]
    Arrow(#[from] ArrowError),
}
