//! The options that every verb takes.

use std::path::PathBuf;

use clap::Args;

/// The options that every verb takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Everywhere {
    /// Folder for runs and results [default: $SUNWARD_HOME, else .sunward beside the workflow or in
    /// the nearest folder above]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}
