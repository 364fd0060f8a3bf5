//! Errors of kernels. Each message says where, what was expected, and the remedy.

use arrow_schema::ArrowError;
use thiserror::Error;

use crate::device::DeviceError;

/// Why a kernel gave no result.
#[derive(Debug, Error)]
pub enum KernelError {
    /// A required input is missing.
    #[error(
        "kernel `{kernel}` has no input `{port}`: connect a table to `inputs: {{ {port}: … }}`"
    )]
    MissingInput {
        /// The kernel.
        kernel: String,
        /// The port.
        port: String,
    },
    /// The kernel has no such input.
    #[error("kernel `{kernel}` has no input `{port}`; its inputs are: {known}")]
    UnknownInput {
        /// The kernel.
        kernel: String,
        /// The port.
        port: String,
        /// The inputs that it has.
        known: String,
    },
    /// A required column is missing.
    #[error("input `{port}` has no column `{column}` ({wanted}); its columns are: {found}")]
    MissingColumn {
        /// The port.
        port: String,
        /// The column.
        column: String,
        /// What it should contain.
        wanted: String,
        /// The columns that exist.
        found: String,
    },
    /// A column has a type that the kernel cannot read.
    #[error(
        "column `{column}` of input `{port}` is {found}, but must be {expected}; convert it before this stage"
    )]
    ColumnType {
        /// The port.
        port: String,
        /// The column.
        column: String,
        /// The types that the kernel reads.
        expected: String,
        /// The column's type.
        found: String,
    },
    /// A null where a value is required.
    #[error("column `{column}` of input `{port}` is null in row {row}; {advice}")]
    Null {
        /// The port.
        port: String,
        /// The column.
        column: String,
        /// The row, from 0 over all parts of this input.
        row: u64,
        /// The remedy.
        advice: String,
    },
    /// A value or table that the kernel cannot use.
    #[error("input `{port}`: {problem}; expected {expected}")]
    Input {
        /// The port.
        port: String,
        /// What is wrong.
        problem: String,
        /// What is expected.
        expected: String,
    },
    /// Two inputs do not belong together.
    #[error("inputs `{first}` and `{second}` do not fit: {problem}; expected {expected}")]
    Mismatch {
        /// One port.
        first: String,
        /// The other port.
        second: String,
        /// What differs.
        problem: String,
        /// What is expected.
        expected: String,
    },
    /// The kernel has no such parameter.
    #[error("kernel `{kernel}` has no parameter `{param}`; `with:` takes: {known}")]
    UnknownParam {
        /// The kernel.
        kernel: String,
        /// The name as written.
        param: String,
        /// The parameters that it has.
        known: String,
    },
    /// A required parameter is missing.
    #[error("kernel `{kernel}` needs parameter `{param}` ({expected}): add it under `with:`")]
    MissingParam {
        /// The kernel.
        kernel: String,
        /// The parameter.
        param: String,
        /// What it accepts.
        expected: String,
    },
    /// A parameter has an invalid value.
    #[error("parameter `{param}` of kernel `{kernel}` is {found}, but must be {expected}")]
    Param {
        /// The kernel.
        kernel: String,
        /// The parameter.
        param: String,
        /// What it accepts.
        expected: String,
        /// The value.
        found: String,
    },
    /// There are more rows or bytes than the result's types can count.
    #[error(
        "{what} has {found}, more than the {limit} that this kernel can count; split the work with `scatter:`"
    )]
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The run was cancelled, or the attempt exceeded its time, while the kernel worked.
    #[error("the kernel was stopped before it had finished")]
    Stopped,
    /// The kernel's threads could not be started.
    #[error(
        "{threads} threads for a kernel could not be started: {reason}; lower `resources.cpus`"
    )]
    Threads {
        /// The number of threads.
        threads: usize,
        /// The system's message.
        reason: String,
    },
    /// A device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Arrow could not build or read a table.
    #[error("Arrow could not build or read a table in a kernel: {0}")]
    Arrow(#[from] ArrowError),
}
