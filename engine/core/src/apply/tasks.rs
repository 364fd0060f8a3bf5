//! Facts about leases and how they ended.

use std::collections::BTreeMap;

use super::energy::{self, Together};
use super::get;
use super::runs::release;
use crate::attempt::{AttemptEvent, AttemptStatus};
use crate::fact::{Fact, Success};
use crate::failure::FailureKind;
use crate::ids::{Generation, RunId, StageId, TaskId, WorkerId, place};
use crate::illegal::Illegal;
use crate::lease::Lease;
use crate::ledger::{AttemptRecord, Spent};
use crate::planning::gpus;
use crate::state::run::Stopping;
use crate::state::stage::TaskFailure;
use crate::state::{RunState, State};
use crate::task::TaskEvent;

/// The most attempts of one run whose times are kept one by one. Further attempts count only in
/// sums.
const TIMED_ATTEMPTS: u32 = 100_000;

/// A worker holds a lease on these tasks.
pub(super) fn leased(state: &mut State, worker: WorkerId, lease: &Lease) -> Result<(), Illegal> {
    let Lease {
        run: id,
        stage,
        first,
        count,
        generation,
        ..
    } = *lease;
    let holder = state
        .workers
        .get_mut(&worker)
        .ok_or(Illegal::NoSuchWorker(worker))?;
    *holder.held.entry((id, stage)).or_default() += count;
    let pool = holder.pool;
    let run = get(state, id)?;
    if let Some(placed) = &mut run.stage_mut(stage)?.placed {
        placed.take(pool, count);
    }
    let end = first.saturating_add(count);
    for index in first..end {
        run.shift(stage, index, TaskEvent::Lease)?;
        let state = run.stage_mut(stage)?;
        let current = &mut state.generation[place(index)];
        if generation.0 <= *current {
            return Err(Illegal::Generation {
                task: TaskId {
                    run: id,
                    stage,
                    index,
                },
                got: generation,
                current: Generation(*current),
            });
        }
        *current = generation.0;
        state.holder[place(index)] = worker.0;
    }
    run.stage_mut(stage)?.ready.remove(first, end);
    run.settle(stage);
    Ok(())
}

/// Checks that the lease is the task's current one, and returns its holder.
fn current(
    run: &RunState,
    stage: StageId,
    index: u32,
    generation: Generation,
) -> Result<u32, Illegal> {
    let task = TaskId {
        run: run.id,
        stage,
        index,
    };
    let state = run.at(stage)?.1;
    let held = state
        .generation
        .get(place(index))
        .copied()
        .ok_or(Illegal::NoSuchTask(task))?;
    if held != generation.0 {
        return Err(Illegal::Generation {
            task,
            got: generation,
            current: Generation(held),
        });
    }
    Ok(state.holder.get(place(index)).copied().unwrap_or_default())
}

/// The number of leases that ended, by worker.
#[derive(Default)]
struct Freed(BTreeMap<u32, u32>);

impl Freed {
    fn one(&mut self, holder: u32) {
        *self.0.entry(holder).or_default() += 1;
    }

    fn give_back(self, state: &mut State, run: RunId, stage: StageId) {
        for (holder, count) in self.0 {
            if let Some(worker) = state.workers.get_mut(&WorkerId(holder)) {
                worker.release(run, stage, count);
            }
        }
    }

    /// Returns the tasks' places to their segments as well, since the tasks will run again.
    fn give_back_again(self, state: &mut State, run: RunId, stage: StageId) -> Result<(), Illegal> {
        for (holder, count) in &self.0 {
            let pool = state.workers.get(&WorkerId(*holder)).map(|one| one.pool);
            if let Some(pool) = pool
                && let Some(placed) = &mut get(state, run)?.stage_mut(stage)?.placed
            {
                placed.give_back(pool, *count);
            }
        }
        self.give_back(state, run, stage);
        Ok(())
    }
}

/// Keeps the times of an attempt, up to the limit.
fn record(run: &mut RunState, stage: StageId, record: AttemptRecord) -> Result<(), Illegal> {
    if run.timed_attempts < TIMED_ATTEMPTS {
        run.timed_attempts += 1;
        run.stage_mut(stage)?.attempts.push(record);
    }
    Ok(())
}

