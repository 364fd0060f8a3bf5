//! Makes views from the state.

use sunward_core::{
    Account, Energy, RunState, RunStatus, SkipReason, StageEnd, StageId, StageView as Stage,
    TaskStatus, late::late,
};
use sunward_workflows::enclosing;

use super::carbon::{by_basis, grams, known, micrograms, signed_grams};
use super::late::LateView;
use super::made::Made;
use super::summary::Summary;
use super::waits::WaitView;
use super::{
    LedgerView, Named, OutputView, RejectsView, ReplayView, RunAnswer, RunView, StageCounts,
    StageView,
};
use crate::machine;
use crate::recorded::Recorded;
use crate::render::progress::{Moment, Over};
use crate::render::style::harmless;
use crate::render::units::float;

/// The word for a run's status.
pub(crate) const fn status_word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Succeeded => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::Cancelled => "cancelled",
        RunStatus::Held => "held",
        RunStatus::Interrupted => "interrupted",
    }
}

/// The progress of every stage, by its id.
pub(crate) fn moments(run: &RunState) -> Vec<Moment> {
    run.stages()
        .map(|stage| {
            let counts = stage.counts();
            let of = |status| u64::from(counts.of(status));
            Moment {
                total: stage.task_count().map(u64::from),
                cached: of(TaskStatus::Cached),
                ran: of(TaskStatus::Succeeded),
                failed: of(TaskStatus::Failed),
                running: of(TaskStatus::Active),
                seconds: stage.seconds(),
                over: stage.end().map(|end| match end {
                    StageEnd::Succeeded => Over::Done,
                    StageEnd::Failed => Over::Failed,
                    StageEnd::Cancelled => Over::Cancelled,
                    StageEnd::Skipped(reason) => Over::Skipped(skip_words(run, reason)),
                }),
            }
        })
        .collect()
}

/// Why a stage was skipped; `None` if the user did so on the command line.
fn skip_words(run: &RunState, reason: &SkipReason) -> Option<String> {
    let name = |stage: &StageId| {
        run.stage(*stage).map_or_else(
            || format!("stage {}", stage.0),
            |stage| stage.name().to_owned(),
        )
    };
    match reason {
        SkipReason::Condition => Some("its `if` is false".to_owned()),
        SkipReason::UpstreamFailed(before) => Some(format!("{} failed", name(before))),
        SkipReason::UpstreamSkipped(before) => Some(format!("{} was skipped", name(before))),
        SkipReason::Cancelled => Some("the run was cancelled".to_owned()),
        SkipReason::NotSelected => None,
    }
}

/// The numbers of a stage.
pub(crate) fn stage_counts(stage: &Stage<'_>) -> StageCounts {
    let counts = stage.counts();
    let of = |status| u64::from(counts.of(status));
    StageCounts {
        tasks: stage.task_count().map_or(0, u64::from),
        cached: of(TaskStatus::Cached),
        ran: of(TaskStatus::Succeeded),
        failed: of(TaskStatus::Failed),
        skipped: of(TaskStatus::Skipped) + of(TaskStatus::Cancelled),
        seconds: stage.seconds(),
        rejects: rejects(stage),
    }
}

/// The rows that a stage's kernel rejected. Inputs without rejected rows are left out.
fn rejects(stage: &Stage<'_>) -> Vec<RejectsView> {
    let all = stage.rejects();
    let some = all.iter().filter(|rejects| rejects.rows > 0);
    some.map(|rejects| RejectsView {
        input: rejects.port.clone(),
        rejected: rejects.rows,
        of: rejects.of,
        reason: rejects.main_reason().map(str::to_owned),
        text: match all.len() {
            1 => harmless(&rejects.to_string()),
            _ => harmless(&format!("{}: {rejects}", rejects.port)),
        },
    })
    .collect()
}

/// Warnings about a run that succeeded: stages whose kernel rejected every row of an input, and no
/// output at all.
pub(crate) fn warnings(run: &RunState) -> Vec<String> {
    let succeeded = run
        .stages()
        .filter(|stage| stage.end() == Some(&StageEnd::Succeeded));
    let rejects = succeeded
        .flat_map(|stage| {
            let all = stage.rejects().iter().filter(|rejects| rejects.is_all());
            all.map(move |rejects| {
                format!(
                    "stage {} rejected every row of its input {}: {rejects}; `tolerate_rejects: 10%` in the stage makes this an error",
                    stage.name(),
                    rejects.port
                )
            })
        });
    rejects.chain(none_written(run)).collect()
}

