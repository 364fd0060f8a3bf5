//! Decides which stages begin again because parts are gone or damaged.

use std::collections::BTreeSet;

use crate::dataset::Dataset;
use crate::digest::Digest;
use crate::fact::{Fact, RunStatus, SkipReason};
use crate::ids::{RunId, StageId};
use crate::order::Step;
use crate::plan::PlannedStage;
use crate::state::stage::{Phase, StageEnd, StageState};
use crate::state::{RunState, State};
use crate::task::TaskStatus;

/// A stage reads parts that are lost. The stages that produced them begin again, and so does every
/// stage that read from those: a result that is computed again may differ, and a run must not mix
/// two versions of one.
///
/// Nothing is decided while a task of one of these stages is leased, or a request about one of them
/// is outstanding. Its answer would be taken for an answer to the stage that began again.
pub(super) fn parts_lost(
    state: &State,
    run: RunId,
    missed_by: StageId,
    parts: &BTreeSet<Digest>,
) -> Step {
    let mut step = Step::default();
    let goes_on = |run: &&RunState| run.status == RunStatus::Running && run.stopping.is_none();
    let Some(one) = state.runs.get(&run).filter(goes_on) else {
        return step;
    };
    // This is called often, so the cheapest condition comes first.
    let missed_is_quiet = |(_, stage): (&PlannedStage, &StageState)| is_quiet(stage, true);
    if !one.get(missed_by).is_some_and(missed_is_quiet) {
        return step;
    }
    let stages = concerned(one, missed_by, parts);
    let quiet = stages.iter().all(|id| {
        one.get(*id)
            .is_some_and(|(_, stage)| is_quiet(stage, *id == missed_by))
    });
    if quiet {
        let stages = stages.into_iter().collect();
        step.facts.push(Fact::ResultsLost { run, stages });
    }
    step
}

/// Whether no task of a stage is leased and no request about it is outstanding. The request for the
/// inputs of the stage that missed a part does not count: the loss is its answer.
fn is_quiet(stage: &StageState, missed: bool) -> bool {
    let resolving = stage.phase == Phase::Resolving && !missed;
    !resolving && stage.asked.is_empty() && stage.counts.of(TaskStatus::Active) == 0
}

/// The stage itself, the stages that produced or read one of the parts, and all stages that read
/// from those.
fn concerned(run: &RunState, missed_by: StageId, parts: &BTreeSet<Digest>) -> BTreeSet<StageId> {
    let mut stages = BTreeSet::from([missed_by]);
    // A plan lists upstream stages first, so one pass finds all stages that read from others.
    for id in run.ids() {
        let Some((planned, stage)) = run.get(id) else {
            continue;
        };
        let reads_lost = stage.inputs.iter().any(|input| holds(input, parts));
        // A stage that has ended and only waited for another did not use what that one produced.
        let waits_for = matches!(stage.phase, Phase::Resolving | Phase::Open)
            && planned.upstream.iter().any(|one| stages.contains(one));
        let follows = waits_for || has_begun(stage) && reads_from(run, planned, &stages);
        if reads_lost || follows || gave(stage, parts) {
            stages.insert(id);
        }
    }
    stages
}

fn holds(dataset: &Dataset, parts: &BTreeSet<Digest>) -> bool {
    dataset.stored().any(|part| parts.contains(&part.digest))
}

/// Whether a task of a stage produced one of the parts.
fn gave(stage: &StageState, parts: &BTreeSet<Digest>) -> bool {
    (0..stage.count())
        .filter(|index| stage.status_of(*index).is_some_and(TaskStatus::has_result))
        .any(|index| {
            let result = stage.results.get(index);
            result.ports.iter().any(|dataset| holds(dataset, parts))
        })
}

/// Whether a stage may have read any of its inputs.
const fn has_begun(stage: &StageState) -> bool {
    match &stage.phase {
        Phase::Resolving | Phase::Open | Phase::Ended(StageEnd::Succeeded | StageEnd::Failed) => {
            true
        }
        Phase::Waiting
        | Phase::Ended(
            StageEnd::Cancelled
            | StageEnd::Skipped(
                SkipReason::Condition
                | SkipReason::UpstreamFailed(_)
                | SkipReason::UpstreamSkipped(_)
                | SkipReason::NotSelected
                | SkipReason::Cancelled,
            ),
        ) => false,
    }
}

fn reads_from(run: &RunState, planned: &PlannedStage, stages: &BTreeSet<StageId>) -> bool {
    let inputs = planned.stage.inputs.values();
    let mut sources = inputs.flat_map(|input| run.sources(input));
    sources.any(|source| {
        let id = source
            .port()
            .and_then(|(stage, _)| run.spec.plan.find(stage));
        id.is_some_and(|id| stages.contains(&id))
    })
}
