//! Makes sure that outputs outside the store do not replace the files from which they are made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sunward_core::{RunSpec, path_texts};
use sunward_data::{local_path, of_others, table_suffix};
use sunward_files::pattern::expand;
use sunward_state::sqlite::DATABASE;
use sunward_worker::environments::python::lock_path;
use sunward_workflows::{
    Form, Output, OutputFormat, ParamType, Python, Reference, Stage, Value, Workflow, is_pattern,
};

use crate::exit::wrong_input;

/// Refuses an output folder in which an output would replace the workflow, a file that it reads, a
/// parameter file, part of the home, or a folder that Sunward did not write.
///
/// # Errors
/// Fails if an output would. The message names all of them.
pub(crate) fn refuse_overwriting(
    out: &Path,
    form: Form,
    spec: &RunSpec,
    home: &Path,
    further: Option<&Path>,
) -> anyhow::Result<()> {
    let (sources, home) = (sources_of(spec, further), settled(home));
    let mistakes: Vec<String> = targets(out, form, spec)
        .iter()
        .filter_map(|(name, target)| {
            let what = clash(target, &sources, &home)?;
            Some(format!(
                "output {name} would be written to {} and replace {what}",
                sunward_files::shown(target)
            ))
        })
        .collect();
    if mistakes.is_empty() {
        return refuse_below_file(out);
    }
    Err(wrong_input(format!(
        "{}; choose another folder with `--out`, or another name for the output",
        mistakes.join("\nerror: ")
    )))
}

/// Refuses an output folder that is a file, or would be below one.
fn refuse_below_file(out: &Path) -> anyhow::Result<()> {
    let mut all = out.ancestors();
    match all.find(|path| path.exists() && !path.is_dir()) {
        None => Ok(()),
        Some(file) => Err(wrong_input(format!(
            "{} is a file; `--out` takes a folder, which is created if it does not exist",
            sunward_files::shown(file)
        ))),
    }
}

/// Refuses a file that would replace the workflow of a run, a file that it reads, part of the
/// home, or a folder.
///
/// # Errors
/// Fails if it would.
pub(crate) fn refuse_file(target: &Path, spec: &RunSpec, home: &Path) -> anyhow::Result<()> {
    match clash(target, &sources_of(spec, None), &settled(home)) {
        None => Ok(()),
        Some(what) => Err(wrong_input(format!(
            "{} would replace {what}; choose another name with `--out`",
            sunward_files::shown(target)
        ))),
    }
}

/// What would be lost if something were written to `path`, as text for a message.
fn clash(path: &Path, sources: &[(String, PathBuf)], home: &Path) -> Option<String> {
    let target = settled(path);
    if home.starts_with(&target) || target.strip_prefix(home).is_ok_and(is_of_the_home) {
        return Some(format!("part of the home, {}", sunward_files::shown(home)));
    }
    let lost = sources.iter().find(|(_, path)| path.starts_with(&target));
    lost.map(|(shown, _)| shown.clone()).or_else(|| {
        let other = of_others(path)?;
        Some(match other == path {
            true => "a folder that Sunward did not write".to_owned(),
            false => format!(
                "its folder with {}, which Sunward did not write; move that away",
                sunward_files::shown(&other)
            ),
        })
    })
}

/// True if a path relative to a home belongs to the engine. Other files may be there too, such as
/// `results`.
fn is_of_the_home(path: &Path) -> bool {
    const OWN: &[&str] = &["runs", "scratch", "store", "python", "engine.lock"];
    let first = path.components().next();
    first.is_some_and(|first| {
        let name = first.as_os_str().to_string_lossy();
        OWN.contains(&&*name) || name.starts_with(DATABASE)
    })
}

/// The name of every output, with the path to which it is written.
fn targets(out: &Path, form: Form, spec: &RunSpec) -> Vec<(String, PathBuf)> {
    let outputs = spec.workflow.outputs.iter();
    let target = |(name, reference): (&String, &Reference)| {
        let Reference::Port { stage, port } = reference else {
            return None;
        };
        let stage = spec.workflow.stages.get(stage)?;
        let output = stage.outputs.get(port)?;
        let path = out.join(file_name(name, stage, output, form));
        Some((name.clone(), path))
    };
    outputs.filter_map(target).collect()
}

/// The name under which an output of a stage is written to a folder, with tables in this form. A
/// folder has the output's name alone.
pub(crate) fn file_name(name: &str, stage: &Stage, output: &Output, form: Form) -> String {
    let suffix = match output.format {
        _ if is_folder(stage, output) => None,
        OutputFormat::File | OutputFormat::Dir | OutputFormat::Files => output.ext.as_deref(),
        OutputFormat::Arrow | OutputFormat::Parquet | OutputFormat::Csv | OutputFormat::Netcdf => {
            Some(table_suffix(form))
        }
    };
    suffix.map_or_else(|| name.to_owned(), |suffix| format!("{name}.{suffix}"))
}

