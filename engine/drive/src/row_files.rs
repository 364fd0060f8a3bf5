//! Files that the rows of a table name: `${{ item.fastq }}`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sunward_core::ids::place;
use sunward_core::{FileGroups, Grouping};
use sunward_workflows::{
    CompiledTemplate, ItemUse, Reference, Scatter, Scope, Slicing, Stage, Value, names::nearest,
    params_of,
};

/// The most names of a folder that are compared with a missing one.
const COMPARED: usize = 10_000;

/// How one input gets its files from the rows of a table.
pub struct RowPaths {
    template: CompiledTemplate,
    /// The columns whose cells give the path.
    columns: Vec<String>,
    scope: Scope,
    /// The table as a user knows it: the path of its file.
    sheet: String,
    /// The folder to which a path that begins with a cell is relative, as written in the workflow.
    base: Option<String>,
    optional: bool,
}

impl RowPaths {
    /// The paths of an input with such a source. `None` for any other input. `params` has the values of
    /// all files.
    ///
    /// # Errors
    /// Returns why a path that begins with a cell has no folder: the tables are in several.
    pub fn of(
        stage: &Stage,
        port: &str,
        params: &Arc<BTreeMap<String, Value>>,
    ) -> Result<Option<Self>, String> {
        let source = stage.row_files().find(|(named, _)| *named == port);
        let (Some((_, source)), Scatter::Input { port: over, .. }) = (source, &stage.scatter)
        else {
            return Ok(None);
        };
        let template = CompiledTemplate::new(source).map_err(|error| error.to_string())?;
        let columns = match template.uses().item {
            ItemUse::Fields(fields) => fields.keys().filter_map(|f| f.first().cloned()).collect(),
            ItemUse::Nothing | ItemUse::Whole => Vec::new(),
        };
        let sheets = sheets(stage, over, params);
        let base = match template.begins_with_item() {
            true => Some(folder_of(over, &sheets)?),
            false => None,
        };
        Ok(Some(Self {
            template,
            columns,
            scope: Scope {
                params: Arc::new(params_of(&stage.name, params).into_owned()),
                ..Scope::default()
            },
            sheet: match sheets.as_slice() {
                [Some(sheet)] => sheet.clone(),
                _ => format!("`{over}`"),
            },
            base,
            optional: stage.inputs.get(port).is_some_and(|input| input.optional),
        }))
    }

    /// The path that one row gives, as written in the workflow or relative to its folder. `None` for an
    /// empty cell, if the input is optional. Rows count from 0.
    ///
    /// # Errors
    /// Returns which cell is empty or is no path.
    pub fn path(&self, row: usize, item: &Value) -> Result<Option<String>, String> {
        let Value::Map(cells) = item else {
            return Err(format!("{} has no columns", self.sheet));
        };
        for column in &self.columns {
            let cell = cells.iter().find(|(name, _)| name == column);
            let Some((_, cell)) = cell else {
                let names = || cells.iter().map(|(name, _)| name.as_str());
                let near = nearest(column, names());
                let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                return Err(format!("{} has no column {column}{near}", self.sheet));
            };
            if cell.to_text().is_empty() || *cell == Value::Null {
                return match self.optional {
                    true => Ok(None),
                    false => Err(format!(
                        "{}: {column} is empty; name a file, or write `optional: true` if there may be none",
                        self.place(row)
                    )),
                };
            }
        }
        let scope = Scope {
            item: Some(item.clone()),
            ..self.scope.clone()
        };
        let text = self.template.render_text(&scope);
        let text = text.map_err(|error| format!("{}: {error}", self.place(row)))?;
        Ok(Some(match &self.base {
            Some(base) if !text.starts_with('/') && !text.contains("://") => {
                format!("{base}/{}", text.trim_start_matches("./"))
            }
            _ => text,
        }))
    }

    /// Where a row is: `./samples.csv, row 3`. Rows count from 1 here, without the header.
    #[must_use]
    pub fn place(&self, row: usize) -> String {
        format!("{}, row {}", self.sheet, row.saturating_add(1))
    }

    /// The message about a path where there is no file, with the nearest name that is there. `folder`
    /// is the workflow's.
    #[must_use]
    pub fn missing(&self, folder: &Path, row: usize, path: &str) -> String {
        let place = self.place(row);
        let columns = self.columns.join(" and ");
        let path = Path::new(path);
        let shown = sunward_files::shown(path);
        let near = near(&folder.join(path));
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        format!("{place}: {columns} names {shown}, and there is no such file{near}")
    }
}

