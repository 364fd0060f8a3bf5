//! The parameters of a workflow.

use serde::{Deserialize, Serialize};

use crate::source::Span;
use crate::value::Value;

/// A parameter of the workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its type.
    pub kind: ParamType,
    /// Its value if the caller gives none. Without a default the caller must give one.
    pub default: Option<Value>,
    /// The smallest allowed number.
    pub min: Option<f64>,
    /// The largest allowed number.
    pub max: Option<f64>,
    /// The allowed values of a choice.
    pub choices: Vec<Value>,
    /// What the parameter does.
    pub description: String,
    /// Its place in the file.
    pub span: Span,
}

/// Types of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamType {
    /// Text.
    String,
    /// An integer.
    Int,
    /// A number.
    Float,
    /// `true` or `false`.
    Bool,
    /// A file or folder.
    Path,
    /// A table: a path that must be readable as one.
    Table,
    /// Files: a pattern, a path, or a list of these.
    Files,
    /// A list of values.
    List,
    /// One of `choices`.
    Choice,
}
