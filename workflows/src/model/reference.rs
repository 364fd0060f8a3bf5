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
    /// A path that each row of the scattered table gives: text with `${{ item.COLUMN }}`.
    Item(String),
}

impl Reference {
    /// The stage and the port that it names, if it is an output of a stage.
    #[must_use]
    pub fn port(&self) -> Option<(&str, &str)> {
        match self {
            Self::Port { stage, port } => Some((stage, port)),
            Self::Param(_) | Self::Path(_) | Self::Pattern(_) | Self::Url(_) | Self::Item(_) => {
                None
            }
        }
    }

    /// The text that gives a path for each row, if it is one.
    #[must_use]
    pub fn of_row(&self) -> Option<&str> {
        match self {
            Self::Item(template) => Some(template),
            Self::Port { .. }
            | Self::Param(_)
            | Self::Path(_)
            | Self::Pattern(_)
            | Self::Url(_) => None,
        }
    }
}
