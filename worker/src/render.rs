//! A stage's parsed templates, and the scope of one task.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

use sunward_protocol::Job;
use sunward_workflows::expr::{CompiledTemplate, RenderError, Scope};
use sunward_workflows::{Command, CompiledArgv, CompiledScript, Preset, Template, Value};

use crate::fault::Fault;
use crate::slices::Share;

/// A command whose templates are parsed.
pub(crate) enum CompiledCommand {
    Shell {
        shell: Vec<String>,
        script: CompiledScript,
    },
    Argv(CompiledArgv),
}

/// A command for one task: its words, and the variables that its script refers to.
pub(crate) struct RenderedCommand {
    pub(crate) words: Vec<OsString>,
    pub(crate) variables: Vec<(String, String)>,
}

impl CompiledCommand {
    /// Parses a command whose variables are as in `preset` when it starts.
    pub(crate) fn new(command: &Command, preset: &Preset) -> Result<Self, Fault> {
        Ok(match command {
            Command::Shell { shell, script } => Self::Shell {
                shell: shell.clone(),
                script: CompiledScript::with(shell, &script.source, preset)
                    .map_err(|error| failed("run", &error))?,
            },
            Command::Argv(argv) => {
                Self::Argv(CompiledArgv::new(argv).map_err(|error| failed("run", &error))?)
            }
        })
    }

    /// The command for one task. A word that is one expression and gives a list becomes several
    /// words.
    pub(crate) fn render(&self, scope: &Scope) -> Result<RenderedCommand, Fault> {
        let fault = |error: RenderError| failed("run", &error);
        let mut variables = Vec::new();
        let words: Vec<OsString> = match self {
            Self::Shell { shell, script } => {
                let rendered = script.render(scope).map_err(fault)?;
                variables = rendered.variables;
                let words = shell.iter().map(OsString::from);
                words.chain([rendered.text.into()]).collect()
            }
            Self::Argv(argv) => {
                let words = argv.render(scope).map_err(fault)?;
                words.into_iter().map(OsString::from).collect()
            }
        };
        if words
            .iter()
            .any(|word| word.as_encoded_bytes().contains(&0))
        {
            return Err(Fault::input(
                "`run` renders to a word with a zero byte, which cannot be passed to a command",
            ));
        }
        Ok(RenderedCommand { words, variables })
    }
}

/// Parses a template of the stage's key `of`.
pub(crate) fn compile(of: &str, template: &Template) -> Result<CompiledTemplate, Fault> {
    template.compile().map_err(|error| failed(of, &error))
}

/// The fault of a template of the stage's key `of` that does not render.
pub(crate) fn failed(of: &str, error: &RenderError) -> Fault {
    Fault::input(format!(
        "an expression in `{of}` cannot be evaluated: {error}"
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

    /// The scope that all tasks share: no item, matrix, repeat or attempt.
    pub(crate) fn shared(&self) -> Scope {
        Scope {
            params: Arc::clone(&self.params),
            stages: self.stages.clone(),
            run: self.run.clone(),
            ..Scope::default()
        }
    }

    /// The scope of one task in the attempt of this number, without its inputs and outputs.
    pub(crate) fn scope(&self, attempt: u32, share: &Share) -> Scope {
        Scope {
            item: share.item.clone(),
            matrix: share.matrix.clone(),
            repeat: share.repeat,
            attempt: Some(attempt),
            ..self.shared()
        }
    }
}
