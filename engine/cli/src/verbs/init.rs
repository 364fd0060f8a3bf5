//! `sunward init [DIR]`: writes a small pipeline that runs at once, to start from, and its tests.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::render::{self, Page, View};

/// The files: their names and texts. The pipeline is first.
const FILES: [(&str, &str); 3] = [
    ("workflow.yaml", include_str!("init.yaml")),
    ("workflow.test.yaml", include_str!("init.test.yaml")),
    ("expected/pi.csv", include_str!("init.pi.csv")),
];

/// Write a small pipeline to start from, with tests
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
    /// The pipeline.
    path: String,
    /// Its tests.
    tests: String,
}

impl View for Written {
    fn page(&self, page: &mut Page) {
        page.line(format!("wrote {} and {}", self.path, self.tests));
        page.line(format!("next: sunward run {}", self.path));
    }
}

impl Init {
    /// Writes the pipeline and its tests. Refuses to replace an existing file.
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let folder = context.folder.join(&self.dir);
        let shown = |name: &str| match self.dir.as_os_str() == "." {
            true => name.to_owned(),
            false => sunward_files::as_value(&self.dir.join(name)),
        };
        let there = |name: &&str| folder.join(name).symlink_metadata().is_ok();
        if let Some(name) = FILES.map(|(name, _)| name).iter().find(|name| there(name)) {
            return Err(wrong_input(format!(
                "{} already exists and was not changed; give another folder: sunward init DIR",
                shown(name)
            )));
        }
        let expected = folder.join("expected");
        fs::create_dir_all(&expected).map_err(|error| {
            wrong_input(format!(
                "{} cannot be created: {error}",
                sunward_files::shown(&expected)
            ))
        })?;
        for (name, text) in FILES {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(folder.join(name))
                .with_context(|| format!("{} cannot be written", shown(name)))?;
            file.write_all(text.as_bytes())
                .with_context(|| format!("{} cannot be written", shown(name)))?;
        }
        let [(workflow, _), (tests, _), _] = FILES;
        let written = Written {
            path: shown(workflow),
            tests: shown(tests),
        };
        render::answer(context, &written)?;
        Ok(Exit::Done)
    }
}
