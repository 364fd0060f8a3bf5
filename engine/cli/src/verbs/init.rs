//! `sunward init [DIR]`: writes a pipeline that runs at once, to start from, and its tests.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::render::{self, Page, View};

/// What a pipeline can start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// Pi, in slices that run side by side
    #[default]
    First,
    /// One task for each file
    Files,
    /// A threshold over scores, and an optional filter
    Screen,
    /// Patterns of a climate field in NetCDF
    Climate,
    /// Your own kernel in CUDA C++
    Gpu,
    /// A pipeline that a CI service tests
    Ci,
}

/// The files of a template: their names and contents. The pipeline is first, its tests are next.
type Files = &'static [(&'static str, &'static [u8])];

macro_rules! files {
    ($template:literal: $($name:literal from $source:literal),+) => {
        &[$((
            $name,
            include_bytes!(concat!("../../templates/", $template, "/", $source)),
        )),+]
    };
}

const FIRST: Files = files!("first":
    "workflow.yaml" from "workflow.yaml",
    "workflow.test.yaml" from "workflow.test.yaml",
    "expected/pi.csv" from "pi.csv");
const FILES: Files = files!("files":
    "workflow.yaml" from "workflow.yaml",
    "workflow.test.yaml" from "workflow.test.yaml",
    "expected/ranked.csv" from "ranked.csv",
    "data/coast.csv" from "data/coast.csv",
    "data/hill.csv" from "data/hill.csv",
    "data/valley.csv" from "data/valley.csv");
const SCREEN: Files = files!("screen":
    "workflow.yaml" from "workflow.yaml",
    "workflow.test.yaml" from "workflow.test.yaml",
    "expected/ranked.csv" from "ranked.csv",
    "scores.csv" from "scores.csv");
const CLIMATE: Files = files!("climate":
    "workflow.yaml" from "workflow.yaml",
    "workflow.test.yaml" from "workflow.test.yaml",
    "expected/variance.csv" from "variance.csv",
    "data/tas.nc" from "data/tas.nc");
const GPU: Files = files!("gpu":
    "workflow.yaml" from "workflow.yaml",
    "workflow.test.yaml" from "workflow.test.yaml",
    "expected/result.csv" from "result.csv",
    "line.cu" from "line.cu",
    "table.csv" from "table.csv");
const CI: Files = files!("ci":
    "workflow.yaml" from "workflow.yaml",
    "workflow.test.yaml" from "workflow.test.yaml",
    "expected/sum.csv" from "sum.csv",
    "table.csv" from "table.csv",
    ".github/workflows/pipeline.yaml" from "pipeline.yaml");

impl Template {
    const fn files(self) -> Files {
        match self {
            Self::First => FIRST,
            Self::Files => FILES,
            Self::Screen => SCREEN,
            Self::Climate => CLIMATE,
            Self::Gpu => GPU,
            Self::Ci => CI,
        }
    }
}

/// Write a small pipeline to start from, with tests
#[derive(Args)]
#[command(after_help = "Example:\n  sunward init first\n  sunward init --template files mine")]
pub(crate) struct Init {
    /// The folder, created if it does not exist
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// What to start from
    #[arg(long, value_enum, default_value_t)]
    template: Template,
}

/// The answer: what was written.
#[derive(Serialize)]
struct Written {
    /// The pipeline.
    path: String,
    /// Its tests.
    tests: String,
    /// All other files.
    files: Vec<String>,
}

impl View for Written {
    fn page(&self, page: &mut Page) {
        page.line(format!("wrote {} and {}", self.path, self.tests));
        if !self.files.is_empty() {
            page.line(format!("and beside them {}", self.files.join(", ")));
        }
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
        let files = self.template.files();
        let there = |name: &str| folder.join(name).symlink_metadata().is_ok();
        if let Some((name, _)) = files.iter().find(|(name, _)| there(name)) {
            return Err(wrong_input(format!(
                "{} already exists and was not changed; give another folder: sunward init DIR",
                shown(name)
            )));
        }
        for (name, bytes) in files {
            let path = folder.join(name);
            let parent = path.parent().unwrap_or(&folder);
            fs::create_dir_all(parent).map_err(|error| {
                wrong_input(format!(
                    "{} cannot be created: {error}",
                    sunward_files::shown(parent)
                ))
            })?;
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&path)
                .with_context(|| format!("{} cannot be written", shown(name)))?;
            file.write_all(bytes)
                .with_context(|| format!("{} cannot be written", shown(name)))?;
        }
        let mut names = files.iter().map(|(name, _)| shown(name));
        let written = Written {
            path: names.next().unwrap_or_default(),
            tests: names.next().unwrap_or_default(),
            files: names.collect(),
        };
        render::answer(context, &written)?;
        Ok(Exit::Done)
    }
}