/// Attempts succeeded.
pub(super) fn finished(
    state: &mut State,
    id: RunId,
    stage: StageId,
    successes: &[Success],
) -> Result<(), Illegal> {
    let mut freed = Freed::default();
    let run = get(state, id)?;
    let shares = run.at(stage)?.1.shares;
    let mut together: Vec<Together> = Vec::new();
    for success in successes {
        let index = success.index;
        let holder = current(run, stage, index, success.generation)?;
        freed.one(holder);
        run.shift(stage, index, TaskEvent::Succeed)?;
        run.keep_pace(success.wall_us);
        run.keep(stage, index, &success.result)?;
        let one = run.stage_mut(stage)?;
        let spent = Spent {
            started_ms: success.started_ms,
            wall_us: success.wall_us,
            cpu_us: success.cpu_us,
            energy: success.energy,
        };
        one.ledger.add(spent);
        energy::join(&mut together, WorkerId(holder), spent);
        let status = AttemptStatus::ended(true, AttemptEvent::Succeed).unwrap_or_default();
        record(
            run,
            stage,
            AttemptRecord {
                index,
                generation: success.generation.0,
                status,
                started_ms: success.started_ms,
                wall_us: success.wall_us,
                ran_on: Some(success.result.ran_on.clone()),
            },
        )?;
        if shares {
            run.sharing.succeeded((stage, index));
        }
    }
    run.pass_on()?;
    run.settle(stage);
    energy::locate(state, id, stage, &together);
    freed.give_back(state, id, stage);
    history(state, id, stage, successes)
}

/// Adds attempts to the usage of their project, and to the times of stages with the same meaning.
fn history(
    state: &mut State,
    id: RunId,
    stage: StageId,
    successes: &[Success],
) -> Result<(), Illegal> {
    let State { runs, agenda, .. } = state;
    let run = runs.get(&id).ok_or(Illegal::NoSuchRun(id))?;
    let (planned, _) = run.at(stage)?;
    let pace = agenda.paces.0.entry(planned.meaning).or_default();
    let times = successes.iter().map(|success| success.wall_us);
    times.clone().for_each(|wall_us| pace.add(wall_us));
    let wall_us: u64 = times.fold(0, u64::saturating_add);
    let gpus = u64::from(gpus(&planned.stage.resources.gpus));
    let used_ms = gpus.saturating_mul(wall_us / 1000);
    if agenda.fleet.is_some() && used_ms > 0 {
        let project = &run.spec.placing.project;
        match agenda.used.get_mut(project) {
            Some(used) => *used = used.saturating_add(used_ms),
            None => {
                agenda.used.insert(project.clone(), used_ms);
            }
        }
    }
    Ok(())
}