/// Whether an output is a folder: one that a task wrote, or the folder of what the tasks of a
/// scattered stage wrote.
pub(crate) fn is_folder(stage: &Stage, output: &Output) -> bool {
    match output.format {
        OutputFormat::Dir | OutputFormat::Files => true,
        OutputFormat::File => stage.is_scattered(),
        OutputFormat::Arrow | OutputFormat::Parquet | OutputFormat::Csv | OutputFormat::Netcdf => {
            false
        }
    }
}

/// The file or folder that a run reads at the place of `path`, which is relative to the folder of the
/// workflow `file`, or below it or around it.
pub(crate) fn read_at(
    path: &str,
    file: &Path,
    workflow: &Workflow,
    params: &BTreeMap<String, Value>,
) -> Option<String> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let (target, folder) = (settled(&folder.join(path)), settled(folder));
    let sources = sources(file, workflow, params, None).into_iter();
    // A folder that holds the workflow may hold everything else, too.
    let mut ours = sources.filter(|(_, source)| !folder.starts_with(source));
    let lost = ours.find(|(_, source)| source.starts_with(&target) || target.starts_with(source));
    lost.map(|(shown, _)| shown)
}

/// All existing files that a run reads, each with a description for messages.
fn sources_of(spec: &RunSpec, further: Option<&Path>) -> Vec<(String, PathBuf)> {
    sources(Path::new(&spec.path), &spec.workflow, &spec.params, further)
}

fn sources(
    file: &Path,
    workflow: &Workflow,
    params: &BTreeMap<String, Value>,
    further: Option<&Path>,
) -> Vec<(String, PathBuf)> {
    let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    let lock = lock_path(&folder, &Python::default());
    let mut found = vec![
        ("the lock file".to_owned(), lock),
        ("the workflow".to_owned(), file.to_owned()),
    ];
    found.extend(workflow.stages.values().filter_map(|stage| {
        let lock = lock_path(&folder.join(&stage.folder), stage.python.as_ref()?);
        Some((format!("the lock file of stage {}", stage.name), lock))
    }));
    found.extend(workflow.stages.values().filter_map(|stage| {
        let file = &stage.conda.as_ref()?.file;
        let what = format!("the environment of stage {}", stage.name);
        Some((what, folder.join(stage.path(file))))
    }));
    let used = workflow.uses.values();
    found.extend(used.map(|used| ("a file that it uses".to_owned(), folder.join(&used.file))));
    found.extend(further.map(|path| ("the file of parameters".to_owned(), path.to_owned())));
    let mut add = |what: String, path: &str| {
        // Addresses are left out.
        if let Ok(path) = local_path(path) {
            found.push((what, folder.join(path)));
        }
    };
    for stage in workflow.stages.values() {
        for reference in stage.inputs.values().flat_map(|input| &input.from) {
            let what = || format!("an input of stage {}", stage.name);
            match reference {
                Reference::Path(path) | Reference::Url(path) => add(what(), path),
                Reference::Pattern(pattern) => {
                    let files = expand(&folder, pattern).unwrap_or_default();
                    files.iter().for_each(|path| add(what(), path));
                }
                Reference::Port { .. } | Reference::Param(_) | Reference::Item(_) => {}
            }
        }
        for file in &stage.files {
            add(format!("a file of stage {}", stage.name), &stage.path(file));
        }
    }
    for (name, value) in params {
        let what = || format!("the file of -p {name}");
        match value {
            Value::String(text) => add(what(), text),
            Value::List(list) => {
                let kind = workflow.param(name).map(|param| param.kind);
                let texts = list.iter().filter(|_| kind == Some(ParamType::Files));
                for text in texts.map(Value::to_text) {
                    match is_pattern(&text) {
                        true => {
                            let files = expand(&folder, &text).unwrap_or_default();
                            files.iter().for_each(|path| add(what(), path));
                        }
                        false => add(what(), &text),
                    }
                }
            }
            _ => {}
        }
    }
    for text in path_texts(workflow, params) {
        add("a file that the workflow names".to_owned(), &text);
    }
    let there = found.iter().filter(|(_, path)| path.exists());
    there
        .map(|(what, path)| {
            (
                format!("{what}, {}", sunward_files::shown(path)),
                settled(path),
            )
        })
        .collect()
}

/// A path without links and dots. Its last components need not exist yet.
fn settled(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent != path => settled(parent).join(name),
        _ => path.to_owned(),
    }
}
