//! How long the tasks of a stage are expected to take.

use serde::{Deserialize, Serialize};

/// How long one task of a stage is expected to take, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// The expected wall time of one task, in milliseconds.
    pub task_ms: u64,
    /// Where that comes from.
    pub source: TimeSource,
    /// How much time the stage leaves before its deadline, by itself.
    pub margin: Margin,
}

/// The time that a start leaves before a deadline, because tasks may take longer than expected. The
/// expected energy and the expected end do not contain it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Margin {
    /// The margin in milliseconds.
    pub ms: u64,
    /// The chance of ending late that is accepted, in parts per million.
    pub risk_ppm: u32,
    /// The spread of times that it is computed from.
    pub spread: Spread,
}

/// The spread of times that a margin is computed from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// None: the times are known exactly or taken as the workflow states them, or there is no
    /// deadline.
    #[default]
    None,
    /// That of this number of attempts of the same command.
    Observed(u64),
    /// The usual one, because there are too few attempts of the same command.
    Assumed,
    /// The longest of this number of attempts, because they are too few.
    Longest(u64),
}

/// Where an expected time comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// The workflow states it (`expect`).
    Stated,
    /// It is the mean of earlier attempts of the same command.
    Observed,
    /// Nothing is known. An hour is assumed.
    #[default]
    Assumed,
}
