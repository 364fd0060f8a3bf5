//! Workers join and leave. The leases of a worker that left are lost, and their tasks are ready
//! again.

use std::collections::BTreeMap;

use super::retrying::UNCHARGED_LIMIT;
use crate::energy::Energy;
use crate::fact::Fact;
use crate::failure::{Failure, FailureKind};
use crate::ids::{Generation, RunId, StageId, TaskId, WorkerId, place};
use crate::input::Capacity;
use crate::order::Step;
use crate::pool::PoolId;
use crate::state::{RunState, State};
use crate::task::TaskStatus;

/// A worker joined. It holds no leases.
pub(super) fn joined(state: &State, worker: WorkerId, capacity: Capacity, pool: PoolId) -> Step {
    let mut facts = dropped(state, worker);
    facts.push(Fact::WorkerJoined {
        worker,
        capacity,
        pool,
    });
    Step {
        facts,
        orders: Vec::new(),
    }
}

/// A worker's capacity changed.
pub(super) fn capacity(state: &State, worker: WorkerId, capacity: Capacity) -> Step {
    let changed = state
        .workers
        .get(&worker)
        .is_some_and(|one| one.capacity != capacity);
    let facts = if changed {
        vec![Fact::WorkerCapacity { worker, capacity }]
    } else {
        Vec::new()
    };
    Step {
        facts,
        orders: Vec::new(),
    }
}

/// A worker is gone.
pub(super) fn lost(state: &State, worker: WorkerId) -> Step {
    if !state.workers.contains_key(&worker) {
        return Step::default();
    }
    let mut facts = dropped(state, worker);
    facts.push(Fact::WorkerLost { worker });
    Step {
        facts,
        orders: Vec::new(),
    }
}

/// The facts that end the leases of a worker. Costs time in proportion to the stages of which it
/// held tasks.
fn dropped(state: &State, worker: WorkerId) -> Vec<Fact> {
    let mut stages: BTreeMap<(RunId, StageId), Vec<u32>> = BTreeMap::new();
    let held = state.workers.get(&worker).map(|one| &one.held);
    for &(run, id) in held.into_iter().flat_map(BTreeMap::keys) {
        let Some((_, stage)) = state.runs.get(&run).and_then(|one| one.get(id)) else {
            continue;
        };
        let indices = (0..stage.count()).filter(|index| {
            stage.status_of(*index) == Some(TaskStatus::Active)
                && stage.holder.get(place(*index)) == Some(&worker.0)
        });
        stages.insert((run, id), indices.collect());
    }
    let mut facts = Vec::new();
    for ((run, stage), indices) in stages {
        let Some(one) = state.runs.get(&run) else {
            continue;
        };
        let (given_up, again): (Vec<u32>, Vec<u32>) = indices
            .into_iter()
            .partition(|&index| is_hopeless(state, TaskId { run, stage, index }));
        facts.extend(
            given_up
                .into_iter()
                .filter_map(|index| give_up(one, stage, index)),
        );
        if !again.is_empty() {
            facts.push(Fact::Lost {
                run,
                stage,
                indices: again,
            });
        }
    }
    facts
}

/// Whether a task was lost as often as it may be. This is never so while its run is being stopped.
pub(super) fn is_hopeless(state: &State, task: TaskId) -> bool {
    state.runs.get(&task.run).is_some_and(|run| {
        run.stopping.is_none()
            && run
                .get(task.stage)
                .and_then(|(_, stage)| stage.tries.get(&task.index))
                .is_some_and(|tries| tries.uncharged + 1 >= UNCHARGED_LIMIT)
    })
}

fn give_up(run: &RunState, id: StageId, index: u32) -> Option<Fact> {
    let (_, stage) = run.get(id)?;
    Some(Fact::Failed {
        run: run.id,
        stage: id,
        index,
        generation: Generation(stage.generation.get(place(index)).copied()?),
        started_ms: stage.ledger.last_ended_ms,
        wall_us: 0,
        cpu_us: 0,
        energy: Energy::Missing,
        failure: Failure {
            kind: FailureKind::Infrastructure,
            message: format!(
                "its worker was lost {UNCHARGED_LIMIT} times while it ran; check whether this task \
                 brings its machine down, for example by using all of its memory"
            ),
            log_tail: String::new(),
            ran_on: None,
        },
        retry_at: None,
    })
}
