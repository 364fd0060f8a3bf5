//! A checked workflow, which the other types make up.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    Budget, Input, Notify, Param, Place, Reference, Stage, Used, enclosing, full_name, is_inside,
    own_name,
};

/// A checked workflow: all names resolve, types fit, and the graph has no cycle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// The workflow's name.
    pub name: String,
    /// A description in one line, for listings.
    pub description: String,
    /// The parameters, in the order written.
    pub params: IndexMap<String, Param>,
    /// Where and when the whole run may take place.
    pub place: Place,
    /// What the run may cost.
    pub budget: Budget,
    /// How many units there are of what tasks share, by name.
    pub limits: BTreeMap<String, u32>,
    /// Who is told how the run went.
    pub notify: Vec<Notify>,
    /// The files that its stages use, by the full names of these stages.
    pub uses: BTreeMap<String, Used>,
    /// The stages, in the order written; those of a file that a stage uses are in that stage's place.
    pub stages: IndexMap<String, Stage>,
    /// The run's outputs: name -> `stage.port`.
    pub outputs: IndexMap<String, Reference>,
}

impl Workflow {
    /// The parameters that a stage may read, under their own names: those of its file.
    #[must_use]
    pub fn params_of(&self, stage: &str) -> &IndexMap<String, Param> {
        let used = enclosing(stage).and_then(|around| self.uses.get(around));
        used.map_or(&self.params, |used| &used.params)
    }

    /// The parameter with this full name.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params_of(name).get(own_name(name))
    }

    /// The parameters of all files, by their full names.
    pub fn all_params(&self) -> impl Iterator<Item = (String, &Param)> {
        let own = self.params.iter();
        let own = own.map(|(name, param)| (name.clone(), param));
        let used = self.uses.iter().flat_map(|(around, used)| {
            let params = used.params.iter();
            params.map(|(name, param)| (full_name(Some(around), name), param))
        });
        own.chain(used)
    }

    /// The full names of the stages of the file that a stage uses, and of the files in it; empty if the
    /// stage uses none.
    #[must_use]
    pub fn stages_in(&self, used: &str) -> Vec<&str> {
        if !self.uses.contains_key(used) {
            return Vec::new();
        }
        let stages = self.stages.keys().map(String::as_str);
        stages.filter(|stage| is_inside(stage, used)).collect()
    }

    /// The stages that a name means: the stage itself, or all stages of the file that it uses. Empty if
    /// there is no such stage.
    #[must_use]
    pub fn stages_named<'w>(&'w self, name: &str) -> Vec<&'w str> {
        match self.stages.get_key_value(name) {
            Some((name, _)) => vec![name],
            None => self.stages_in(name),
        }
    }

    /// The folder of the file in which a stage or parameter is written, relative to the workflow's
    /// folder; empty for the workflow's own.
    #[must_use]
    pub fn folder_of(&self, name: &str) -> &str {
        let used = enclosing(name).and_then(|around| self.uses.get(around));
        used.map_or("", Used::folder)
    }

    /// The inputs that read what a parameter names.
    pub fn readers<'w>(&'w self, param: &'w str) -> impl Iterator<Item = &'w Input> {
        let reads = move |input: &&Input| {
            let mut sources = input.from.iter();
            sources.any(|source| matches!(source, Reference::Param(name) if name == param))
        };
        let inputs = self.stages.values().flat_map(|stage| stage.inputs.values());
        inputs.filter(reads)
    }
}
