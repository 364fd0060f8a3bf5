//! Where data comes from.

use serde::{Deserialize, Serialize};

/// A source of data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reference {
    /// A port of another stage.
    Port {
        /// The stage.
        stage: String,
        /// The port.
        port: String,
    },
    /// A parameter that holds a path (or a list of them).
    Param(String),
    /// A path as written: absolute, or relative to the workflow's file.
    Path(String),
    /// A pattern of paths as written, such as `./data/*.nc`: all files that match it.
    Pattern(String),
    /// A URL.
    Url(String),
}

impl Reference {
    /// The stage and the port that it names, if it is an output of a stage.
    #[must_use]
    pub fn port(&self) -> Option<(&str, &str)> {
        match self {
            Self::Port { stage, port } => Some((stage, port)),
            Self::Param(_) | Self::Path(_) | Self::Pattern(_) | Self::Url(_) => None,
        }
    }
}