/// An attempt failed.
pub(super) fn failed(state: &mut State, fact: &Fact) -> Result<(), Illegal> {
    let Fact::Failed {
        run: id,
        stage,
        index,
        generation,
        started_ms,
        wall_us,
        cpu_us,
        energy,
        failure,
        retry_at,
    } = fact
    else {
        return Ok(());
    };
    let (stage, index) = (*stage, *index);
    let mut freed = Freed::default();
    let run = get(state, *id)?;
    let holder = current(run, stage, index, *generation)?;
    freed.one(holder);
    let stopping = run.stopping.is_some();
    let preempted = failure.kind == FailureKind::Preempted;
    let stopped = failure.kind == FailureKind::Cancelled && (stopping || retry_at.is_some());
    let event = match retry_at {
        Some(_) => TaskEvent::Defer,
        None if stopped && run.stopping == Some(Stopping::Cancel) => TaskEvent::Cancel,
        None => TaskEvent::Fail,
    };
    run.shift(stage, index, event)?;
    run.keep_pace(*wall_us);
    // A task that was stopped and did not fail continues from its checkpoint.
    let goes_on = retry_at.is_some() && (preempted || stopped);
    let is_kept = goes_on && run.at(stage)?.0.stage.checkpoint;
    let one = run.stage_mut(stage)?;
    let spent = Spent {
        started_ms: *started_ms,
        wall_us: *wall_us,
        cpu_us: *cpu_us,
        energy: *energy,
    };
    one.ledger.add(spent);
    if !is_kept {
        one.ledger.waste(spent);
    }
    if preempted {
        one.ledger.lost_attempts += 1;
    } else if !stopped {
        one.ledger.failed_attempts += 1;
        let attempt = one.attempt(index);
        one.remember(TaskFailure {
            index,
            attempt,
            last: retry_at.is_none(),
            failure: failure.clone(),
        });
    }
    if let Some(due) = retry_at {
        let tries = one.tries.entry(index).or_default();
        match failure.kind {
            FailureKind::Infrastructure | FailureKind::Permanent | FailureKind::InputLost => {
                tries.uncharged += 1;
            }
            FailureKind::Preempted => {}
            FailureKind::Cancelled if stopping => {}
            FailureKind::Cancelled => tries.uncharged += 1,
            FailureKind::Exit(_)
            | FailureKind::Signal(_)
            | FailureKind::Timeout
            | FailureKind::Memory
            | FailureKind::Output
            | FailureKind::Input => tries.charged += 1,
        }
        if run.at(stage)?.1.given_up.is_some() {
            run.shift(stage, index, TaskEvent::Skip)?;
        } else {
            run.stage_mut(stage)?.tries.entry(index).or_default().due = Some(*due);
            run.backoffs.insert((*due, stage, index));
        }
    } else {
        run.free_followers(stage, index)?;
    }
    let how = if stopped {
        AttemptEvent::Cancel
    } else if preempted {
        AttemptEvent::Preempt
    } else {
        AttemptEvent::Fail
    };
    let status = AttemptStatus::ended(true, how).unwrap_or_default();
    record(
        run,
        stage,
        AttemptRecord {
            index,
            generation: generation.0,
            status,
            started_ms: *started_ms,
            wall_us: *wall_us,
            ran_on: failure.ran_on.clone(),
        },
    )?;
    energy::locate(state, *id, stage, &[(WorkerId(holder), spent, 1)]);
    if retry_at.is_some() {
        freed.give_back_again(state, *id, stage)?;
    } else {
        freed.give_back(state, *id, stage);
    }
    let run = get(state, *id)?;
    if preempted {
        // The pool lacks what its outlook promised, so the stage is placed again.
        run.want(stage);
    }
    run.settle(stage);
    Ok(())
}

/// Leases ended without an outcome.
pub(super) fn lost(
    state: &mut State,
    id: RunId,
    stage: StageId,
    indices: &[u32],
) -> Result<(), Illegal> {
    let run = get(state, id)?;
    let freed = take_back(run, stage, indices)?;
    let charged = run.stopping.is_none();
    let one = run.stage_mut(stage)?;
    for &index in indices {
        one.ledger.lost_attempts += 1;
        if charged {
            one.tries.entry(index).or_default().uncharged += 1;
        }
    }
    wait_again(state, id, stage, freed)
}

/// Leases were given back before anything of them ran. Nothing is charged.
pub(super) fn given_back(
    state: &mut State,
    id: RunId,
    stage: StageId,
    indices: &[u32],
) -> Result<(), Illegal> {
    let freed = take_back(get(state, id)?, stage, indices)?;
    wait_again(state, id, stage, freed)
}

/// Ends leases without an outcome. Their tasks wait again, or are cancelled with the run.
fn take_back(run: &mut RunState, stage: StageId, indices: &[u32]) -> Result<Freed, Illegal> {
    let mut freed = Freed::default();
    let cancelled = run.stopping == Some(Stopping::Cancel);
    for &index in indices {
        let generation = run.at(stage)?.1.generation.get(place(index)).copied();
        let generation = Generation(generation.unwrap_or_default());
        freed.one(current(run, stage, index, generation)?);
        release(run, stage, index, cancelled)?;
    }
    Ok(freed)
}

/// Gives the capacity of ended leases back, and lets their stage ask for its place again.
fn wait_again(state: &mut State, id: RunId, stage: StageId, freed: Freed) -> Result<(), Illegal> {
    freed.give_back_again(state, id, stage)?;
    let run = get(state, id)?;
    run.want(stage);
    run.settle(stage);
    Ok(())
}

/// Tasks whose wait for another attempt is over are ready.
pub(super) fn readied(run: &mut RunState, stage: StageId, indices: &[u32]) -> Result<(), Illegal> {
    for &index in indices {
        run.shift(stage, index, TaskEvent::Open)?;
        let one = run.stage_mut(stage)?;
        one.ready.insert(index, index + 1);
        let due = one.tries.get_mut(&index).and_then(|tries| tries.due.take());
        if let Some(due) = due {
            run.backoffs.remove(&(due, stage, index));
        }
    }
    run.settle(stage);
    Ok(())
}
