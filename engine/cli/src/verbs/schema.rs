//! `sunward schema`: prints the JSON Schema of workflow files, so that editors complete and check
//! them.

use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::render;

/// Print the JSON Schema of workflow files, for editors
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward schema\n\nSave it as sunward.schema.json and begin a workflow with: # yaml-language-server: $schema=./sunward.schema.json"
)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let schema = sunward_workflows::schema();
        if context.json {
            render::machine(&schema)?;
        } else {
            let text = serde_json::to_string_pretty(&schema)? + "\n";
            render::raw(text.as_bytes())?;
        }
        Ok(Exit::Done)
    }
}
