//! `sunward init [DIR]`: writes a small pipeline that runs at once, to start from.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::render::{self, Page, View};

/// The text of the pipeline.
const WORKFLOW: &str = include_str!("init.yaml");

/// Write a small pipeline to start from
#[derive(Args)]
#[command(after_help = "Example:\n  sunward init first")]
pub(crate) struct Init {
    /// The folder, created if it does not exist
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// The answer: what was written.
#[derive(Serialize)]
struct Written {
    path: String,
}

impl View for Written {
    fn page(&self, page: &mut Page) {
        page.line(format!("wrote {}", self.path));
        page.line(format!("next: sunward run {}", self.path));
    }
}

impl Init {
    /// Writes the pipeline. Refuses to replace an existing file.
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let folder = context.folder.join(&self.dir);
        let path = context.folder.join(&self.dir).join("workflow.yaml");
        let shown = if self.dir.as_os_str() == "." {
            "workflow.yaml".to_owned()
        } else {
            sunward_files::as_value(&self.dir.join("workflow.yaml"))
        };
        if path.symlink_metadata().is_ok() {
            return Err(wrong_input(format!(
                "{shown} already exists and was not changed; give another folder: sunward init DIR"
            )));
        }
        fs::create_dir_all(&folder).map_err(|error| {
            wrong_input(format!(
                "{} cannot be created: {error}",
                sunward_files::shown(&folder)
            ))
        })?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .with_context(|| format!("{shown} cannot be written"))?;
        file.write_all(WORKFLOW.as_bytes())
            .with_context(|| format!("{shown} cannot be written"))?;
        render::answer(context, &Written { path: shown })?;
        Ok(Exit::Done)
    }
}
