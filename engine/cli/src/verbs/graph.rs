//! `sunward graph FILE`: draws the workflow's stages and the data between them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::exit::Exit;
use crate::graph::{GraphView, dot, mermaid, svg};
use crate::render;
use crate::workflow_file::Read;

/// Draw a workflow's stages and the data between them
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward graph workflow.yaml --format mermaid\n  sunward graph workflow.yaml --format svg"
)]
pub(crate) struct Graph {
    /// The workflow
    file: PathBuf,
    /// Output format; --json gives the graph itself
    #[arg(long, value_enum, default_value_t = Format::Svg)]
    format: Format,
    /// Draw each file that a stage uses as one stage
    #[arg(long)]
    closed: bool,
}

/// Ways to draw.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A drawing for any browser.
    Svg,
    /// For Graphviz.
    Dot,
    /// For Markdown on many forges.
    Mermaid,
}

impl Graph {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let workflow = Read::file(context, &self.file)?.checked(context)?;
        let graph = match self.closed {
            true => GraphView::closed(&workflow),
            false => GraphView::of(&workflow),
        };
        if context.json {
            render::machine(&graph)?;
            return Ok(Exit::Done);
        }
        let text = match self.format {
            Format::Svg => svg::render(&graph),
            Format::Dot => dot::render(&graph),
            Format::Mermaid => mermaid::render(&graph),
        };
        render::raw(text.as_bytes())?;
        Ok(Exit::Done)
    }
}
