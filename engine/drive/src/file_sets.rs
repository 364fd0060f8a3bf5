//! Datasets of files: what patterns match, and which task gets which file.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sunward_core::{
    Dataset, DatasetKind, FileGroups, FileRows, Grouping, RunSpec, Tasks, split_names,
};
use sunward_data::DataError;
use sunward_files::pattern::escaped;
use sunward_files::spelling::{REMEDY, composed};
use sunward_workflows::{
    Input, ParamType, Reference, Scatter, Slicing, Stage, Value, Workflow, is_in_bucket,
    is_pattern, names_objects,
};

/// The most files without a partner that a message names.
const PARTNERS_TOLD: usize = 3;

/// A workflow and the values of its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'k> {
    pub(crate) workflow: &'k Workflow,
    pub(crate) params: &'k BTreeMap<String, Value>,
}

impl<'k> From<&'k RunSpec> for Known<'k> {
    fn from(spec: &'k RunSpec) -> Self {
        Self {
            workflow: &spec.workflow,
            params: &spec.params,
        }
    }
}

/// The paths of a source that names files, as written in the workflow; patterns are expanded.
///
/// # Errors
/// Fails if a pattern cannot be expanded, or nothing matches and the input is not optional.
pub(crate) fn named_files(
    known: Known<'_>,
    source: &Reference,
    input: &Input,
    expand: &dyn Fn(&str) -> Result<Vec<String>, DataError>,
) -> Result<Vec<NamedPath>, DataError> {
    let texts = match source {
        Reference::Pattern(pattern) => vec![pattern.clone()],
        Reference::Path(path) => vec![path.clone()],
        Reference::Url(url) => vec![url.clone()],
        Reference::Param(name) => of_param(known, name)?,
        Reference::Item(template) => {
            let message = format!("{template} is a path only with a row of a table");
            return Err(DataError::NoSuch(message));
        }
        Reference::Port { stage, port } => {
            let message = format!("there is no output {stage}.{port}");
            return Err(DataError::NoSuch(message));
        }
    };
    let mut paths = Vec::new();
    for text in &texts {
        if is_in_bucket(text) {
            paths.push(NamedPath {
                path: text.clone(),
                is_matched: false,
            });
        } else if is_set(known, source) && is_pattern(text) {
            paths.extend(expand(text)?.into_iter().map(NamedPath::matched));
        } else {
            // Only a pattern says with a slash that it means folders.
            let path = text.trim_end_matches('/');
            let path = if path.is_empty() { text } else { path };
            paths.push(NamedPath {
                path: path.to_owned(),
                is_matched: false,
            });
        }
    }
    if texts.is_empty() && is_set(known, source) && !input.optional {
        let name = match source {
            Reference::Param(name) => name,
            _ => "it",
        };
        return Err(DataError::NoSuch(format!(
            "`{name}` is an empty list, and names no file; give a pattern or a list of paths, such as \
             `-p '{name}=./data/*.nc'`, or write `optional: true` if there may be no file"
        )));
    }
    if paths.is_empty() && is_set(known, source) && !input.optional {
        return Err(DataError::NoSuch(format!(
            "no file matches {}; correct the pattern, or write `optional: true` if there may be no \
             file",
            texts.join(", ")
        )));
    }
    Ok(paths)
}

/// A path that a source names.
#[derive(Clone, Debug)]
pub(crate) struct NamedPath {
    pub(crate) path: String,
    /// Whether a pattern matched it. It is then known to be a file, or with a slash at its end a
    /// folder.
    is_matched: bool,
}

impl NamedPath {
    const fn matched(path: String) -> Self {
        Self {
            path,
            is_matched: true,
        }
    }
}

/// The same paths, with the files in a folder in place of the folder. A path that a pattern matched
/// stays as it is.
pub(crate) fn with_contents(
    folder: &Path,
    paths: Vec<NamedPath>,
    listed: &dyn Fn(&str) -> Result<Vec<String>, DataError>,
) -> Result<Vec<String>, DataError> {
    let mut all = Vec::with_capacity(paths.len());
    for NamedPath { path, is_matched } in paths {
        if is_matched || !folder.join(&path).is_dir() {
            all.push(path);
            continue;
        }
        all.extend(listed(&format!("{}/*", escaped(&path)))?);
    }
    Ok(all)
}

/// Whether a source is several files by what is written: a pattern, or a parameter of type files.
pub(crate) fn is_set(known: Known<'_>, source: &Reference) -> bool {
    match source {
        Reference::Pattern(_) | Reference::Item(_) => true,
        Reference::Param(name) => {
            let param = known.workflow.param(name);
            param.is_some_and(|param| param.kind == ParamType::Files)
        }
        Reference::Url(url) => names_objects(url),
        Reference::Port { .. } | Reference::Path(_) => false,
    }
}

