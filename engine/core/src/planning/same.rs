//! Decides whether an unfinished run may continue with a new plan.

use sunward_workflows::{
    Action, Command, CudaArg, Expect, Place, Resources, Retry, Span, Stage, Template, Value,
};

use crate::plan::{Plan, PlannedStage};

impl Plan {
    /// Whether `newer` has the same meaning: the same graph, stages, params that matter and
    /// selection. Place, budget, expect, resources, retry and positions in the file may differ. A
    /// stage that `newer` forces must be forced here too.
    #[must_use]
    pub fn same_meaning(&self, newer: &Self) -> bool {
        self.stages.len() == newer.stages.len()
            && self
                .stages
                .iter()
                .zip(&newer.stages)
                .all(|(old, new)| same_stage(old, new))
    }
}

impl PlannedStage {
    /// Whether `newer` has the same meaning, so that results of this stage are results of that one.
    #[must_use]
    pub fn same_meaning(&self, newer: &Self) -> bool {
        same_stage(self, newer)
    }
}

fn same_stage(old: &PlannedStage, new: &PlannedStage) -> bool {
    old.meaning == new.meaning
        && old.upstream == new.upstream
        && old.selected == new.selected
        && old.reads == new.reads
        && old.repeat == new.repeat
        && old.tasks == new.tasks
        && old.staged == new.staged
        && (old.force || !new.force)
        && bare(&old.stage) == bare(&new.stage)
}

/// A stage without the fields that may change and without its positions in the file. Fields that
/// `meaning` and `tasks` hold in rendered form are left out too, since they may be written in
/// another way.
fn bare(stage: &Stage) -> Stage {
    let mut stage = stage.clone();
    stage.place = Place::default();
    stage.expect = Expect::default();
    stage.resources = Resources::default();
    stage.retry = Retry::default();
    stage.repeat = None;
    stage.span = Span::default();
    stage
        .with
        .values_mut()
        .for_each(|value| *value = Value::Null);
    for input in stage.inputs.values_mut() {
        input.span = Span::default();
    }
    for output in stage.outputs.values_mut() {
        output.span = Span::default();
    }
    let outer = stage.outer_conditions.iter_mut();
    let outer = outer.map(|outer| &mut outer.condition);
    let templates = stage.env.values_mut().chain(stage.condition.as_mut());
    for template in templates.chain(outer) {
        template.span = Span::default();
    }
    match &mut stage.action {
        Action::Run(Command::Shell { script, .. }) => {
            script.span = Span::default();
        }
        Action::Run(Command::Argv(argv)) => argv
            .iter_mut()
            .for_each(|word: &mut Template| word.span = Span::default()),
        Action::Kernel { .. } => {}
        Action::Cuda(cuda) => {
            for arg in &mut cuda.args {
                if let CudaArg::Value { value, .. } = arg {
                    value.span = Span::default();
                }
            }
        }
    }
    stage
}
