//! Names of outputs: `name:` gives each task's file a name, and no two may have the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_workflows::{CompiledTemplate, Scope, Stage, Value, quoted};

use crate::dataset::Dataset;
use crate::plan::Tasks;

/// The longest name that file systems accept, in bytes.
const LONGEST_NAME: usize = 255;

/// A rendered name that is a name of a file.
///
/// # Errors
/// Returns why it is not one.
pub fn file_name_of(text: &str) -> Result<&str, String> {
    let why = match text {
        "" => "it is empty",
        "." | ".." => "it is a folder's own name",
        _ if text.contains('/') => "it contains a slash",
        _ if text.contains('\0') => "it contains a zero byte",
        _ if text.len() > LONGEST_NAME => "it is longer than 255 bytes",
        _ => return Ok(text),
    };
    Err(format!(
        "`name:` gives {}, which is not a file's name: {why}",
        quoted(text)
    ))
}

/// Why the names of a scattered stage's outputs cannot be used: two tasks have the same one, or one
/// cannot be rendered.
#[must_use]
pub fn unusable(
    stage: &Stage,
    params: &BTreeMap<String, Value>,
    inputs: &[Dataset],
    tasks: &Tasks,
) -> Option<String> {
    let named = stage.outputs.iter();
    let mut named = named.filter_map(|(port, output)| Some((port, output.name.as_ref()?)));
    let of_port = |port: &str| inputs.get(stage.inputs.get_index_of(port)?);
    let scope = Scope {
        params: Arc::new(params.clone()),
        ..Scope::default()
    };
    named.find_map(|(port, template)| {
        let Ok(template) = CompiledTemplate::new(&template.source) else {
            return None;
        };
        let mut known: BTreeMap<String, u32> = BTreeMap::new();
        (0..tasks.count()).find_map(|index| {
            let scope = Scope {
                item: tasks.item(index, of_port),
                matrix: tasks.matrix(index).into_iter().collect(),
                repeat: tasks.repeat(index),
                ..scope.clone()
            };
            let name = match template.render_text(&scope) {
                Ok(name) => name,
                Err(error) => return Some(format!("the name of `{port}`: {error}")),
            };
            if let Err(why) = file_name_of(&name) {
                return Some(format!("output `{port}` of task {index}: {why}"));
            }
            let other = known.insert(name.clone(), index)?;
            let differs = match (tasks.repeat(index), tasks.each()) {
                (Some(_), _) => "`repeat`",
                (None, Tasks::Files(_)) => "`item.stem`, `item.folder` or a column of `match:`",
                (None, _) => "a column of `item` that does",
            };
            Some(format!(
                "tasks {other} and {index} both name their output `{port}` {}; make `name:` differ from \
                 task to task, for example with {differs}",
                quoted(&name)
            ))
        })
    })
}