fn of_param(known: Known<'_>, name: &str) -> Result<Vec<String>, DataError> {
    let text = |value: &Value| match value {
        Value::String(path) => Some(path.clone()),
        _ => None,
    };
    let texts = match known.params.get(name) {
        Some(Value::List(list)) => list.iter().map(text).collect(),
        Some(value) => text(value).map(|path| vec![path]),
        None => None,
    };
    texts.ok_or_else(|| {
        DataError::NoSuch(format!(
            "parameter `{name}` has no path; set it with `-p {name}=PATH`"
        ))
    })
}

/// Files with their paths as one dataset of files of a stage. `match:` gives them further columns.
/// Folders are as the stage's own file states them, so that they do not depend on who uses it.
///
/// # Errors
/// Fails if there are files and folders, one file is named twice, or `match:` does not split a name.
pub(crate) fn as_set(
    stage: &Stage,
    paths: &[String],
    files: &[Dataset],
    input: &Input,
) -> Result<Dataset, DataError> {
    let kind = files.first().map_or(DatasetKind::File, |first| first.kind);
    if let Some(at) = files.iter().position(|file| file.kind != kind) {
        return Err(DataError::NoSuch(format!(
            "{} is a {}, and the others are {}s; give files and folders separate ports",
            paths[at], files[at].kind, kind
        )));
    }
    let stated: Cow<'_, [String]> = match stage.folder.is_empty() {
        true => paths.into(),
        false => paths.iter().map(|path| stage.stated(path).into()).collect(),
    };
    let split = |path: &String| match path.trim_end_matches('/').rsplit_once('/') {
        Some((folder, name)) => (folder.to_owned(), name.to_owned()),
        None => (".".to_owned(), path.clone()),
    };
    let (folders, names) = stated.iter().map(split).unzip();
    let rows = FileRows {
        names,
        folders,
        numbered: false,
        columns: split_columns(&stated, input)?,
    };
    let parts = files.iter().flat_map(|file| file.parts.iter().copied());
    Ok(Dataset::of_files(kind, parts.collect(), rows))
}

fn split_columns(paths: &[String], input: &Input) -> Result<Vec<(String, Vec<Value>)>, DataError> {
    let Some(source) = &input.split else {
        return Ok(Vec::new());
    };
    split_names(source, paths).map_err(DataError::NoSuch)
}

/// The file of a stage that runs once, as a dataset of one file. `name` is what it is called if it has
/// no name of its own.
pub(crate) fn of_one(file: Dataset, name: String) -> Dataset {
    let rows = file.files.unwrap_or_else(|| FileRows::unnamed(name, 1));
    Dataset::of_files(file.kind, file.parts, rows)
}

/// Files that a stage wrote, with the columns that `match:` adds.
///
/// # Errors
/// Fails if `match:` does not split a name.
pub(crate) fn with_columns(mut files: Dataset, input: &Input) -> Result<Dataset, DataError> {
    let Some(rows) = files.files.as_mut().filter(|_| input.split.is_some()) else {
        return Ok(files);
    };
    let columns = split_columns(&rows.paths(), input)?;
    let is_new = |column: &String| columns.iter().any(|(known, _)| known == column);
    rows.columns.retain(|(column, _)| !is_new(column));
    rows.columns.extend(columns);
    Ok(files)
}

/// The tasks of a scatter over files, or why there are none. `of_port` gives the stage's inputs.
///
/// # Errors
/// Fails if a column does not exist, or files have no partner or several. The message names them.
pub(crate) fn groups<'d>(
    scatter: &Scatter,
    of_port: impl Fn(&str) -> Option<&'d Dataset>,
) -> Option<Result<FileGroups, String>> {
    let files = |port: &str| of_port(port).filter(|dataset| dataset.files.is_some());
    match scatter {
        Scatter::Input { port, slicing } => {
            let dataset = files(port)?;
            Some(grouped(port, slicing, dataset))
        }
        Scatter::Zip { ports, by, share } => {
            let inputs = ports.iter().map(|port| {
                let dataset = files(port);
                dataset
                    .map(|dataset| (port.as_str(), dataset))
                    .ok_or_else(|| {
                        format!("`zip` pairs files, and `{port}` is not a dataset of files")
                    })
            });
            let inputs = match inputs.collect::<Result<Vec<_>, _>>() {
                Ok(inputs) => inputs,
                Err(why) => return Some(Err(why)),
            };
            Some(match by {
                None => by_position(&inputs),
                Some(column) => by_value(&inputs, column, share.as_deref()),
            })
        }
        Scatter::One | Scatter::Items(_) | Scatter::Range(_) | Scatter::Matrix(_) => None,
    }
}

