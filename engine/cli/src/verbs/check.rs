//! `sunward check FILE…`: every mistake in every file; nothing runs and nothing is created.

use std::path::PathBuf;

use clap::Args;
use sunward_workflows::{JsonDiagnostic, render_human, to_json};

use crate::context::Context;
use crate::exit::{Exit, of_error};
use crate::render;
use crate::workflow_file::Read;

/// Report every mistake in workflow files; nothing runs
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward check workflow.yaml\n  sunward check workflow.yaml --json"
)]
pub(crate) struct Check {
    /// The workflows
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Check {
    /// Checks them all, then answers.
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let mut sound = true;
        let mut found: Vec<JsonDiagnostic> = Vec::new();
        for file in &self.files {
            match Read::file(context, file) {
                Ok(read) => {
                    sound &= read.is_sound();
                    let diagnostics = &read.checked.diagnostics;
                    if context.json {
                        found.extend(to_json(&read.shown, &read.text, diagnostics));
                    } else if diagnostics.is_empty() {
                        render::raw(format!("{}: no mistakes\n", read.shown).as_bytes())?;
                    } else {
                        let colour = context.out_style.is_coloured();
                        let text = render_human(&read.shown, &read.text, diagnostics, colour);
                        render::raw(text.as_bytes())?;
                    }
                }
                // The other files are still checked: CI wants to hear of all at once.
                Err(error) => {
                    sound = false;
                    let (_, to_say) = of_error(&error);
                    if !to_say {
                        return Err(error);
                    }
                    render::complain(context.err_style, &error);
                }
            }
        }
        if context.json {
            render::machine(&found)?;
        }
        Ok(if sound { Exit::Done } else { Exit::WrongInput })
    }
}
