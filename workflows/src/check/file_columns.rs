//! The columns of datasets of files, as far as they are known before a run: what is known of every
//! file, what `match:` adds, and what files carry on from the tasks that wrote them.

use std::collections::BTreeSet;

use super::draft::{Draft, DraftStage};
use super::file_sets::is_files;
use crate::model::{FILE_COLUMNS, Reference, Scatter, Slicing};
use crate::name_pattern::NamePattern;
use crate::value::Value;

/// The most stages through which columns are followed. Stages may form a cycle here.
const DEEPEST: usize = 100;

/// The columns of the files of an input. `None` if they are not all known: those of a table are not.
pub(super) fn columns(
    stage: &DraftStage<'_>,
    port: &str,
    draft: &Draft<'_>,
) -> Option<Vec<String>> {
    known(stage, port, draft, DEEPEST)
}

fn known(
    stage: &DraftStage<'_>,
    port: &str,
    draft: &Draft<'_>,
    depth: usize,
) -> Option<Vec<String>> {
    let depth = depth.checked_sub(1)?;
    let mut all: Vec<String> = FILE_COLUMNS.map(str::to_owned).into();
    for source in stage.sources.iter().filter(|source| source.port == port) {
        if let Reference::Port { stage, .. } = &source.reference {
            all.extend(carried(draft.stages.get(stage)?, draft, depth)?);
        }
    }
    let split = stage.stage.inputs.get(port)?.split.as_deref();
    let pattern = split.and_then(|split| NamePattern::parse(split).ok());
    let further = pattern.iter().flat_map(NamePattern::columns);
    all.extend(further.map(str::to_owned));
    let mut seen = BTreeSet::new();
    all.retain(|column| seen.insert(column.clone()));
    Some(all)
}

/// The columns that the files of a stage carry on from the items of its tasks.
fn carried(stage: &DraftStage<'_>, draft: &Draft<'_>, depth: usize) -> Option<Vec<String>> {
    let of_port = |port: &String| {
        let mut columns = match is_files(stage, port, draft) {
            true => known(stage, port, draft, depth)?,
            false => return None,
        };
        columns.retain(|column| !FILE_COLUMNS.contains(&column.as_str()));
        Some(columns)
    };
    let mut all = match &stage.stage.scatter {
        Scatter::One => Vec::new(),
        Scatter::Range(_) => vec!["item".to_owned()],
        Scatter::Items(Value::List(items)) => {
            let are_rows = items.iter().any(|item| matches!(item, Value::Map(_)));
            (!are_rows).then(|| vec!["item".to_owned()])?
        }
        Scatter::Items(_) => return None,
        Scatter::Matrix(axes) => axes.keys().cloned().collect(),
        Scatter::Input { port, slicing } => match slicing {
            Slicing::Row | Slicing::Parts => of_port(port)?,
            Slicing::By(column) => vec![column.clone()],
            Slicing::Rows(_) => Vec::new(),
        },
        Scatter::Zip { ports, by } => {
            let of_ports: Option<Vec<Vec<String>>> = ports.iter().map(of_port).collect();
            of_ports?.into_iter().flatten().chain(by.clone()).collect()
        }
    };
    if stage.stage.repeat.is_some() {
        all.push("repeat".to_owned());
    }
    Some(all)
}