fn grouped(port: &str, slicing: &Slicing, dataset: &Dataset) -> Result<FileGroups, String> {
    let all = dataset.parts.len();
    let (count, grouping, by) = match slicing {
        Slicing::Row | Slicing::Parts => (all, Grouping::Each, None),
        Slicing::Rows(size) => {
            let per_task = usize::try_from((*size).max(1)).unwrap_or(usize::MAX);
            (all.div_ceil(per_task), Grouping::Batches(*size), None)
        }
        Slicing::By(column) => {
            let values = column_of(port, dataset, column)?;
            let (values, lists): (Vec<Value>, Vec<Vec<u32>>) = by_text(&values).into_iter().unzip();
            (
                lists.len(),
                Grouping::Listed(lists),
                Some((column.clone(), values)),
            )
        }
    };
    Ok(FileGroups {
        count: counted(count),
        ports: vec![(port.to_owned(), grouping)],
        by,
        zipped: false,
    })
}

fn by_position(inputs: &[(&str, &Dataset)]) -> Result<FileGroups, String> {
    let counts: Vec<usize> = inputs
        .iter()
        .map(|(_, dataset)| dataset.parts.len())
        .collect();
    let first = counts.first().copied().unwrap_or(0);
    if counts.iter().any(|count| *count != first) {
        let told: Vec<String> = inputs
            .iter()
            .zip(&counts)
            .map(|((port, _), count)| format!("{count} of `{port}`"))
            .collect();
        return Err(format!(
            "`zip` pairs files by position, and there are {}; pair them by a column instead, with `by:`",
            told.join(" and ")
        ));
    }
    let ports = inputs.iter();
    Ok(FileGroups {
        count: counted(first),
        ports: ports
            .map(|(port, _)| ((*port).to_owned(), Grouping::Each))
            .collect(),
        by: None,
        zipped: true,
    })
}

/// The files of one input by the text of their value, in the order of the files.
type ByValue = BTreeMap<String, (Value, Vec<u32>)>;

/// A task for each value. With an input that is shared, a task for each file of the only other one; with
/// several others, these have one file for each value.
fn by_value(
    inputs: &[(&str, &Dataset)],
    column: &str,
    share: Option<&str>,
) -> Result<FileGroups, String> {
    let mut found: Vec<ByValue> = Vec::with_capacity(inputs.len());
    let mut lead = Vec::new();
    let own: Vec<&str> = inputs.iter().map(|(port, _)| *port).collect();
    let own: Vec<&str> = own
        .into_iter()
        .filter(|port| Some(*port) != share)
        .collect();
    let leads = |port: &str| own.first() == Some(&port);
    for (port, dataset) in inputs {
        let values = column_of(port, dataset, column)?;
        let of_port = by_text(&values).into_iter();
        let of_port = of_port.map(|(value, rows)| (value.to_text(), (value, rows)));
        found.push(of_port.collect());
        if leads(port) {
            lead = values;
        }
    }
    for ((port, dataset), of_port) in inputs.iter().zip(&found) {
        let has_many = share.is_some() && own == [*port];
        if !has_many {
            one_partner((port, dataset), of_port, column, share)?;
        }
    }
    all_have_partners(inputs, &found, column)?;
    let partner = |of_port: &ByValue, value: &Value| {
        let (_, rows) = of_port.get(&value.to_text())?;
        rows.first().copied()
    };
    let ports = inputs.iter().zip(&found).map(|((port, _), of_port)| {
        let rows = match leads(port) {
            true => (0_u32..).zip(&lead).map(|(row, _)| row).collect(),
            false => lead
                .iter()
                .filter_map(|value| partner(of_port, value))
                .collect(),
        };
        ((*port).to_owned(), Grouping::Paired(rows))
    });
    Ok(FileGroups {
        count: counted(lead.len()),
        ports: ports.collect(),
        by: Some((column.to_owned(), lead)),
        zipped: true,
    })
}

/// Checks that an input has one file for each value.
fn one_partner(
    (port, dataset): (&str, &Dataset),
    of_port: &ByValue,
    column: &str,
    share: Option<&str>,
) -> Result<(), String> {
    let several = of_port.iter().find(|(_, (_, rows))| rows.len() > 1);
    let Some((text, (_, rows))) = several else {
        return Ok(());
    };
    let mut names: Vec<String> = rows.iter().map(|row| name_of(dataset, *row)).collect();
    let further = names.len().saturating_sub(PARTNERS_TOLD);
    names.truncate(PARTNERS_TOLD);
    if further > 0 {
        names.push(format!("{further} more"));
    }
    let remedy = match share {
        None => "; if they all belong to one file of another input, name that one in `share:`",
        Some(_) => "",
    };
    Err(format!(
        "{} files of `{port}` have {column} {text}: {}; `zip` needs one of each{remedy}",
        rows.len(),
        names.join(", "),
    ))
}

