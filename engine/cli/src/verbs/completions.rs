//! `sunward completions SHELL`: prints the script with which a shell completes our commands.

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::render::{self, Page, View};

/// Print shell completions
#[derive(Args)]
#[command(after_help = "Example:\n  sunward completions bash")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// The completion script for one shell.
#[derive(Serialize)]
struct Script {
    shell: String,
    script: String,
}

impl View for Script {
    fn page(&self, page: &mut Page) {
        page.line(self.script.trim_end());
    }
}

impl Completions {
    /// Prints the script for `command`, which is the whole command line.
    pub(crate) fn perform(&self, mut command: Command, context: &Context) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "sunward", &mut script);
        let shell = self
            .shell
            .to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned());
        let script = String::from_utf8_lossy(&script).into_owned();
        render::answer(context, &Script { shell, script })?;
        Ok(Exit::Done)
    }
}
