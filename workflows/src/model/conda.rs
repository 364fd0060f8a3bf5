//! The conda environment of a command.

use serde::{Deserialize, Serialize};

use crate::source::Span;

/// A conda environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conda {
    /// The `environment.yml` or `pixi.lock`, as written: relative to the stage's folder.
    pub file: String,
    /// The environment in a `pixi.lock`.
    pub environment: String,
    /// The file's place in the workflow's file.
    pub span: Span,
}
