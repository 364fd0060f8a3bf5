//! Looks at the files that the rows of a workflow's own tables name, so that a missing one is told
//! before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sunward_data::{SourceOptions, rows_of_file};
use sunward_drive::row_files::RowPaths;
use sunward_workflows::{
    CompiledTemplate, Diagnostic, Reference, Scatter, Span, Stage, Value, Workflow, codes,
    params_of,
};

use crate::sheet_names;

/// The most rows of a table that are looked at. Those of a larger one are looked at when it is read.
const ROWS: usize = 100_000;

/// Beyond this number of files in one folder, the folder is listed, which takes less than asking for
/// each.
const LISTED_FROM: usize = 64;

/// The most mistakes of one input that are told.
const TOLD: usize = 3;

/// What is wrong with the files that rows name. `folder` is the workflow's. Tables and folders of
/// params in `given`, whose values are not known here, are left out.
pub(crate) fn mistakes(
    workflow: &Workflow,
    folder: &Path,
    given: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    let params = workflow.all_params();
    let params = params.filter(|(name, _)| !given.contains(name));
    let params: BTreeMap<String, Value> = params
        .filter_map(|(name, param)| Some((name, param.default.clone()?)))
        .collect();
    let params = Arc::new(params);
    let mut found = Vec::new();
    for stage in workflow.stages.values() {
        if stage.row_files().next().is_none() && !sheet_names::follow_from_rows(stage) {
            continue;
        }
        let Some((sheet, rows)) = rows_of(stage, folder, &params) else {
            continue;
        };
        let own = Arc::new(params_of(&stage.name, &params).into_owned());
        found.extend(sheet_names::twice(stage, &sheet, (&rows, &own)));
        for (port, template) in stage.row_files() {
            let span = stage
                .inputs
                .get(port)
                .map_or(stage.span, |input| input.span);
            if is_known(template, &own) {
                found.extend(of_input(stage, port, (&rows, &params), folder, span));
            }
        }
    }
    found
}

/// Whether all parameters that a path reads are known.
fn is_known(template: &str, params: &BTreeMap<String, Value>) -> bool {
    let template = CompiledTemplate::new(template);
    template.is_ok_and(|one| {
        one.uses()
            .params
            .iter()
            .all(|name| params.contains_key(name))
    })
}

/// The rows of a stage's table, and its path as written, if it is one file that is known.
fn rows_of(
    stage: &Stage,
    folder: &Path,
    params: &BTreeMap<String, Value>,
) -> Option<(String, Vec<Value>)> {
    let Scatter::Input { port, .. } = &stage.scatter else {
        return None;
    };
    let input = stage.inputs.get(port)?;
    let path = match input.from.as_slice() {
        [Reference::Path(path)] => path,
        [Reference::Param(name)] => match params.get(name)? {
            Value::String(path) => path,
            _ => return None,
        },
        _ => return None,
    };
    let source = match path.contains("://") {
        true => path.clone(),
        false => sunward_files::as_value(&folder.join(path)),
    };
    let rows = rows_of_file(&source, &SourceOptions::of(input), ROWS)?;
    Some((path.clone(), rows))
}

fn of_input(
    stage: &Stage,
    port: &str,
    (rows, params): (&[Value], &Arc<BTreeMap<String, Value>>),
    folder: &Path,
    span: Span,
) -> Vec<Diagnostic> {
    let Ok(Some(paths)) = RowPaths::of(stage, port, params) else {
        // The same mistake is told when the stage is checked.
        return Vec::new();
    };
    let mut missing = Vec::new();
    let mut named: Vec<(usize, String)> = Vec::new();
    for (row, item) in rows.iter().enumerate() {
        match paths.path(row, item) {
            Ok(Some(path)) if !path.contains("://") => named.push((row, path)),
            Ok(_) => {}
            Err(why) => missing.push(why),
        }
    }
    let folders = Folders::of(folder, &named);
    for (row, path) in &named {
        if !folders.have(&folder.join(path)) {
            missing.push(paths.missing(folder, *row, path));
        }
    }
    let further = missing.len().saturating_sub(TOLD);
    let told = missing.into_iter().take(TOLD).enumerate();
    told.map(|(at, why)| {
        let more = match (at + 1 == TOLD && further > 0, further) {
            (true, 1) => "; one more row has such a mistake".to_owned(),
            (true, _) => format!("; {further} more rows have such a mistake"),
            (false, _) => String::new(),
        };
        Diagnostic::error(codes::FILE_MISSING, span, format!("{why}{more}")).expecting(
            "a file for each row; a path that begins with a cell is relative to the table's folder",
        )
    })
    .collect()
}

/// The names in folders that hold many of the files.
struct Folders(BTreeMap<PathBuf, Option<BTreeSet<OsString>>>);

impl Folders {
    fn of(folder: &Path, named: &[(usize, String)]) -> Self {
        let mut counts: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for (_, path) in named {
            if let Some(parent) = folder.join(path).parent() {
                *counts.entry(parent.to_owned()).or_default() += 1;
            }
        }
        let many = counts
            .into_iter()
            .filter(|(_, count)| *count >= LISTED_FROM);
        let listed = many.map(|(folder, _)| {
            let names = folder.read_dir().ok().map(|entries| {
                let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
                names.collect()
            });
            (folder, names)
        });
        Self(listed.collect())
    }

    /// Whether there is such a file. A link to nothing is found when it is read.
    fn have(&self, path: &Path) -> bool {
        let listed = path.parent().and_then(|parent| self.0.get(parent));
        match (listed, path.file_name()) {
            (Some(Some(names)), Some(name)) => names.contains(name),
            _ => path.exists(),
        }
    }
}
