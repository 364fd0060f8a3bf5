//! Reads values for a workflow's parameters from `-p name=value` and `--params FILE`, and makes
//! their paths absolute.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use sunward_data::{SourceOptions, not_fetched, probe, probe_input, probe_path};
use sunward_files::pattern::{escaped, expand};
use sunward_workflows::{
    BindError, FileFact, Given, Input, Param, ParamType, Value, Workflow, bind, bind_used,
    enclosing, is_in_bucket, is_pattern, own_name, read_params,
};

use crate::context::Context;
use crate::exit::wrong_input;

/// The options that give parameters.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ParamArgs {
    /// Set a parameter; may be given more than once; paths are relative to the current folder
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE")]
    pairs: Vec<String>,
    /// Read parameters from a YAML or JSON file; paths are relative to that file; -p overrides it
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
}

/// One given value, and the folder to which its paths are relative.
struct Known {
    given: Given,
    folder: PathBuf,
}

impl ParamArgs {
    /// The file that `--params` names.
    pub(crate) fn file(&self, context: &Context) -> Option<PathBuf> {
        let file = self.params.as_ref()?;
        Some(context.folder.join(file))
    }

    /// Checks every parameter's value. The paths in the result are absolute and exist.
    ///
    /// # Errors
    /// Fails with a list of all values that are unknown, are missing, or do not fit.
    pub(crate) fn bind(
        &self,
        context: &Context,
        workflow: &Workflow,
        file: &Path,
    ) -> anyhow::Result<BTreeMap<String, Value>> {
        let given = self.read(context)?;
        let list: Vec<(String, Given)> = given
            .iter()
            .map(|(name, known)| (name.clone(), known.given.clone()))
            .collect();
        let mut values = bind(workflow, &list).map_err(unbound)?;
        let beside = file.parent().unwrap_or_else(|| Path::new("/"));
        let mut missing = Vec::new();
        for (name, param) in &workflow.params {
            let Some(value) = values.get_mut(name) else {
                continue;
            };
            let folder = given
                .get(name)
                .map_or(beside, |known| known.folder.as_path());
            settle(
                workflow,
                (name, param),
                value,
                (folder, beside),
                &mut missing,
            );
        }
        bind_in_files(workflow, &mut values, beside, missing)?;
        Ok(values)
    }

    /// The names of the parameters that are given.
    ///
    /// # Errors
    /// Fails if a `-p` is not NAME=VALUE or repeats a name, or if the file cannot be read.
    pub(crate) fn names(&self, context: &Context) -> anyhow::Result<BTreeSet<String>> {
        Ok(self.read(context)?.into_keys().collect())
    }

    fn read(&self, context: &Context) -> anyhow::Result<BTreeMap<String, Known>> {
        let mut known = BTreeMap::new();
        if !self.pairs.is_empty() && context.folder.to_str().is_none() {
            return Err(wrong_input(format!(
                "-p: paths are relative to the folder {}, whose name is not UTF-8; start sunward in another folder",
                sunward_files::shown(&context.folder)
            )));
        }
        if let Some(file) = &self.params {
            let path = context.folder.join(file);
            let folder = path
                .parent()
                .unwrap_or_else(|| Path::new("/"))
                .to_path_buf();
            if folder.to_str().is_none() {
                return Err(wrong_input(format!(
                    "--params: paths in it are relative to the folder {}, whose name is not UTF-8; move the file",
                    sunward_files::shown(&folder)
                )));
            }
            for (name, value) in read_file(file, &path)? {
                let given = Given::Value(value);
                let folder = folder.clone();
                known.insert(name, Known { given, folder });
            }
        }
        let mut seen = BTreeSet::new();
        for pair in &self.pairs {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(wrong_input(format!(
                    "-p {pair}: expected NAME=VALUE, as in -p top_k=10"
                )));
            };
            if !seen.insert(name) {
                return Err(wrong_input(format!(
                    "-p {name} is given more than once; give it once"
                )));
            }
            let given = Given::Text(value.to_owned());
            let folder = context.folder.clone();
            known.insert(name.to_owned(), Known { given, folder });
        }
        Ok(known)
    }
}

