//! Stages that take up files one by one, as the tasks of other stages write them.
//!
//! A stage that scatters over the files of scattered stages *follows* those: it opens as soon as their
//! tasks are known, and each of its tasks waits only for the files that it gets. Names and columns of
//! the files follow from the tasks that will write them ([`foretold`]); only their contents are still to
//! come. So a chain stays narrow: file 7 may be three stages ahead of file 8.
//!
//! A stage follows another one only if nothing but the files tells it what to do: it reads the stage
//! through divided inputs alone, and neither its status nor the sizes of its files decide which tasks
//! there are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sunward_workflows::{
    Action, Form, Input, OutputFormat, Reference, Scatter, Slicing, Stage, Value,
};

use crate::dataset::{Dataset, DatasetKind, PartRef};
use crate::files::FileRows;
use crate::ids::{StageId, place};
use crate::names::Names;
use crate::plan::{Plan, PlannedStage, Tasks};

/// Columns of a file's row that nobody knows before it is written.
const OF_CONTENT: [&str; 2] = ["bytes", "digest"];

/// An input that a stage takes file by file: file `i` is what task `i` of `from` writes to its output at
/// `port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Feed {
    /// The place of the input in the stage's order.
    pub(crate) input: usize,
    /// The stage that writes the files.
    pub(crate) from: StageId,
    /// The place of the output in that stage's order.
    pub(crate) port: usize,
}

/// The inputs that a stage takes file by file. Empty for a stage that waits for the ends of all stages
/// before it.
pub(crate) fn feeds(plan: &Plan, planned: &PlannedStage) -> Vec<Feed> {
    let stage = &planned.stage;
    let divided = divided(&stage.scatter);
    let reads_status = planned.reads.run
        || stage
            .conditions()
            .any(|(_, condition)| !condition.uses().statuses.is_empty());
    let names_tell = stage.outputs.values().all(|output| output.name.is_none())
        || !OF_CONTENT
            .iter()
            .any(|column| planned.reads.item.reads(column));
    if divided.is_empty() || reads_status || !names_tell || !matches!(stage.action, Action::Run(_))
    {
        return Vec::new();
    }
    let inputs = stage.inputs.iter().enumerate();
    let feeds = inputs.filter(|(_, (port, _))| divided.contains(&port.as_str()));
    let feeds: Vec<Feed> = feeds
        .filter_map(|(at, (_, input))| feed((plan, planned), at, input))
        .collect();
    let only_fed = |feed: &Feed| {
        let name = plan.stage(feed.from).map(|one| one.stage.name.as_str());
        name.is_some_and(|name| !waits_otherwise(stage, name, feed.from, &feeds))
    };
    feeds.iter().copied().filter(only_fed).collect()
}

/// The inputs that a scatter divides by files, if what it divides by is known before files are written.
fn divided(scatter: &Scatter) -> Vec<&str> {
    let is_told = |column: &str| !OF_CONTENT.contains(&column);
    match scatter {
        Scatter::Input { port, slicing } => match slicing {
            Slicing::Row | Slicing::Rows(_) => vec![port],
            Slicing::By(column) if is_told(column) => vec![port],
            Slicing::By(_) | Slicing::Parts => Vec::new(),
        },
        Scatter::Zip { ports, by, .. } => match by {
            Some(column) if !is_told(column) => Vec::new(),
            Some(_) | None => ports.iter().map(String::as_str).collect(),
        },
        Scatter::One | Scatter::Items(_) | Scatter::Range(_) | Scatter::Matrix(_) => Vec::new(),
    }
}

fn feed((plan, planned): (&Plan, &PlannedStage), at: usize, input: &Input) -> Option<Feed> {
    let [source] = input.from.as_slice() else {
        return None;
    };
    let (stage, port) = source.port()?;
    let called = |id: &StageId| plan.stage(*id).is_some_and(|one| one.stage.name == stage);
    let from = planned.upstream.iter().copied().find(called)?;
    let writer = &plan.stage(from)?.stage;
    let output = writer.outputs.get(port)?;
    let is_one_each = matches!(
        (output.format, input.form),
        (OutputFormat::File, Form::File | Form::Files) | (OutputFormat::Dir, Form::File)
    );
    // A task that is tolerated to fail writes no file, so the places of the others would shift.
    let writes_all = writer.is_scattered()
        && writer.tolerate == 0
        && writer.tolerate_rejects.is_none()
        && !output.optional;
    (is_one_each && writes_all && !input.first).then_some(Feed {
        input: at,
        from,
        port: writer.outputs.get_index_of(port)?,
    })
}

/// Whether a stage waits for another one in a further way than by these feeds.
fn waits_otherwise(stage: &Stage, other: &str, from: StageId, feeds: &[Feed]) -> bool {
    let reads = |source: &Reference| source.port().is_some_and(|(stage, _)| stage == other);
    let fed = |at: usize| {
        feeds
            .iter()
            .any(|feed| feed.input == at && feed.from == from)
    };
    let mut inputs = stage.inputs.values().enumerate();
    stage.needs.iter().any(|name| name == other)
        || inputs.any(|(at, input)| !fed(at) && input.from.iter().any(reads))
}

/// What one task will write to a port, before it has: a file or folder with its name and without its
/// content. `None` for a table, and for a name that cannot be rendered.
pub(crate) fn foretold(
    planned: &PlannedStage,
    (port, params): (&str, &BTreeMap<String, Value>),
    (inputs, tasks): (&[Dataset], &Tasks),
) -> Option<impl Fn(u32) -> Dataset> {
    let output = planned.stage.outputs.get(port)?;
    let kind = match output.format {
        OutputFormat::File => DatasetKind::File,
        OutputFormat::Dir => DatasetKind::Dir,
        _ => return None,
    };
    let names: Option<Vec<String>> = match &output.name {
        None => None,
        Some(template) => {
            let names = Names::new(&planned.stage, params, (inputs, tasks), template)?;
            let all = (0..tasks.count()).map(|index| names.of(index).ok());
            Some(all.collect::<Option<_>>()?)
        }
    };
    Some(move |index| {
        let name = names.as_ref().and_then(|names| names.get(place(index)));
        Dataset {
            kind,
            parts: vec![PartRef::AWAITED],
            files: name.map(|name| FileRows::named(name.clone())),
            ..Dataset::default()
        }
    })
}
