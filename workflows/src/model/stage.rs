//! A stage: one node of the graph.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    Action, Cache, Conda, Container, Expect, Input, OuterCondition, Output, Place, Python,
    RejectLimit, Resources, Retry, Scatter, Template, path_from, path_in,
};
use crate::source::Span;
use crate::value::Value;

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The stage's name; of a stage of a file that another one uses, the full name.
    pub name: String,
    /// The folder of the file in which it is written, relative to the workflow's folder if it is not
    /// absolute; empty for the workflow's own.
    pub folder: String,
    /// What it executes.
    pub action: Action,
    /// How it becomes tasks.
    pub scatter: Scatter,
    /// How many times each of these tasks runs: an integer, or a template that gives one. Each time
    /// is a task of its own.
    pub repeat: Option<Value>,
    /// Its inputs by port.
    pub inputs: IndexMap<String, Input>,
    /// Its outputs by port. A kernel's come from the catalog.
    pub outputs: IndexMap<String, Output>,
    /// Parameters of a kernel: name -> value, whose strings may be templates.
    pub with: IndexMap<String, Value>,
    /// Stages that must end first, in addition to those that it reads from.
    pub needs: Vec<String>,
    /// `if:`. If it is false, the stage is skipped, and what reads from it.
    pub condition: Option<Template>,
    /// The conditions of the stages with `uses:` around it, from the outside in. All must hold.
    pub outer_conditions: Vec<OuterCondition>,
    /// The command's environment.
    pub env: IndexMap<String, Template>,
    /// Names of secrets in the command's environment.
    pub secrets: Vec<String>,
    /// Files staged into the working folder, as written (relative to the workflow's file).
    pub files: Vec<String>,
    /// Its Python environment.
    pub python: Option<Python>,
    /// Its conda environment.
    pub conda: Option<Conda>,
    /// The container that it runs in.
    pub container: Option<Container>,
    /// Modules of the machine that are loaded first.
    pub modules: Vec<String>,
    /// Lines of a shell that run before the command.
    pub setup: Option<String>,
    /// What one task needs.
    pub resources: Resources,
    /// Which failures are retried.
    pub retry: Retry,
    /// The time limit of one attempt, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Whether the command keeps a folder between the attempts of a task, so that it can continue.
    pub checkpoint: bool,
    /// How many failed tasks the stage tolerates.
    pub tolerate: u32,
    /// How many rejected rows of an input the stage tolerates. Without a limit, it tolerates all.
    #[serde(default)]
    pub tolerate_rejects: Option<RejectLimit>,
    /// The most tasks that run at once.
    pub max_parallel: Option<u32>,
    /// Whether results are cached, and under which version.
    pub cache: Cache,
    /// Where and when this stage may run.
    pub place: Place,
    /// What one task is expected to take.
    pub expect: Expect,
    /// Its place in the file.
    pub span: Span,
}

impl Stage {
    /// A stage with this action and the defaults of everything else: one task, no inputs and no
    /// outputs.
    #[must_use]
    pub fn new(name: impl Into<String>, action: Action) -> Self {
        Self {
            name: name.into(),
            folder: String::new(),
            action,
            scatter: Scatter::default(),
            repeat: None,
            inputs: IndexMap::new(),
            outputs: IndexMap::new(),
            with: IndexMap::new(),
            needs: Vec::new(),
            condition: None,
            outer_conditions: Vec::new(),
            env: IndexMap::new(),
            secrets: Vec::new(),
            files: Vec::new(),
            python: None,
            conda: None,
            container: None,
            modules: Vec::new(),
            setup: None,
            resources: Resources::default(),
            retry: Retry::default(),
            timeout_ms: None,
            checkpoint: false,
            tolerate: 0,
            tolerate_rejects: None,
            max_parallel: None,
            cache: Cache::default(),
            place: Place::default(),
            expect: Expect::default(),
            span: Span::default(),
        }
    }

    /// Whether it is several tasks by what is written, even if there is one task or none. What its
    /// tasks write as files or folders is then handed on as a folder.
    #[must_use]
    pub fn is_scattered(&self) -> bool {
        self.scatter != Scatter::One || self.repeat.is_some()
    }

    /// Its conditions, each with the name of the stage at which it is written, from the outside in.
    pub fn conditions(&self) -> impl Iterator<Item = (&str, &Template)> {
        let outer = self.outer_conditions.iter();
        let outer = outer.map(|outer| (outer.stage.as_str(), &outer.condition));
        let own = self.condition.iter();
        outer.chain(own.map(|condition| (self.name.as_str(), condition)))
    }

    /// What a file of an output is called to which the stage gives no name.
    #[must_use]
    pub fn unnamed_file(&self, port: &str) -> String {
        let output = self.outputs.get(port);
        let ext = output.and_then(|output| output.ext.as_deref());
        ext.map_or_else(|| port.to_owned(), |ext| format!("{port}.{ext}"))
    }

    /// A path that the stage's file states, as it is from the workflow's folder.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        path_from(&self.folder, path)
    }

    /// A path from the workflow's folder, as the stage's file states it.
    #[must_use]
    pub fn stated<'p>(&self, path: &'p str) -> std::borrow::Cow<'p, str> {
        path_in(&self.folder, path)
    }

    /// The inputs whose files the rows of the scattered table name, with the text that gives the path.
    pub fn row_files(&self) -> impl Iterator<Item = (&str, &str)> {
        let inputs = self.inputs.iter();
        inputs.filter_map(|(port, input)| match input.from.as_slice() {
            [source] => Some((port.as_str(), source.of_row()?)),
            _ => None,
        })
    }

    /// Variables that the command gets from Sunward's own environment: `env: { X: inherit }`.
    pub fn inherited(&self) -> impl Iterator<Item = &str> {
        let env = self.env.iter();
        env.filter(|(_, template)| template.is_inherited())
            .map(|(name, _)| name.as_str())
    }
}
