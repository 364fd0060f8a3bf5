//! How a stage becomes tasks.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::value::Value;

/// How a stage becomes tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Scatter {
    /// One task.
    #[default]
    One,
    /// One task for each value. The value is a list, or a template that gives one.
    Items(Value),
    /// One task for each number from 0. The value is an integer, or a template that gives one.
    Range(Value),
    /// One task for each element of the cross product; the first name varies slowest.
    Matrix(IndexMap<String, Value>),
    /// Tasks from one of the stage's own inputs.
    Input {
        /// The port.
        port: String,
        /// How it is sliced.
        slicing: Slicing,
    },
}

/// How a table is sliced into tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slicing {
    /// `rows: N`: N rows per task.
    Rows(u64),
    /// `parts: true`: one part per task.
    Parts,
    /// One row per task, with its columns as `item.column`.
    Row,
}
