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
        if let Reference::Port { stage, port } = &source.reference {
            let producer = draft.stages.get(stage)?;
            all.extend(carried(producer, draft, depth)?);
            let output = producer.stage.outputs.get(port);
            all.extend(split(output.and_then(|output| output.split.as_deref())));
        }
    }
    all.extend(split(stage.stage.inputs.get(port)?.split.as_deref()));
    let mut seen = BTreeSet::new();
    all.retain(|column| seen.insert(column.clone()));
    Some(all)
}

/// The columns of a `match:`.
fn split(written: Option<&str>) -> Vec<String> {
    let pattern = written.and_then(|written| NamePattern::parse(written).ok());
    let columns = pattern.iter().flat_map(NamePattern::columns);
    columns.map(str::to_owned).collect()
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
        Scatter::Zip { ports, by, .. } => {
            let of_ports: Option<Vec<Vec<String>>> = ports.iter().map(of_port).collect();
            of_ports?.into_iter().flatten().chain(by.clone()).collect()
        }
    };
    if stage.stage.repeat.is_some() {
        all.push("repeat".to_owned());
    }
    Some(all)
}
