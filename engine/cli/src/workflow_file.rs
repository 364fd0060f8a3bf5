//! Reads and checks a workflow's file, and looks at the files that it names. Creates nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sunward_data::{SourceOptions, probe, probe_input, probe_path};
use sunward_drive::{Listed, foreseen};
use sunward_files::pattern::understood;
use sunward_files::read_regular;
use sunward_workflows::{
    Catalog, Checked, Diagnostic, Facts, FileFact, Mentioned, Severity, Sources, Workflow,
    check_bytes, codes, included_path, read_requirements, render_in, to_json_in,
};

use crate::context::Context;
use crate::exit::{Exit, SaidAlready, wrong_input};
use crate::outside::is_present;
use crate::patterns;
use crate::render;
use crate::settings::Settings;
use crate::sheets;
use crate::used_files;

/// The largest file that is read. A larger one is not a workflow, and could fill the memory.
pub(crate) const LARGEST_BYTES: u64 = 64 << 20;

/// A file and the result of its check.
pub(crate) struct Read {
    /// Its absolute path.
    pub(crate) path: PathBuf,
    /// Its path as the user gave it.
    pub(crate) shown: String,
    /// Its text. Bytes that are not UTF-8 are replaced.
    pub(crate) text: String,
    /// Its text and those of the files that it uses.
    pub(crate) sources: Sources,
    /// The result of the check.
    pub(crate) checked: Checked,
    /// What its patterns matched when it was checked.
    pub(crate) listed: Listed,
    /// The limits that the user's settings state.
    limits: BTreeMap<String, u32>,
}

impl Read {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Fails if there is no such file, or it cannot be read, which is the user's error.
    pub(crate) fn file(context: &Context, file: &Path) -> anyhow::Result<Self> {
        Self::file_given(context, file, BTreeSet::new())
    }

