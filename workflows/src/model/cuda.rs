//! The user's own CUDA kernel and its arguments.

use serde::{Deserialize, Serialize};

use super::Template;
use crate::column::ColumnType;

/// A kernel in the user's own CUDA C++, launched with one thread for each row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cuda {
    /// The `.cu` file as written, relative to the workflow's file.
    pub source: String,
    /// The kernel's name in it: `extern "C" __global__ void ENTRY(…)`.
    pub entry: String,
    /// Its arguments, in order.
    pub args: Vec<CudaArg>,
    /// Threads of a block.
    pub block: u32,
}

impl Cuda {
    /// The templates among its arguments.
    pub fn values(&self) -> impl Iterator<Item = &Template> {
        self.args.iter().filter_map(|arg| match arg {
            CudaArg::Value { value, .. } => Some(value),
            CudaArg::In { .. } | CudaArg::Out { .. } | CudaArg::Rows { .. } => None,
        })
    }
}

/// One argument of a kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CudaArg {
    /// A pointer to a column of an input, its rows contiguous.
    In {
        /// The input.
        port: String,
        /// Its column.
        column: String,
    },
    /// A pointer to a column of an output, with room for as many rows, zeroed.
    Out {
        /// The output.
        port: String,
        /// Its column.
        column: String,
        /// Its type, which has a fixed number of bytes per row.
        column_type: ColumnType,
    },
    /// A number.
    Value {
        /// The value as written.
        value: Template,
        /// Its type.
        column_type: ColumnType,
    },
    /// The number of rows.
    Rows {
        /// Its type.
        column_type: ColumnType,
    },
}
