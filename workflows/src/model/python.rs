//! The Python environment of a command.

use serde::{Deserialize, Serialize};

/// A Python environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Python {
    /// The version, for example `3.11`; if absent, that of `python3`.
    pub version: Option<String>,
    /// Requirements in pip's syntax.
    pub packages: Vec<String>,
    /// The lock file beside the workflow, if not `sunward.lock`.
    pub lock: Option<String>,
}