/// The warning that conditions left a run without any output, although nothing failed.
fn none_written(run: &RunState) -> Option<String> {
    let mut stages: Vec<&str> = Vec::new();
    for (_, stage, _) in run.outputs() {
        let stage = run.stage(stage)?.name();
        if !run.was_skipped(stage) {
            return None;
        }
        if !stages.contains(&stage) {
            stages.push(stage);
        }
    }
    let (verb, names) = match stages.as_slice() {
        [] => return None,
        [one] => ("was", (*one).to_owned()),
        all => ("were", all.join(", ")),
    };
    Some(format!(
        "no output was written, because {names} {verb} skipped; `sunward explain` shows why"
    ))
}

/// The view of the ledger.
pub(crate) fn ledger(run: &RunState, account: &Account) -> LedgerView {
    let (ledger, tasks) = (run.ledger(), results(run));
    let measured = float(ledger.measured_millijoules) / 1000.0;
    let modelled = float(ledger.modelled_millijoules) / 1000.0;
    let with_energy = ledger.attempts.saturating_sub(ledger.missing_energy);
    let bases = by_basis(account);
    let energy_source = match (measured > 0.0, modelled > 0.0) {
        _ if ledger.attempts == 0 => "none",
        _ if with_energy == 0 => "missing",
        (true, true) => "measured and modelled",
        (true, false) => "measured",
        (false, _) => "modelled",
    };
    LedgerView {
        energy_joules: measured + modelled,
        energy_source,
        measured_joules: measured,
        modelled_joules: modelled,
        attempts_missing: ledger.missing_energy,
        failed_joules: float(ledger.failed_millijoules) / 1000.0,
        gco2e: account.headline().map(grams),
        basis: account
            .headline()
            .and_then(|_| bases.first().map(|one| one.basis)),
        gco2e_by_basis: if bases.len() > 1 { bases } else { Vec::new() },
        gco2e_at_home_now: account.at_home().map(grams),
        gco2e_saved: account.saved_micrograms().map(signed_grams),
        gco2e_marginal: account.marginal().map(grams),
        gco2e_marginal_at_home_now: account.marginal_at_home().map(grams),
        gco2e_transfer: account
            .headline()
            .and_then(|_| account.transfer.single())
            .map(grams),
        gco2e_embodied: account.embodied().map(micrograms),
        embodied: known(account.embodied().is_some()),
        gco2e_per_task: account
            .headline()
            .and_then(|carbon| carbon.micrograms().checked_div(tasks))
            .map(micrograms),
        sci_gco2e_per_task: account.sci_micrograms(tasks).map(micrograms),
        note: note(run, account),
        intensity_certainty: account.certainty,
        joules_without_intensity: float(account.uncovered_millijoules) / 1000.0,
        restated: false,
        replayed: run.spec.placing.clock.map(ReplayView::of),
        cache_saved: None,
    }
}

/// Why the headline is not known, or not of all energy.
fn note(run: &RunState, account: &Account) -> Option<String> {
    let marginal = account.marginal_uncovered_millijoules < account.uncovered_millijoules;
    let text = match account.by_basis().iter().collect::<Vec<_>>().as_slice() {
        _ if account.millijoules == 0 => return None,
        [] if marginal => "only marginal intensities are known; average ones, from which the headline is computed, are not, because the grid that was asked publishes none (electricity-maps, entsoe, eia and uk do)".to_owned(),
        [] if run.spec.placing.grid.is_none() => return None,
        [] => "no intensity is known for the time of the run; `sunward grid` shows what the grid has".to_owned(),
        [(first, _), others @ ..] if !others.is_empty() => {
            let others = others.iter().map(|(basis, _)| basis.to_string());
            let all: Vec<String> = std::iter::once(first.to_string()).chain(others).collect();
            format!(
                "the intensities count different things ({}), so their emissions are not added, and no saving is known",
                all.join("; ")
            )
        }
        _ if marginal => "for a part of the energy only marginal intensities are known, and they are not added to average ones".to_owned(),
        _ if !account.at_home_now.is_alike(&account.by_basis()) => {
            let there: Vec<String> = account.at_home_now.iter().map(|(basis, _)| basis.to_string()).collect();
            format!(
                "the intensities at home count other things ({}), so no saving is known",
                there.join("; ")
            )
        }
        _ => return None,
    };
    Some(text)
}

/// The number of tasks of a run that ran and have a result. Its emissions are divided by it.
pub(crate) fn results(run: &RunState) -> u64 {
    run.stages()
        .map(|stage| u64::from(stage.counts().of(TaskStatus::Succeeded)))
        .sum()
}