    /// As [`Read::file`], for a call that gives the params of these names.
    ///
    /// # Errors
    /// As [`Read::file`].
    pub(crate) fn file_given(
        context: &Context,
        file: &Path,
        given: BTreeSet<String>,
    ) -> anyhow::Result<Self> {
        let shown = sunward_files::shown(file);
        let path = absolute(context, file)?;
        // The path names the workflow in the state, and what it reads is relative to it.
        if path.to_str().is_none() {
            return Err(wrong_input(format!(
                "the workflow's path {} is not UTF-8; rename the file or the folder",
                sunward_files::shown(&path)
            )));
        }
        let unreadable =
            |error: std::io::Error| wrong_input(format!("{shown} cannot be read: {error}"));
        let meta = fs::metadata(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => wrong_input(format!(
                "{shown} does not exist; expected a workflow's YAML file (`sunward init` writes one to start from)"
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
        let settings = Settings::read(context.settings.as_deref())?;
        let facts = Facts {
            given,
            limits: settings.limits.clone(),
            ..facts(&path, &shown, &text)
        };
        let sources = facts.sources(&shown, &text);
        let checked = check_bytes(&bytes, &catalog(), &facts);
        let checked = with_named_files(checked, &path, &facts);
        Ok(Self {
            path,
            shown,
            text,
            sources,
            checked,
            listed: facts.patterns,
            limits: settings.limits,
        })
    }

    /// Returns the workflow. Prints mistakes and warnings to stderr.
    ///
    /// # Errors
    /// Fails if there is a mistake. All of them are already printed.
    pub(crate) fn checked(&self, context: &Context) -> anyhow::Result<Workflow> {
        if !self.checked.diagnostics.is_empty() {
            let colour = context.err_style.is_coloured();
            render::say(&render_in(&self.sources, &self.checked.diagnostics, colour));
        }
        if context.json && !self.is_sound() {
            // A program reads stdout, so it gets the mistakes there, in the format of `check`.
            let diagnostics = &self.checked.diagnostics;
            render::machine(&to_json_in(&self.sources, diagnostics))?;
        }
        self.checked
            .workflow
            .clone()
            .ok_or_else(|| anyhow::Error::new(SaidAlready(Exit::WrongInput)))
    }

    /// The limits of what the stages share, by name: of the file's and the settings' the smaller.
    pub(crate) fn limits_of(&self, workflow: &Workflow) -> BTreeMap<String, u32> {
        let stages = workflow.stages.values();
        let names = stages.flat_map(|stage| stage.resources.shared.keys());
        let limit = |name: &String| {
            let stated = [workflow.limits.get(name), self.limits.get(name)];
            let least = stated.into_iter().flatten().min()?;
            Some((name.clone(), *least))
        };
        names.filter_map(limit).collect()
    }

    /// True if the file has no error, so that it can run.
    pub(crate) fn is_sound(&self) -> bool {
        self.checked
            .diagnostics
            .iter()
            .all(|diagnostic| diagnostic.severity != Severity::Error)
    }
}

/// The result of a check, with what is wrong with the files that rows of tables name, and with
/// scatters over files, as far as their names show it.
fn with_named_files(mut checked: Checked, path: &Path, facts: &Facts) -> Checked {
    let Some(workflow) = &checked.workflow else {
        return checked;
    };
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let none = BTreeMap::new();
    let mut found = sheets::mistakes(workflow, folder, &facts.given);
    found.extend(workflow.stages.values().filter_map(|stage| {
        let why = foreseen(workflow, &none, (folder, &facts.patterns), stage)?;
        let input = stage.scattered_input();
        let place = input.map_or(stage.span, |input| input.span);
        Some(Diagnostic::error(codes::UNPAIRED, place, why))
    }));
    if !found.is_empty() {
        checked.workflow = None;
        checked.diagnostics.extend(found);
    }
    checked
}

/// The kernels that stages may name.
pub(crate) fn catalog() -> Catalog {
    sunward_kernels::library().catalog()
}

/// The file's absolute path, which is the same for all spellings. A link to a file is not
/// resolved, so that the files beside the link are found.
fn absolute(context: &Context, file: &Path) -> anyhow::Result<PathBuf> {
    let path = context.folder.join(file);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(wrong_input(format!(
            "{} does not name a file; expected a workflow's YAML file",
            sunward_files::shown(file)
        )));
    };
    Ok(fs::canonicalize(folder)
        .unwrap_or_else(|_| folder.to_path_buf())
        .join(name))
}

/// Reads the files that the text uses, and examines every file that it and they mention.
fn facts(path: &Path, shown: &str, text: &str) -> Facts {
    let mut facts = Facts::default();
    for named in used_files::read_all(path, shown, text, &mut facts) {
        examine(path, named, &mut facts);
    }
    facts
}

/// Why a file that a workflow names cannot be read.
pub(crate) fn unread(error: std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    }
}

/// Reads a file of requirements and those that it includes.
fn requirements(folder: &Path, file: String, facts: &mut Facts) {
    if facts.texts.contains_key(&file) {
        return;
    }
    let text = sunward_files::read_text(&folder.join(&file)).map_err(unread);
    let found = text.as_deref().map(|text| read_requirements(&file, text));
    // What is wrong with a file is told by the check.
    let includes = match found {
        Ok(Ok(found)) => found.includes,
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    facts.texts.insert(file.clone(), text);
    for included in includes {
        requirements(folder, included_path(&file, &included), facts);
    }
}

/// Examines the files that one file mentions.
fn examine(path: &Path, named: Mentioned, facts: &mut Facts) {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let place = |path: &str| folder.join(path).to_string_lossy().into_owned();
    let mut read = BTreeSet::new();
    for (data, input) in named.readings {
        let found = facts.readings.entry((data.clone(), input.reading()));
        found.or_insert_with(|| probe_input(&place(&data), &input));
        read.insert(data);
    }
    for data in named.data_paths {
        // Files that inputs read are already examined, with the inputs' options.
        if !read.contains(&data) {
            let found = facts.files.entry(data);
            found.or_insert_with_key(|data| probe(&place(data), &SourceOptions::default()));
        }
    }
    for pattern in named.patterns {
        let found = patterns::matched(path, &pattern);
        facts.patterns.insert(pattern, found);
    }
    let globs = named.globs.into_iter();
    facts.globs.extend(
        globs.filter_map(|glob| Some((glob.clone(), understood(&glob).err()?.to_string()))),
    );
    for file in named.files {
        let found = probe_path(&place(&file));
        facts.files.entry(file).or_insert(found);
    }
    for file in named.requirements {
        requirements(folder, file, facts);
    }
    for file in named.conda {
        let place = folder.join(&file);
        let text = facts.texts.entry(file);
        text.or_insert_with(|| sunward_files::read_text(&place).map_err(unread));
    }
    let home = std::env::var_os("HOME");
    let words = named.outside_words.into_iter();
    facts
        .present
        .extend(words.filter(|word| is_present(word, folder, home.as_deref())));
    for word in named.run_words {
        if folder.join(&word).exists() {
            facts.beside.push(word);
        } else {
            facts.files.entry(word).or_insert(FileFact::Missing);
        }
    }
}
