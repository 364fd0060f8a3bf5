//! The draft: the model of a workflow, with the places in the text that later checks need.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use crate::facts::Facts;
use crate::model::{Reference, Stage, Workflow};
use crate::source::Span;
use crate::value::Value;
use crate::yaml::Node;

/// A workflow whose references are not checked yet.
pub(super) struct Draft<'n> {
    /// The workflow without its stages.
    pub(super) workflow: Workflow,
    /// The stages in the order written.
    pub(super) stages: IndexMap<String, DraftStage<'n>>,
    /// Names of stages that could not be lowered.
    pub(super) broken: BTreeSet<String>,
    /// The names under `limits:`, also of limits that are no numbers.
    pub(super) limit_names: Vec<String>,
    /// The places of the parameters' defaults.
    pub(super) defaults: BTreeMap<String, Span>,
    /// The workflow's outputs with their places.
    pub(super) outputs: Vec<(String, String, Span)>,
}

/// A stage with the places of its references.
pub(super) struct DraftStage<'n> {
    pub(super) stage: Stage,
    /// Its node in the tree, with defaults applied.
    pub(super) node: Cow<'n, Node>,
    /// False if its action is unknown. Then its outputs are unknown too.
    pub(super) known: bool,
    /// Every source of every input.
    pub(super) sources: Vec<Source>,
    /// Stages that it depends on without reading from them.
    pub(super) waits: Vec<(String, Span)>,
}

/// One source of one input.
pub(super) struct Source {
    pub(super) port: String,
    pub(super) reference: Reference,
    pub(super) span: Span,
}

impl Draft<'_> {
    /// The path in a parameter's default, unless the caller gives another.
    pub(super) fn default_path(&self, name: &str, facts: &Facts) -> Option<&str> {
        match &self.workflow.params.get(name)?.default {
            Some(Value::String(path)) if !facts.given.contains(name) => Some(path),
            _ => None,
        }
    }
}
