//! Attempts that ended. Only the outcome of a task's current lease is accepted.

use std::collections::{BTreeMap, BTreeSet};

use super::retrying::retry_at;
use super::workers::is_hopeless;
use crate::fact::{Fact, Success};
use crate::failure::{Failure, FailureKind};
use crate::ids::{RunId, StageId, TaskId, Timestamp, place};
use crate::input::{Outcome, TaskEnd};
use crate::order::Step;
use crate::state::State;
use crate::state::run::Stopping;
use crate::task::TaskStatus;

/// Attempts that ended, in the order in which they were reported. Consecutive attempts of one stage
/// share a fact.
pub(super) fn ended(state: &State, now: Timestamp, ends: Vec<TaskEnd>) -> Step {
    let rising = ends
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.task < b.task));
    let mut seen = BTreeSet::new();
    let mut facts = Facts::default();
    for end in ends {
        if !is_current(state, &end) || !(rising || seen.insert(end.task)) {
            continue;
        }
        match end.outcome {
            Outcome::Succeeded(result) => facts.success(
                end.task.run,
                end.task.stage,
                Success {
                    index: end.task.index,
                    generation: end.generation,
                    started_ms: end.started_ms,
                    wall_us: end.wall_us,
                    cpu_us: end.cpu_us,
                    energy: end.energy,
                    result,
                },
            ),
            Outcome::Failed(ref failure) => {
                if end.wall_us == 0 && failure.kind == FailureKind::Preempted {
                    facts.given_back(end.task);
                    continue;
                }
                let given_back = match failure.kind {
                    FailureKind::Cancelled => !is_hopeless(state, end.task),
                    FailureKind::Preempted
                    | FailureKind::Exit(_)
                    | FailureKind::Signal(_)
                    | FailureKind::Timeout
                    | FailureKind::Memory
                    | FailureKind::Output
                    | FailureKind::Input
                    | FailureKind::Infrastructure
                    | FailureKind::Permanent
                    | FailureKind::InputLost => false,
                };
                if end.wall_us == 0 && given_back {
                    facts.dropped(end.task);
                } else if let Some(fact) = failed(state, now, &end, failure) {
                    facts.other.push(fact);
                }
            }
        }
    }
    facts.step()
}

/// The facts collected so far.
#[derive(Default)]
struct Facts {
    finished: Vec<Fact>,
    other: Vec<Fact>,
    /// Leases that were dropped before anything ran.
    dropped: BTreeMap<(RunId, StageId), Vec<u32>>,
    /// Leases that a worker gave back before anything ran, because it has to make way.
    given_back: BTreeMap<(RunId, StageId), Vec<u32>>,
}

impl Facts {
    fn success(&mut self, run: RunId, stage: StageId, success: Success) {
        if let Some(Fact::Finished {
            run: last_run,
            stage: last_stage,
            successes,
        }) = self.finished.last_mut()
            && (*last_run, *last_stage) == (run, stage)
        {
            successes.push(success);
            return;
        }
        self.finished.push(Fact::Finished {
            run,
            stage,
            successes: vec![success],
        });
    }

    fn dropped(&mut self, task: TaskId) {
        self.dropped
            .entry((task.run, task.stage))
            .or_default()
            .push(task.index);
    }

    fn given_back(&mut self, task: TaskId) {
        self.given_back
            .entry((task.run, task.stage))
            .or_default()
            .push(task.index);
    }

    fn step(self) -> Step {
        let mut facts = self.finished;
        facts.extend(self.other);
        facts.extend(
            self.dropped
                .into_iter()
                .map(|((run, stage), indices)| Fact::Lost {
                    run,
                    stage,
                    indices,
                }),
        );
        let given_back = self.given_back.into_iter();
        facts.extend(given_back.map(|((run, stage), indices)| Fact::GivenBack {
            run,
            stage,
            indices,
        }));
        Step {
            facts,
            orders: Vec::new(),
        }
    }
}

/// Whether the end belongs to the task's current lease.
fn is_current(state: &State, end: &TaskEnd) -> bool {
    let Some((_, stage)) = state
        .runs
        .get(&end.task.run)
        .and_then(|run| run.get(end.task.stage))
    else {
        return false;
    };
    stage.status_of(end.task.index) == Some(TaskStatus::Active)
        && stage.generation.get(place(end.task.index)) == Some(&end.generation.0)
}

/// A failed attempt, with the moment of the next attempt if there is one.
fn failed(state: &State, now: Timestamp, end: &TaskEnd, failure: &Failure) -> Option<Fact> {
    let run = state.runs.get(&end.task.run)?;
    let (planned, stage) = run.get(end.task.stage)?;
    let tries = stage
        .tries
        .get(&end.task.index)
        .copied()
        .unwrap_or_default();
    let retry_at = match (run.stopping, failure.kind) {
        (Some(Stopping::Cancel), _) => None,
        // The engine stopped it, or its worker is leaving. The task counts as not begun.
        (Some(Stopping::Interrupt | Stopping::Hold), FailureKind::Cancelled)
        | (Some(Stopping::Interrupt | Stopping::Hold) | None, FailureKind::Preempted) => Some(now),
        (None, FailureKind::Cancelled) => (!is_hopeless(state, end.task)).then_some(now),
        (
            Some(Stopping::Interrupt | Stopping::Hold) | None,
            FailureKind::Exit(_)
            | FailureKind::Signal(_)
            | FailureKind::Timeout
            | FailureKind::Memory
            | FailureKind::Output
            | FailureKind::Input
            | FailureKind::Infrastructure
            | FailureKind::Permanent
            | FailureKind::InputLost,
        ) => retry_at(&planned.stage.retry, tries, failure.kind, now),
    };
    Some(Fact::Failed {
        run: end.task.run,
        stage: end.task.stage,
        index: end.task.index,
        generation: end.generation,
        started_ms: end.started_ms,
        wall_us: end.wall_us,
        cpu_us: end.cpu_us,
        energy: end.energy,
        failure: failure.clone(),
        retry_at,
    })
}
