//! A stage's templates, parsed once, and what they see for one task.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

use sunward_protocol::Job;
use sunward_workflows::expr::{CompiledTemplate, RenderError, Scope};
use sunward_workflows::{Command, Template, Value};

use crate::batch::Batch;
use crate::fault::Fault;
use crate::slices::Share;

/// A command whose templates are parsed.
pub(crate) enum CompiledCommand {
    Shell {
        shell: Vec<String>,
        script: CompiledTemplate,
    },
    Argv(Vec<CompiledTemplate>),
}

impl CompiledCommand {
    pub(crate) fn new(command: &Command) -> Result<Self, Fault> {
        Ok(match command {
            Command::Shell { shell, script } => Self::Shell {
                shell: shell.clone(),
                script: compile("run", script)?,
            },
            Command::Argv(argv) => Self::Argv(
                argv.iter()
                    .map(|word| compile("run", word))
                    .collect::<Result<_, _>>()?,
            ),
        })
    }

    /// The words of the command for one task. A word that is one expression and gives a list
    /// becomes as many words.
    pub(crate) fn words(&self, scope: &Scope) -> Result<Vec<OsString>, Fault> {
        let mut words = Vec::new();
        match self {
            Self::Shell { shell, script } => {
                words.extend(shell.iter().map(OsString::from));
                words.push(
                    script
                        .render_shell(scope)
                        .map_err(|e| failed("run", &e))?
                        .into(),
                );
            }
            Self::Argv(argv) => {
                for word in argv {
                    match word.render(scope).map_err(|e| failed("run", &e))? {
                        Value::List(list) => words.extend(list.iter().map(|v| v.to_text().into())),
                        value => words.push(value.to_text().into()),
                    }
                }
            }
        }
        if words
            .iter()
            .any(|word| word.as_encoded_bytes().contains(&0))
        {
            return Err(Fault::input(
                "`run` renders to a word with a zero byte, which no command can be given",
            ));
        }
        Ok(words)
    }
}

/// Parses a template of the stage's key `of`.
pub(crate) fn compile(of: &str, template: &Template) -> Result<CompiledTemplate, Fault> {
    template.compile().map_err(|error| failed(of, &error))
}

/// That a template of the stage's key `of` does not render.
pub(crate) fn failed(of: &str, error: &RenderError) -> Fault {
    Fault::input(format!(
        "an expression of `{of}` cannot be rendered: {error}"
    ))
}

/// What is in scope for every task of a job.
pub(crate) struct Surroundings {
    params: Arc<BTreeMap<String, Value>>,
    stages: BTreeMap<String, String>,
    run: BTreeMap<String, Value>,
}

impl Surroundings {
    pub(crate) fn new(job: &Job) -> Self {
        let run = [("id", job.run.to_string()), ("name", job.workflow.clone())];
        Self {
            params: Arc::new(job.params.clone()),
            stages: job.statuses.clone(),
            run: run
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Value::String(value)))
                .collect(),
        }
    }

    /// What all tasks see: no item, no matrix, no attempt.
    pub(crate) fn shared(&self) -> Scope {
        Scope {
            params: Arc::clone(&self.params),
            stages: self.stages.clone(),
            run: self.run.clone(),
            ..Scope::default()
        }
    }

    /// The scope of one task, without its inputs and outputs.
    pub(crate) fn scope(&self, batch: &Batch, share: &Share) -> Scope {
        Scope {
            item: share.item.clone(),
            matrix: share.matrix.clone(),
            attempt: Some(batch.attempt),
            ..self.shared()
        }
    }
}