/// The values of a workflow's parameters in a finished run, for its file as it is now. Their paths are
/// absolute.
///
/// # Errors
/// Fails with a list of all values that are missing or do not fit.
pub(crate) fn bind_again(
    workflow: &Workflow,
    file: &Path,
    before: &BTreeMap<String, Value>,
) -> anyhow::Result<BTreeMap<String, Value>> {
    let known = before.iter();
    let kept: Vec<(String, Given)> = known
        .filter(|(name, _)| workflow.params.contains_key(*name))
        .map(|(name, value)| (name.clone(), Given::Value(value.clone())))
        .collect();
    let mut values = bind(workflow, &kept).map_err(unbound)?;
    let beside = file.parent().unwrap_or_else(|| Path::new("/"));
    bind_in_files(workflow, &mut values, beside, Vec::new())?;
    Ok(values)
}

/// Adds the values of the parameters of the files that stages use. `beside` is the workflow's folder,
/// and `missing` has a message for each file of the workflow's own parameters that does not exist.
///
/// # Errors
/// Fails with a list of the values that do not fit, or else of all files that do not exist.
fn bind_in_files(
    workflow: &Workflow,
    values: &mut BTreeMap<String, Value>,
    beside: &Path,
    mut missing: Vec<String>,
) -> anyhow::Result<()> {
    let mut settle = |name: &str, param: &Param, value: &mut Value| {
        settle(
            workflow,
            (name, param),
            value,
            (beside, beside),
            &mut missing,
        );
    };
    bind_used(workflow, values, &mut settle).map_err(unbound)?;
    match missing.is_empty() {
        true => Ok(()),
        false => Err(refused(&missing)),
    }
}

fn unbound(errors: Vec<BindError>) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    refused(&lines)
}

/// One error for several mistakes, a line each.
fn refused(mistakes: &[String]) -> anyhow::Error {
    wrong_input(mistakes.join("\nerror: "))
}

/// Makes the paths of a value absolute, and looks for the files. Paths are relative to the first
/// folder; the second is the workflow's.
fn settle(
    workflow: &Workflow,
    (name, param): (&str, &Param),
    value: &mut Value,
    (folder, beside): (&Path, &Path),
    missing: &mut Vec<String>,
) {
    let inputs: Vec<&Input> = workflow.readers(name).collect();
    let is_path = matches!(param.kind, ParamType::Path | ParamType::Table)
        || (param.kind == ParamType::List && !inputs.is_empty());
    if param.kind == ParamType::Files {
        make_files_absolute(value, folder);
        let optional = !inputs.is_empty() && inputs.iter().all(|input| input.optional);
        look_for_files(name, value, optional, missing);
    } else if is_path {
        make_absolute(value, folder);
        let as_table = param.kind == ParamType::Table;
        look(name, value, &inputs, as_table, missing);
    } else if param.kind == ParamType::List
        && (folder != beside || is_given_from_outside(workflow, name))
    {
        name_absolutely(value, folder);
    }
}

/// Whether a parameter of a file gets its value from a file in another folder.
fn is_given_from_outside(workflow: &Workflow, name: &str) -> bool {
    let used = enclosing(name).and_then(|around| workflow.uses.get(around));
    used.is_some_and(|used| used.given.contains(own_name(name)) && used.folder() != ".")
}

/// Reads a file of parameters. Messages name it as `shown`.
fn read_file(shown: &Path, path: &Path) -> anyhow::Result<Vec<(String, Value)>> {
    let shown = sunward_files::shown(shown);
    let text = sunward_files::read_text(path)
        .map_err(|error| wrong_input(format!("--params {shown} cannot be read: {error}")))?;
    read_params(&text)
        .map_err(|error| wrong_input(format!("--params {shown} cannot be used: {error}")))
}

