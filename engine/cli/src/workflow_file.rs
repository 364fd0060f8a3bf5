//! A workflow's file: read, its surroundings looked at, checked. Nothing is created.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sunward_data::{SourceOptions, probe, probe_input, probe_path};
use sunward_files::read_regular;
use sunward_workflows::{
    Catalog, Checked, Facts, Severity, Workflow, check_bytes, mentioned, render_human, to_json,
};

use crate::context::Context;
use crate::exit::{Exit, SaidAlready, wrong_input};
use crate::render;

/// Files larger than this are no pipelines; reading one by mistake should not fill the memory.
const LARGEST_BYTES: u64 = 64 << 20;

/// A file and what came of checking it.
pub(crate) struct Read {
    /// Its absolute path.
    pub(crate) path: PathBuf,
    /// As the user sees it.
    pub(crate) shown: String,
    /// Its text; what is not UTF-8 was replaced.
    pub(crate) text: String,
    /// What came of checking it.
    pub(crate) checked: Checked,
}

impl Read {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read: the user's to mend.
    pub(crate) fn file(context: &Context, file: &Path) -> anyhow::Result<Self> {
        Self::file_given(context, file, BTreeSet::new())
    }

    /// The same of a file whose params of these names are given beside it.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read: the user's to mend.
    pub(crate) fn file_given(
        context: &Context,
        file: &Path,
        given: BTreeSet<String>,
    ) -> anyhow::Result<Self> {
        let shown = file.display().to_string();
        let path = absolute(context, file)?;
        let unreadable =
            |error: std::io::Error| wrong_input(format!("{shown} cannot be read: {error}"));
        let meta = fs::metadata(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => wrong_input(format!(
                "{shown} does not exist; expected a workflow's YAML file (sunward init writes one to start from)"
            )),
            _ => unreadable(error),
        })?;
        if meta.is_dir() {
            return Err(wrong_input(format!(
                "{shown} is a folder; expected a workflow's YAML file, such as {shown}/workflow.yaml"
            )));
        }
        if meta.len() > LARGEST_BYTES {
            return Err(wrong_input(format!(
                "{shown} has {} bytes, more than a workflow may have ({LARGEST_BYTES}); is it the right file?",
                meta.len()
            )));
        }
        let bytes = read_regular(&path, LARGEST_BYTES).map_err(unreadable)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let facts = Facts {
            given,
            ..facts(&path, &text)
        };
        let checked = check_bytes(&bytes, &catalog(), &facts);
        Ok(Self {
            path,
            shown,
            text,
            checked,
        })
    }

    /// The workflow; mistakes and warnings are said on stderr.
    ///
    /// # Errors
    /// When there is a mistake: all of them were said.
    pub(crate) fn checked(&self, context: &Context) -> anyhow::Result<Workflow> {
        if !self.checked.diagnostics.is_empty() {
            let colour = context.err_style.is_coloured();
            render::say(&render_human(
                &self.shown,
                &self.text,
                &self.checked.diagnostics,
                colour,
            ));
        }
        if context.json && !self.is_sound() {
            // Whoever reads the answer gets the mistakes where the answer would be, as of `check`.
            let diagnostics = &self.checked.diagnostics;
            render::machine(&to_json(&self.shown, &self.text, diagnostics))?;
        }
        self.checked
            .workflow
            .clone()
            .ok_or_else(|| anyhow::Error::new(SaidAlready(Exit::WrongInput)))
    }

    /// Whether nothing in it stops a run.
    pub(crate) fn is_sound(&self) -> bool {
        self.checked
            .diagnostics
            .iter()
            .all(|diagnostic| diagnostic.severity != Severity::Error)
    }
}

/// The kernels that stages may name.
pub(crate) fn catalog() -> Catalog {
    sunward_kernels::library().catalog()
}

/// The file's absolute path, the same however it is named; a link to a file stands for itself, so
/// that what lies beside it is found.
fn absolute(context: &Context, file: &Path) -> anyhow::Result<PathBuf> {
    let path = context.folder.join(file);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(wrong_input(format!(
            "{} does not name a file; expected a workflow's YAML file",
            file.display()
        )));
    };
    Ok(fs::canonicalize(folder)
        .unwrap_or_else(|_| folder.to_path_buf())
        .join(name))
}

/// Looks at every file that the text mentions.
fn facts(path: &Path, text: &str) -> Facts {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let named = mentioned(text);
    let mut facts = Facts::default();
    let place = |path: &str| folder.join(path).to_string_lossy().into_owned();
    let mut read = BTreeSet::new();
    for (path, input) in named.readings {
        let found = facts.readings.entry((path.clone(), input.reading()));
        found.or_insert_with(|| probe_input(&place(&path), &input));
        read.insert(path);
    }
    for data in named.data_paths {
        // What inputs read is known as they read it.
        if !read.contains(&data) {
            let found = probe(&place(&data), &SourceOptions::default());
            facts.files.insert(data, found);
        }
    }
    for file in named.files {
        let found = probe_path(&place(&file));
        facts.files.entry(file).or_insert(found);
    }
    facts.present = named
        .absolute_words
        .into_iter()
        .filter(|word| Path::new(word).exists())
        .collect();
    facts.beside = named
        .run_words
        .into_iter()
        .filter(|word| folder.join(word).exists())
        .collect();
    facts
}
