//! How long the tasks of a stage are expected to take.

use serde::{Deserialize, Serialize};

/// How long one task of a stage is expected to take, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// The expected wall time of one task, in milliseconds.
    pub task_ms: u64,
    /// Where that comes from.
    pub basis: Basis,
}

/// Where an expected time comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The workflow states it (`expect`).
    Stated,
    /// It is the mean of earlier attempts of the same command.
    Observed,
    /// Nothing is known. An hour is assumed.
    #[default]
    Assumed,
}
