//! The draft: the model of a workflow, with the places in the text that later checks need.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::context::Context;
use crate::model::{Reference, Stage, Workflow, enclosing, is_inside, own_name};
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
    /// The stages that use a file, by full name. They are not among `stages`; those of their files are.
    pub(super) used: IndexMap<String, DraftUsed<'n>>,
    /// The places of the parameters' values: defaults, or what `with:` and `inputs:` of a stage with
    /// `uses:` give.
    pub(super) defaults: BTreeMap<String, Span>,
    /// The workflow's outputs with their places.
    pub(super) outputs: Vec<(String, String, Span)>,
}

/// The outputs of a file that a stage uses, by name: the full name of a stage, and its port.
pub(super) type UsedOutputs = BTreeMap<String, (String, String)>;

/// A stage that uses a file.
pub(super) struct DraftUsed<'n> {
    /// The stage itself, for its expressions.
    pub(super) stage: DraftStage<'n>,
    /// The outputs of the file; `None` if it could not be read.
    pub(super) outputs: Option<UsedOutputs>,
    /// The sources of parameters that `inputs:` binds to data.
    pub(super) data: BTreeMap<String, DataSources>,
}

/// The sources of a parameter.
pub(super) struct DataSources {
    pub(super) from: Vec<(Reference, Span)>,
    /// Whether only the first one is read whose stage was not skipped.
    pub(super) first: bool,
    /// Whether the parameter is of type files, so that a command gets them as a dataset of files.
    pub(super) are_files: bool,
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
    /// The names that one file gives to its stages.
    pub(super) fn siblings<'d>(&'d self, around: Option<&'d str>) -> impl Iterator<Item = &'d str> {
        let names = self.stages.keys().chain(self.used.keys());
        let siblings = names.filter(move |name| enclosing(name) == around);
        siblings.map(|name| own_name(name))
    }

    /// The stages that a name stands for: itself, or those of the file that it uses.
    pub(super) fn stages_of(&self, name: &str) -> Vec<String> {
        if self.stages.contains_key(name) {
            return vec![name.to_owned()];
        }
        if !self.used.contains_key(name) {
            return Vec::new();
        }
        let stages = self.stages.keys();
        stages
            .filter(|stage| is_inside(stage, name))
            .cloned()
            .collect()
    }

    /// The path in a parameter's default, unless the caller gives another.
    pub(super) fn default_path(&self, name: &str, context: &Context<'_>) -> Option<&str> {
        match &self.workflow.param(name)?.default {
            Some(Value::String(path)) if !context.given.contains(name) => Some(path),
            _ => None,
        }
    }
}
