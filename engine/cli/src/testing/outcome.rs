//! The result of a test.

use serde::Serialize;

/// The result of one test.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) passed: bool,
    /// What was not as expected.
    pub(crate) problems: Vec<String>,
    /// Snapshots that were written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) written: Vec<String>,
    pub(crate) seconds: f64,
}