/// The name in the folder of a missing file that is most like its own.
fn near(missing: &Path) -> Option<String> {
    let name = missing.file_name()?.to_str()?;
    let names = missing.parent()?.read_dir().ok()?.take(COMPARED);
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    // The order of a folder is any order, and of many names only the first are compared.
    names.sort();
    names.sort_by_key(|other| Reverse(in_common(other, name)));
    let near = nearest(name, names.iter().map(String::as_str))?;
    Some(sunward_files::shown(Path::new(near)))
}

/// How many bytes two names begin with in common.
fn in_common(one: &str, other: &str) -> usize {
    let pairs = one.bytes().zip(other.bytes());
    pairs.take_while(|(a, b)| a == b).count()
}

/// The paths of the tables of an input, as written. `None` for what a stage wrote.
fn sheets(stage: &Stage, port: &str, params: &BTreeMap<String, Value>) -> Vec<Option<String>> {
    let from = stage.inputs.get(port).map(|input| input.from.as_slice());
    let mut sheets = Vec::new();
    for source in from.unwrap_or_default() {
        match source {
            Reference::Path(path) => sheets.push(Some(path.clone())),
            Reference::Url(url) => {
                let local = url.strip_prefix("file://").unwrap_or(url);
                sheets.push(Some(local.to_owned()));
            }
            Reference::Param(name) => match params.get(name) {
                Some(Value::List(list)) => {
                    sheets.extend(list.iter().map(|one| Some(one.to_text())));
                }
                Some(one) => sheets.push(Some(one.to_text())),
                None => sheets.push(None),
            },
            Reference::Port { .. } | Reference::Pattern(_) | Reference::Item(_) => {
                sheets.push(None);
            }
        }
    }
    sheets
}

/// The folder of all tables of an input.
fn folder_of(port: &str, sheets: &[Option<String>]) -> Result<String, String> {
    let folder = |sheet: &Option<String>| match sheet.as_deref() {
        Some(path) => match path.rsplit_once('/') {
            Some((folder, _)) => folder.to_owned(),
            None => ".".to_owned(),
        },
        None => ".".to_owned(),
    };
    let folders: Vec<String> = sheets.iter().map(folder).collect();
    let first = folders.first().cloned().unwrap_or_else(|| ".".to_owned());
    match folders.iter().find(|other| **other != first) {
        Some(other) => Err(format!(
            "the tables of `{port}` are in {first} and in {other}, so that it is not clear to which folder \
             a path in them is relative; put them into one folder"
        )),
        None => Ok(first),
    }
}

/// Which rows belong to each task.
pub(crate) enum Rows<'r> {
    /// As sliced.
    Sliced(&'r Slicing),
    /// The rows in each list.
    Listed(&'r [Vec<u32>]),
}

/// Which files each task gets. `files` has the place of each row's file, if it has one.
pub(crate) fn groups(
    rows: &Rows<'_>,
    port: &str,
    (files, optional): (&[Option<u32>], bool),
) -> (String, Grouping) {
    let slicing = match rows {
        Rows::Sliced(slicing) => slicing,
        Rows::Listed(lists) => {
            let file = |row: &u32| files.get(place(*row)).copied().flatten();
            let lists = lists
                .iter()
                .map(|rows| rows.iter().filter_map(file).collect());
            return (port.to_owned(), Grouping::Listed(lists.collect()));
        }
    };
    let size = match slicing {
        Slicing::Row if !optional => return (port.to_owned(), Grouping::Each),
        Slicing::Rows(rows) => usize::try_from((*rows).max(1)).unwrap_or(usize::MAX),
        Slicing::Row | Slicing::By(_) | Slicing::Parts => 1,
    };
    let lists = files.chunks(size);
    let lists = lists.map(|rows| rows.iter().copied().flatten().collect());
    (port.to_owned(), Grouping::Listed(lists.collect()))
}

/// The files that rows name, for `count` tasks.
pub(crate) fn beside(count: u32, ports: Vec<(String, Grouping)>) -> FileGroups {
    FileGroups {
        count,
        ports,
        by: None,
        zipped: false,
    }
}
