//! What the stages of earlier runs of a file read, to tell what has changed since.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dataset::Dataset;
use crate::fact::Fact;
use crate::ids::StageId;
use crate::ingredient::Ingredient;
use crate::key::ingredients;
use crate::plan::RunSpec;

/// The stages of a file's newest runs, by name. Each is from the newest run in which its inputs were
/// known.
#[derive(Debug, Default)]
pub struct EarlierStages(BTreeMap<String, EarlierStage>);

/// A stage as it was in a run.
#[derive(Debug)]
struct EarlierStage {
    id: StageId,
    spec: Arc<RunSpec>,
    inputs: Vec<Dataset>,
}

/// One run, as far as its stages' inputs are known. Its tasks are left out, so that reading a run of a
/// million tasks costs little more than reading its facts.
#[derive(Debug, Default)]
pub struct Outline {
    spec: Option<Arc<RunSpec>>,
    inputs: BTreeMap<StageId, Vec<Dataset>>,
}

impl Outline {
    /// Takes from a fact of the run what belongs to its outline.
    pub fn note(&mut self, fact: Fact) {
        match fact {
            Fact::Submitted { spec, .. } | Fact::Resumed { spec, .. } => self.spec = Some(spec),
            Fact::Resolved {
                stage,
                inputs,
                tasks,
                ..
            } if tasks.count() > 0 => {
                self.inputs.insert(stage, inputs);
            }
            _ => {}
        }
    }
}

impl EarlierStages {
    /// Whether all stages of a run are known, so that no older run can add one.
    #[must_use]
    pub fn has_all_of(&self, spec: &RunSpec) -> bool {
        let mut stages = spec.plan.stages.iter();
        stages.all(|planned| self.0.contains_key(&planned.stage.name))
    }

    /// Adds the stages of a run that no newer one had.
    pub fn add_older(&mut self, run: Outline) {
        let Some(spec) = run.spec else { return };
        for (id, inputs) in run.inputs {
            let Some(planned) = spec.plan.stage(id) else {
                continue;
            };
            let name = planned.stage.name.clone();
            let spec = Arc::clone(&spec);
            self.0
                .entry(name)
                .or_insert(EarlierStage { id, spec, inputs });
        }
    }

    /// The ingredients of a stage's keys in its newest run: those of its inputs too, if `with_inputs`.
    pub(crate) fn ingredients(&self, stage: &str, with_inputs: bool) -> Option<Vec<Ingredient>> {
        let EarlierStage { id, spec, inputs } = self.0.get(stage)?;
        let planned = spec.plan.stage(*id)?;
        Some(match with_inputs {
            true => ingredients(planned, inputs, None, None),
            false => planned.ingredients.clone(),
        })
    }
}
