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
    /// Tasks from pairs of files: one of each of these inputs.
    Zip {
        /// The ports.
        ports: Vec<String>,
        /// The column whose values must be equal; without it, files are paired by their position.
        by: Option<String>,
        /// The port of which one file may belong to several pairs.
        share: Option<String>,
    },
}

impl Scatter {
    /// The column of `by:`.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Input {
                slicing: Slicing::By(column),
                ..
            } => Some(column),
            Self::Zip { by, .. } => by.as_deref(),
            Self::Input { .. } | Self::One | Self::Items(_) | Self::Range(_) | Self::Matrix(_) => {
                None
            }
        }
    }
}

/// How a table or a dataset of files is sliced into tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slicing {
    /// `rows: N`: N rows or files per task.
    Rows(u64),
    /// `by: COLUMN`: one task per value of this column, with all rows or files that have it.
    By(String),
    /// `parts: true`: one part per task.
    Parts,
    /// One row or file per task, with its columns as `item.column`.
    Row,
}
