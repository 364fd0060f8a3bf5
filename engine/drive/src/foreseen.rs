//! What is wrong with a scatter over files, as far as their names show it. It is told before anything
//! runs, and nothing is read.

use std::collections::BTreeMap;
use std::path::Path;

use sunward_core::{Dataset, DatasetKind, Digest, PartRef, Tasks, names};
use sunward_data::DataError;
use sunward_files::pattern::expand;
use sunward_workflows::{
    Form, Input, ItemUse, Reference, Scatter, Slicing, Stage, Uses, Value, Workflow, is_in_bucket,
    params_of,
};

use crate::file_sets::{Known, as_set, groups, is_set, named_files, no_collisions, with_contents};

/// The files that patterns match, by the pattern as written; or why it cannot be expanded.
pub type Listed = BTreeMap<String, Result<Vec<String>, String>>;

/// Why the files of a stage do not give its tasks: no partner, several partners, a column that does
/// not exist, or one name for the outputs of two tasks. `None` if they do, if not all are known before
/// the run, or if it does not scatter over files. Patterns are relative to `folder`; `listed` has those
/// that are expanded already.
#[must_use]
pub fn foreseen(
    workflow: &Workflow,
    params: &BTreeMap<String, Value>,
    (folder, listed): (&Path, &Listed),
    stage: &Stage,
) -> Option<String> {
    let known = Known { workflow, params };
    if let Some(why) = unnamed(known, (folder, listed), stage) {
        return Some(why);
    }
    if stage.scatter.column().is_some_and(is_of_content) {
        return None;
    }
    let divided: Vec<&str> = match &stage.scatter {
        Scatter::Input {
            port,
            slicing: Slicing::Row | Slicing::Rows(_) | Slicing::By(_),
        } => vec![port],
        Scatter::Zip { ports, .. } => ports.iter().map(String::as_str).collect(),
        Scatter::Input { .. }
        | Scatter::One
        | Scatter::Items(_)
        | Scatter::Range(_)
        | Scatter::Matrix(_) => return None,
    };
    let mut sets: Vec<Dataset> = vec![Dataset::default(); stage.inputs.len()];
    for port in divided {
        let (at, _, input) = stage.inputs.get_full(port)?;
        // What is wrong with one input alone is told where it is read.
        *sets.get_mut(at)? = names_of(known, (folder, listed), (stage, input)).ok()??;
    }
    let of_port = |port: &str| sets.get(stage.inputs.get_index_of(port)?);
    let tasks = match groups(&stage.scatter, of_port)? {
        Ok(groups) => Tasks::Files(groups),
        Err(why) => return Some(why),
    };
    let collision = no_collisions(stage, &sets, &tasks).err();
    let mut names = stage
        .outputs
        .values()
        .filter_map(|output| output.name.as_ref());
    let own = params_of(&stage.name, params);
    let are_known = stage.repeat.is_none() && names.all(|name| is_known(&name.uses(), &own));
    if collision.is_some() || !are_known {
        return collision;
    }
    names::unusable(stage, &own, &sets, &tasks)
}

/// Why a parameter of type files names no files, if it does not.
fn unnamed(known: Known<'_>, place: (&Path, &Listed), stage: &Stage) -> Option<String> {
    let is_given = |source: &Reference| match source {
        Reference::Param(name) => known.params.contains_key(name) && is_set(known, source),
        _ => false,
    };
    let mut given = stage
        .inputs
        .iter()
        .filter(|(_, input)| input.from.iter().any(is_given));
    given.find_map(|(port, input)| {
        let why = names_of(known, place, (stage, input)).err()?;
        Some(format!("input `{port}`: {why}"))
    })
}

/// Whether a name follows from the values of these parameters and from the names of files.
fn is_known(uses: &Uses, params: &BTreeMap<String, Value>) -> bool {
    let of_names = match &uses.item {
        ItemUse::Nothing => true,
        ItemUse::Whole => false,
        ItemUse::Fields(fields) => !fields.keys().flatten().any(|field| is_of_content(field)),
    };
    of_names && uses.params.iter().all(|name| params.contains_key(name))
}

/// Whether a column follows from what is in a file, which is not read here.
fn is_of_content(column: &str) -> bool {
    matches!(column, "bytes" | "digest")
}

/// The files of an input without their contents. `None` if they are not known before the run.
fn names_of(
    known: Known<'_>,
    (folder, listed): (&Path, &Listed),
    (stage, input): (&Stage, &Input),
) -> Result<Option<Dataset>, DataError> {
    let are_sets = || input.from.iter().all(|source| is_set(known, source));
    if input.form != Form::Files && !(input.form == Form::File && are_sets()) {
        return Ok(None);
    }
    let listed = |pattern: &str| match listed.get(pattern) {
        Some(known) => known.clone().map_err(DataError::NoSuch),
        None => expand(folder, pattern)
            .map_err(|error| DataError::NoSuch(format!("{pattern}: {error}"))),
    };
    let mut paths = Vec::new();
    for source in &input.from {
        if source.port().is_some() || input.first {
            return Ok(None);
        }
        paths.extend(named_files(known, source, input, &listed)?);
    }
    if paths.iter().any(|one| is_in_bucket(&one.path)) {
        return Ok(None);
    }
    let paths = match input.form {
        Form::Files => with_contents(folder, paths, &listed)?,
        _ => paths.into_iter().map(|named| named.path).collect(),
    };
    let empty = PartRef {
        digest: Digest::default(),
        bytes: 0,
        rows: 0,
    };
    let file = Dataset {
        kind: DatasetKind::File,
        parts: vec![empty],
        ..Dataset::default()
    };
    let files = vec![file; paths.len()];
    as_set(stage, &paths, &files, input).map(Some)
}