fn make_absolute(value: &mut Value, folder: &Path) {
    match value {
        Value::String(path) if !path.contains("://") => {
            let path_given = folder.join(&*path);
            // Two spellings of one path are the same value.
            let full = fs::canonicalize(&path_given).ok();
            // A link may lead to a name that is not UTF-8. Its own name is as good.
            let full = full.filter(|full| full.to_str().is_some());
            *path = full.unwrap_or(path_given).to_string_lossy().into_owned();
        }
        Value::List(list) => list.iter_mut().for_each(|one| make_absolute(one, folder)),
        _ => {}
    }
}

/// Makes the paths and patterns of a parameter of type files absolute.
fn make_files_absolute(value: &mut Value, folder: &Path) {
    let Value::List(list) = value else { return };
    for one in list {
        match one {
            // Nobody looks into a bucket before a plan or a run.
            Value::String(text) if is_in_bucket(text) => {}
            Value::String(text) if is_pattern(text) => {
                if !text.starts_with('/') {
                    let folder = escaped(&folder.to_string_lossy());
                    *text = format!("{folder}/{}", text.trim_start_matches("./"));
                }
            }
            other => make_absolute(other, folder),
        }
    }
}

/// Checks that every path of a parameter of type files exists, and that its patterns match files.
fn look_for_files(name: &str, value: &Value, optional: bool, missing: &mut Vec<String>) {
    let Value::List(list) = value else { return };
    let texts = list.iter().map(Value::to_text);
    for text in texts.filter(|text| !is_in_bucket(text)) {
        let problem = match is_pattern(&text) {
            false if Path::new(&text).exists() => None,
            false => Some("does not exist; give a file that exists".to_owned()),
            true => match expand(Path::new("/"), &text) {
                Ok(found) if found.is_empty() && !optional => Some("matches no file".to_owned()),
                Ok(_) => None,
                Err(why) => Some(format!("cannot be used: {why}")),
            },
        };
        missing.extend(problem.map(|problem| format!("parameter `{name}`: {text} {problem}")));
    }
}

/// Makes texts of a list absolute if they begin with `./` or `../` and name a file in `folder`.
fn name_absolutely(value: &mut Value, folder: &Path) {
    match value {
        Value::String(text)
            if (text.starts_with("./") || text.starts_with("../"))
                && folder.join(&*text).exists() =>
        {
            make_absolute(value, folder);
        }
        Value::List(list) => list.iter_mut().for_each(|one| name_absolutely(one, folder)),
        _ => {}
    }
}

/// Checks the files that a parameter names, with the options of every input that reads them. Adds a
/// message to `missing` for each file that cannot be used.
fn look(name: &str, value: &Value, inputs: &[&Input], as_table: bool, missing: &mut Vec<String>) {
    let path = match value {
        Value::String(path) => path,
        Value::List(list) => {
            for one in list {
                look(name, one, inputs, as_table, missing);
            }
            return;
        }
        _ => return,
    };
    if is_in_bucket(path) && !inputs.is_empty() {
        return;
    }
    if let Some(why) = not_fetched(path) {
        missing.push(format!("parameter `{name}`: {why}"));
        return;
    }
    let facts: Vec<FileFact> = match (inputs, as_table) {
        ([], true) => vec![probe(path, &SourceOptions::default())],
        ([], false) => vec![probe_path(path)],
        (inputs, _) => inputs
            .iter()
            .map(|input| probe_input(path, input))
            .collect(),
    };
    let problem = facts.into_iter().find_map(|fact| match fact {
        FileFact::Missing => Some("does not exist; give a file that exists".to_owned()),
        FileFact::Unreadable(why) => Some(format!("cannot be read: {why}")),
        FileFact::File | FileFact::Folder if as_table => Some(
            "is not a table; expected Arrow, Parquet, CSV, TSV, SMILES, PDBQT, SDF or NetCDF"
                .to_owned(),
        ),
        FileFact::File | FileFact::Folder | FileFact::Table { .. } => None,
    });
    let shown = match path.contains("://") {
        true => path.to_owned(),
        // Without `.` in the middle.
        false => sunward_files::shown(&Path::new(path).components().collect::<PathBuf>()),
    };
    missing.extend(problem.map(|problem| format!("parameter `{name}`: {shown} {problem}")));
}
