//! Names of outputs: `name:` gives each task's file a name, and no two may have the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_workflows::{CompiledTemplate, RenderError, Scope, Stage, Template, Value, quoted};

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
    named.find_map(|(port, template)| {
        let names = Names::new(stage, params, (inputs, tasks), template)?;
        let mut known: BTreeMap<String, u32> = BTreeMap::new();
        (0..tasks.count()).find_map(|index| {
            let name = match names.of(index) {
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

/// The names that a template gives to what the tasks of a stage write to one port.
pub(crate) struct Names<'a> {
    stage: &'a Stage,
    inputs: &'a [Dataset],
    tasks: &'a Tasks,
    template: CompiledTemplate,
    scope: Scope,
}

impl<'a> Names<'a> {
    /// `None` if the template is not one.
    pub(crate) fn new(
        stage: &'a Stage,
        params: &BTreeMap<String, Value>,
        (inputs, tasks): (&'a [Dataset], &'a Tasks),
        template: &Template,
    ) -> Option<Self> {
        Some(Self {
            stage,
            inputs,
            tasks,
            template: CompiledTemplate::new(&template.source).ok()?,
            scope: Scope {
                params: Arc::new(params.clone()),
                ..Scope::default()
            },
        })
    }

    /// The name in one task.
    ///
    /// # Errors
    /// Fails if the template cannot be rendered there.
    pub(crate) fn of(&self, index: u32) -> Result<String, RenderError> {
        let of_port = |port: &str| self.inputs.get(self.stage.inputs.get_index_of(port)?);
        let scope = Scope {
            item: self.tasks.item(index, of_port),
            matrix: self.tasks.matrix(index).into_iter().collect(),
            repeat: self.tasks.repeat(index),
            ..self.scope.clone()
        };
        self.template.render_text(&scope)
    }
}