/// Whether every value of one input is one of each other input.
fn all_have_partners(
    inputs: &[(&str, &Dataset)],
    found: &[ByValue],
    column: &str,
) -> Result<(), String> {
    for ((port, dataset), of_port) in inputs.iter().zip(found) {
        for ((other, _), of_other) in inputs.iter().zip(found) {
            let single = of_port.iter();
            let single = single.filter(|(text, _)| !of_other.contains_key(*text));
            let single =
                single.flat_map(|(text, (_, rows))| rows.iter().map(move |row| (text, row)));
            let mut told: Vec<String> = single
                .clone()
                .take(PARTNERS_TOLD)
                .map(|(text, row)| format!("{} ({column} {text})", name_of(dataset, *row)))
                .collect();
            let further = single.count().saturating_sub(told.len());
            if further > 0 {
                told.push(format!("{further} more"));
            }
            if !told.is_empty() {
                let look_alike = look_alike(of_port, of_other);
                return Err(format!(
                    "of `{port}`, these have no partner in `{other}`, which is a file there with the same \
                     {column}: {}{look_alike}",
                    told.join(", ")
                ));
            }
        }
    }
    Ok(())
}

/// A remark on a value of one input that looks like one of another input and has other bytes, if there
/// is one.
fn look_alike<T>(of_port: &BTreeMap<String, T>, of_other: &BTreeMap<String, T>) -> String {
    let others: BTreeSet<String> = of_other.keys().map(|text| composed(text)).collect();
    let mut single = of_port.keys().filter(|text| !of_other.contains_key(*text));
    match single.find(|text| others.contains(&composed(text))) {
        Some(text) => format!("; there is a {text} in another spelling: {REMEDY}"),
        None => String::new(),
    }
}

/// Whether every task can have its files under their names: no two of them have the same path.
///
/// # Errors
/// Returns which path two files of a task would have.
pub(crate) fn no_collisions(
    stage: &Stage,
    inputs: &[Dataset],
    tasks: &Tasks,
) -> Result<(), String> {
    let twice = |dataset: &Dataset| dataset.files.as_ref().and_then(FileRows::collision);
    for (port, dataset) in stage.inputs.keys().zip(inputs) {
        let Some(path) = twice(dataset) else { continue };
        let path = match tasks.files() {
            Some(groups) if groups.divides(port) => {
                let mut all = (0..groups.count).filter_map(|at| groups.of_task(at, port, dataset));
                let Some(path) = all.find_map(|files| twice(&files)) else {
                    continue;
                };
                path
            }
            _ => path,
        };
        return Err(match stage.row_files().any(|(named, _)| named == port) {
            true => format!(
                "input `{port}`: two rows of one task name the same file, {path}; name each file once in a group"
            ),
            false => format!(
                "input `{port}`: two files would be {path} in the folder of a task; name each file once, \
                 and give those of one name to separate inputs"
            ),
        });
    }
    Ok(())
}

/// The values of a column, one for each file.
fn column_of(port: &str, dataset: &Dataset, column: &str) -> Result<Vec<Value>, String> {
    let rows = (0..dataset.parts.len()).filter_map(|at| dataset.file_row(at));
    rows.map(|row| match row {
        Value::Map(cells) => {
            let names: Vec<&str> = cells.iter().map(|(name, _)| name.as_str()).collect();
            let missing = format!(
                "the files of `{port}` have no column {column}; the columns are: {}; `match:` adds columns",
                names.join(", ")
            );
            let found = cells.into_iter().find(|(name, _)| name == column);
            found.map(|(_, value)| value).ok_or(missing)
        }
        other => Ok(other),
    })
    .collect()
}

/// The rows of each value, in the order of their first rows. Values are equal by their text.
fn by_text(values: &[Value]) -> Vec<(Value, Vec<u32>)> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<(Value, Vec<u32>)> = Vec::new();
    for (row, value) in (0_u32..).zip(values) {
        let place = *places.entry(value.to_text()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((value.clone(), vec![row])),
        }
    }
    groups
}

fn name_of(dataset: &Dataset, row: u32) -> String {
    let files = dataset.files.as_ref();
    let name = files.and_then(|files| files.names.get(sunward_core::ids::place(row)));
    name.cloned().unwrap_or_default()
}

/// A number of tasks. More than a stage may have are refused later, by their number.
fn counted(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
