//! `sunward man DIR`: writes the manual pages of all verbs.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::generate_to;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::render::{self, Page, View};

/// Write manual pages, for example to ~/.local/share/man/man1
#[derive(Args)]
#[command(after_help = "Example:\n  sunward man ~/.local/share/man/man1\n  man sunward-run")]
pub(crate) struct Man {
    /// The folder, created if it does not exist
    dir: PathBuf,
}

/// The answer: what was written.
#[derive(Serialize)]
struct Written {
    folder: String,
    pages: usize,
}

impl View for Written {
    fn page(&self, page: &mut Page) {
        page.line(format!("wrote {} pages to {}", self.pages, self.folder));
    }
}

impl Man {
    /// Writes a page for `command`, which is the whole command line, and one for each verb.
    pub(crate) fn perform(&self, command: Command, context: &Context) -> anyhow::Result<Exit> {
        let folder = context.folder.join(&self.dir);
        let shown = sunward_files::shown(&self.dir);
        let unwritten = || format!("{shown} cannot be written");
        std::fs::create_dir_all(&folder).with_context(unwritten)?;
        generate_to(command, &folder).with_context(unwritten)?;
        let written = std::fs::read_dir(&folder).with_context(unwritten)?;
        let is_ours = |name: &str| name.starts_with("sunward") && name.ends_with(".1");
        let names = written.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let pages = names.filter(|name| is_ours(name)).count();
        let folder = shown.clone();
        render::answer(context, &Written { folder, pages })?;
        Ok(Exit::Done)
    }
}
