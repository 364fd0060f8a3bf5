//! What a stage executes: a command or a kernel.

use serde::{Deserialize, Serialize};

use super::{Cuda, Template};

/// What a stage executes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// A command.
    Run(Command),
    /// A kernel of the library.
    Kernel {
        /// Its name in the catalog.
        name: String,
        /// Its version when the workflow was checked.
        version: u32,
    },
    /// The user's own kernel.
    Cuda(Cuda),
}

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// A script for a shell. Text values reach it as environment variables.
    Shell {
        /// The shell's argv before the script; a strict bash unless `shell:` states another.
        shell: Vec<String>,
        /// The script.
        script: Template,
    },
    /// An argv without a shell.
    Argv(Vec<Template>),
}
