//! A checked workflow, which the other types make up.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Budget, Input, Notify, Param, Place, Reference, Stage};

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
    /// The stages, in the order written.
    pub stages: IndexMap<String, Stage>,
    /// The run's outputs: name -> `stage.port`.
    pub outputs: IndexMap<String, Reference>,
}

impl Workflow {
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