/// The object of `run --json`.
pub(crate) fn answer(
    run: &RunState,
    account: &Account,
    outputs: Named<OutputView>,
    seconds: f64,
) -> RunAnswer {
    RunAnswer {
        version: 1,
        run: run.id.to_string(),
        status: status_word(run.status).to_owned(),
        outputs,
        stages: Named(
            run.stages()
                .map(|stage| (stage.name().to_owned(), stage_counts(&stage)))
                .collect(),
        ),
        summary: Summary::of(run),
        ledger: ledger(run, account),
        warnings: warnings(run),
        notifications: Vec::new(),
        late: late(run, run.last_stood_at()).as_ref().map(LateView::of),
        over_budget: run.overrun().map(|over| over.to_string()),
        seconds,
    }
}

/// The view of one recorded run.
pub(crate) fn view(recorded: &Recorded, run: &RunState, outputs: Named<OutputView>) -> RunView {
    let (account, status) = (&recorded.account(), recorded.status);
    let (until, present) = (recorded.until(run), recorded.present(run));
    let waits: Vec<WaitView> = recorded.waits().iter().map(WaitView::of).collect();

    let spec = &run.spec;
    let ended = run.ended_at.filter(|_| status != RunStatus::Running);
    RunView {
        run: run.id.to_string(),
        workflow: spec.workflow.name.clone(),
        path: spec.path.clone(),
        status: status_word(status).to_owned(),
        submitted: machine::shown(run.submitted_at),
        ended: ended.map(machine::shown),
        seconds: float(until.since_ms(run.submitted_at)) / 1000.0,
        // Those of used files follow from these and from `with:`.
        params: spec
            .params
            .iter()
            .filter(|(name, _)| enclosing(name).is_none())
            .map(|(name, value)| (name.clone(), value.to_json()))
            .collect(),
        stages: Named(
            run.stages()
                .map(|stage| {
                    (
                        stage.name().to_owned(),
                        stage_view(run, &stage, status, &waits),
                    )
                })
                .collect(),
        ),
        waits,
        outputs,
        ledger: ledger(run, account),
        now: run.is_unfinished().then(|| machine::shown(present)),
        late: late(run, present).as_ref().map(LateView::of),
        demand_response: recorded.demand(run),
        over_budget: run.overrun().map(|over| over.to_string()),
    }
}

fn stage_view(
    run: &RunState,
    stage: &Stage<'_>,
    of_run: RunStatus,
    waits: &[WaitView],
) -> StageView {
    let waits = waits.iter().filter(|wait| wait.stage == stage.name());
    let mut waits: Vec<String> = waits.map(|wait| wait.text.clone()).collect();
    if waits.is_empty() && stage.end().is_none() {
        // The run stands still.
        let before = stage.waits_for();
        let before = before.iter().filter_map(|id| run.stage(*id));
        let before: Vec<&str> = before.map(|stage| stage.name()).collect();
        waits.extend((!before.is_empty()).then(|| format!("waits for {}", before.join(", "))));
    }
    let reason = match (stage.skip_reason(), stage.unresolvable()) {
        (Some(reason), _) => skip_words(run, reason).or_else(|| Some("not selected".to_owned())),
        (None, Some(failure)) => Some(failure.message.clone()),
        (None, None) if stage.end() == Some(&StageEnd::Failed) => stage
            .too_many_rejects()
            .map(|_| "more rows were rejected than `tolerate_rejects` allows".to_owned()),
        (None, None) if stage.end().is_none() && !waits.is_empty() => Some(waits.join("; ")),
        (None, None) => None,
    };
    // Tasks end with their engine. Until the run continues, they count as ready again.
    let is_interrupted = of_run == RunStatus::Interrupted && stage.end().is_none();
    let running = u64::from(stage.counts().of(TaskStatus::Active));
    StageView {
        status: match is_interrupted && running > 0 {
            true => "interrupted".to_owned(),
            false => stage.status_word().to_owned(),
        },
        reason,
        counts: stage_counts(stage),
        running: if is_interrupted { 0 } else { running },
        ran_on: Made::all(stage.ran_on()),
    }
}

/// An attempt's energy in joules, if known, and the source of that figure.
pub(crate) fn joules(energy: Energy) -> (Option<f64>, &'static str) {
    let source = match energy {
        Energy::Measured { .. } => "measured",
        Energy::Modelled { .. } => "modelled",
        Energy::Both { .. } => "measured and modelled",
        Energy::Missing => "missing",
    };
    (energy.millijoules().map(|mj| float(mj) / 1000.0), source)
}
