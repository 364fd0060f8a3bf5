//! Finds what has changed since a run: its workflow, the files that the workflow names, and its
//! data.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use sunward_core::{
    Dataset, Gathered, Known, PlannedStage, RunSpec, RunState, StageEnd, StageView, TaskStatus,
    diff_ingredients,
};
use sunward_drive::LocalResolver;
use sunward_workflows::{Input, Reference, Span};

use crate::foresight::Foresight;

/// One line for each stage whose inputs the run has read and whose files have other content now.
/// Afterwards the resolver knows which versions of the files the run reads.
///
/// # Errors
/// Fails if the files or the state cannot be read.
pub(crate) fn changed_inputs(
    home: &Path,
    run: &RunState,
    now: &Arc<RunSpec>,
    resolver: &Arc<LocalResolver>,
) -> anyhow::Result<Vec<String>> {
    let mut foresight = Foresight::of_run(home, run.id, Arc::clone(now), resolver)?;
    let mut lines = Vec::new();
    let names = run.stages().map(|stage| stage.name().to_owned());
    let skipped: BTreeSet<String> = names.filter(|name| run.was_skipped(name)).collect();
    for stage in run.stages() {
        let reads_files = sources(stage.planned).any(|source| {
            matches!(
                source,
                Reference::Param(_)
                    | Reference::Path(_)
                    | Reference::Pattern(_)
                    | Reference::Item(_)
            )
        });
        let begun = !stage.inputs().is_empty() && stage.skip_reason().is_none();
        if !reads_files || !begun || now.plan.find(stage.name()).is_none() {
            continue;
        }
        let written = sources(stage.planned)
            .filter_map(|source| {
                let (stage, port) = source.port()?;
                let written = run.given(run.spec.plan.find(stage)?, port)?;
                Some(((stage.to_owned(), port.to_owned()), written))
            })
            .collect();
        let skipped = skipped.clone();
        let gathered = Gathered {
            written,
            skipped,
            ..Gathered::default()
        };
        let Some((inputs, tasks)) = foresight.inputs(stage.planned, &gathered) else {
            foresight.check()?;
            continue;
        };
        let before = stage.inputs().iter();
        let is_same = before.len() == inputs.len() && before.zip(&inputs).all(are_same);
        if !is_same || stage.tasks() != Some(&tasks) {
            lines.push(format!("{}: the files that it reads changed", stage.name()));
        }
    }
    Ok(lines)
}

/// Whether two datasets have the same content, as far as it has come.
fn are_same((one, other): (&Dataset, &Dataset)) -> bool {
    let are_same_files = || one.files.is_some() && one.files == other.files;
    one.content == other.content || are_same_files() && one.parts == other.parts
}

fn sources(planned: &PlannedStage) -> impl Iterator<Item = &Reference> {
    planned.stage.inputs.values().flat_map(|input| &input.from)
}

/// One line for each stage that has changed since a run was submitted.
pub(crate) fn changes(before: &RunSpec, now: &RunSpec) -> Vec<String> {
    let mut lines = Vec::new();
    for new in &now.plan.stages {
        let name = &new.stage.name;
        let Some(old) = before.plan.find(name).and_then(|id| before.plan.stage(id)) else {
            lines.push(format!("{name}: the stage is new"));
            continue;
        };
        let mut changed = diff_ingredients(&old.ingredients, &new.ingredients);
        if changed.is_empty() && old.staged != new.staged {
            changed.push("files that its items name changed".to_owned());
        }
        if !changed.is_empty() {
            lines.push(format!("{name}: {}", changed.join("; ")));
        }
    }
    for old in &before.plan.stages {
        if now.plan.find(&old.stage.name).is_none() {
            lines.push(format!("{}: the stage was removed", old.stage.name));
        }
    }
    lines
}

/// True if the run can continue with the new plan. The graph must be the same. A stage that already
/// has results, or inputs and tasks, must have the same meaning.
pub(crate) fn results_stand(run: &RunState, now: &RunSpec) -> bool {
    let before = &run.spec.plan.stages;
    let pairs = || before.iter().zip(&now.plan.stages);
    before.len() == now.plan.stages.len()
        && pairs().all(|(old, new)| {
            old.stage.name == new.stage.name
                && old.upstream == new.upstream
                && old.selected == new.selected
        })
        && run
            .stages()
            .zip(pairs())
            .all(|(stage, (old, new))| old.same_meaning(new) || may_change(&stage, old, new))
}

/// True if a stage may get another meaning: it has no result yet, and keeps its inputs, outputs and
/// tasks.
fn may_change(stage: &StageView<'_>, old: &PlannedStage, new: &PlannedStage) -> bool {
    let counts = stage.counts();
    let done = counts.of(TaskStatus::Succeeded) + counts.of(TaskStatus::Cached);
    let inputs = |planned: &PlannedStage| -> Vec<(String, Input)> {
        let ports = planned.stage.inputs.iter();
        ports
            .map(|(port, input)| {
                let input = Input {
                    span: Span::default(),
                    ..input.clone()
                };
                (port.clone(), input)
            })
            .collect()
    };
    let ended_well = matches!(stage.end(), Some(StageEnd::Succeeded));
    !ended_well
        && done == 0
        && old.tasks == new.tasks
        && inputs(old) == inputs(new)
        && old.stage.outputs.keys().eq(new.stage.outputs.keys())
}
